"""When documents go from a corpus only the nodes above them are made again.

Run: pytest tests/tasks/reduce/test_shrunk.py
"""

from tasks.reduce.shrunk import Shrunk, shrunk
from tasks.reduce.tree import SummaryNode
from tests.tasks.reduce.test_themes import KEY, document, library, tree


def without(documents: list[SummaryNode], going: list[SummaryNode]) -> tuple[list[SummaryNode], Shrunk]:
    nodes = tree(documents)
    stay = {node.id: node for node in documents if node not in going}
    return nodes, shrunk(KEY, nodes, stay, {node.id for node in going})


def test_a_theme_loses_the_document_and_the_others_stay_as_they_are() -> None:
    documents = library()
    nodes, found = without(documents, documents[:1])
    above = {node.id for node in nodes if documents[0].id in node.children or node is nodes[-1]}
    assert found.touched == above
    assert len(found.made) == 2
    for node in found.made:
        assert documents[0].title not in node.text
        assert all(quote.document != documents[0].document for quote in node.quotes)
    told = found.made[-1]
    assert told.text.splitlines()[0].startswith("11 documents")
    assert all(node.text in told.text for node in found.made[:-1])
    assert found.made[0].id in told.children


def test_of_a_theme_of_two_the_other_stands_alone() -> None:
    documents = [document(0, "bread"), document(1, "bread"), document(0, "boats"), document(1, "boats")]
    _, found = without(documents, documents[:1])
    (told,) = found.made
    assert documents[1].id in told.children
    assert documents[1].title in told.text


def test_a_theme_in_groups_keeps_the_groups_that_are_not_touched() -> None:
    documents = [document(number, "bread") for number in range(30)]
    nodes, found = without(documents, documents[3:5])
    assert len(nodes) > 4
    groups = {node.id for node in nodes[:-1]} - found.touched
    assert groups
    assert groups <= set(found.made[-1].children)
    assert found.made[-1].text.splitlines()[0].endswith(": 28 documents")


def test_where_none_is_left_there_is_no_corpus() -> None:
    documents = library(4)
    nodes, found = without(documents, documents)
    assert found.touched == {node.id for node in nodes}
    assert found.made == ()


def test_what_was_never_told_of_touches_nothing() -> None:
    documents = library()
    assert shrunk(KEY, tree(documents), {node.id: node for node in documents}, {"other"}) == Shrunk(
        frozenset(), ()
    )
