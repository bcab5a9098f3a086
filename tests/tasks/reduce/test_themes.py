"""A corpus is told by themes: documents that mean alike, by title, with a sentence cited from each.

Run: pytest tests/tasks/reduce/test_themes.py
"""

import hashlib
import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.infer.quotes import Quote
from tasks.reduce.themes import NO_THEME, SHOWN, Vectors, corpus_tree
from tasks.reduce.tree import SummaryNode, document_key

KEY = "cachekey"
FAN_IN = 4
THEMES = ("bread", "boats", "bells", "roads")


def document(number: int, theme: str, kind: str = "report") -> SummaryNode:
    """A document's own node; it talks of its theme."""
    ident = hashlib.sha256(f"{theme} {number}".encode()).hexdigest()
    text = f"Paper {number} tells how {theme} are made by hand."
    quote = Quote(text, ident, 0, len(text))
    title = f"On {theme}, part {number}"
    name = document_key(KEY, ident)
    return SummaryNode(
        name, "document", ident, "", (0, 0), (0, 99), (quote,), (), f"{title}\n{text}", title, kind
    )


def of_the_mill(node: SummaryNode) -> SummaryNode:
    """The same document under another title."""
    title = f"{node.title} at the mill"
    return replace(node, title=title, text=node.text.replace(node.title, title))


def vectors(documents: list[SummaryNode]) -> Vectors:
    """Near each other for documents of one theme, far for those of others."""
    found = {}
    for node in documents:
        theme = next(at for at, name in enumerate(THEMES) if name in node.text)
        vector = np.random.default_rng(int(node.document[:8], 16)).normal(0, 0.1, 8)
        vector[theme] += 1
        found[node.document] = tuple((vector / np.linalg.norm(vector)).tolist())
    return found


def tree(documents: list[SummaryNode], corpus: str = "c", key: str = KEY) -> list[SummaryNode]:
    return corpus_tree(key, corpus, documents, vectors(documents), FAN_IN)


def library(size: int = 12) -> list[SummaryNode]:
    return [document(number, THEMES[number % 3]) for number in range(size)]


def test_documents_that_mean_alike_are_a_theme_named_by_its_words() -> None:
    nodes = tree(library())
    themes, top = nodes[:-1], nodes[-1]
    assert sorted(theme.text.split(":")[0].lower().split(", ")[0] for theme in themes) == sorted(THEMES[:3])
    for theme in themes:
        name = next(one for one in THEMES if one in theme.text.lower().split(":")[0])
        assert len(theme.children) == 4
        assert all(name in quote.text for quote in theme.quotes), "no text of another theme is quoted"
    assert top.children == tuple(theme.id for theme in themes)
    assert "12 documents (12 reports)" in top.text


def test_every_document_is_named_with_a_sentence_that_is_cited_from_it() -> None:
    documents = library()
    nodes = tree(documents)
    for node in documents:
        (theme,) = [one for one in nodes[:-1] if node.id in one.children]
        assert f"- {node.title}: {node.quotes[0].text}" in theme.text
        assert node.quotes[0] in theme.quotes


def test_a_document_called_by_its_first_sentence_is_listed_without_saying_it_twice() -> None:
    documents = [replace(node, title=node.quotes[0].text.rstrip(".")) for node in library()]
    listed = tree(documents)[-1].text
    for node in documents:
        assert listed.count(node.title) == 1


def test_a_document_like_no_other_stands_by_itself() -> None:
    alone = document(1, "roads")
    top = tree([*library(), alone])[-1]
    assert alone.id in top.children
    assert f"- {alone.title}" in top.text


def test_one_document_or_none() -> None:
    (only,) = tree([document(0, "bread")])
    assert only.children == (document(0, "bread").id,)
    assert tree([]) == []


def test_documents_that_share_no_name_are_no_theme_however_near_they_are() -> None:
    said = {
        "Of rye": "The baker of bread rises before the sun.",
        "At noon": "Who sells bread rests in winter.",
    }
    apart = [
        replace(document(number, "bread"), title=title, text=f"{title}\n{text}")
        for number, (title, text) in enumerate(said.items())
    ]
    top = tree([*(document(number, "boats") for number in range(4)), *apart])[-1]
    assert "Boats: 4 documents" in top.text
    assert f"{NO_THEME}: 2 documents" in top.text
    assert {node.id for node in apart} < set(top.children)


def test_a_theme_is_called_as_its_documents_write_and_by_nothing_that_all_of_a_kind_name() -> None:
    texts = [
        "Harbour Pilots Guild rules (report)\nThe Harbour Pilots Guild meets in May. A report of boats.",
        "The Guild in winter (report)\nThe Harbour Pilots Guild lays up boats. Its report is short.",
    ]
    members = []
    for number, text in enumerate(texts):
        title = text.splitlines()[0]
        members.append(replace(document(number, "boats"), title=title, text=text))
    others = [document(number, "bread") for number in range(4)]
    names = tree([*others, *members])[-1].text.splitlines()
    assert "Harbour Pilots Guild: 2 documents" in names


def test_a_large_theme_counts_what_it_does_not_list() -> None:
    documents = [document(number, "bread") for number in range(40)]
    nodes = tree(documents)
    assert nodes[-1].text.count("\n- On bread") == SHOWN
    assert f"and {40 - SHOWN} more" in nodes[-1].text
    assert all(len(node.children) <= 2 * FAN_IN for node in nodes[:-1])


@settings(max_examples=30)
@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=60).map(sorted), st.integers(0, 99))
def test_a_corpus_does_not_depend_on_the_order_in_which_its_documents_were_found(
    names: list[int], seed: int
) -> None:
    documents = [document(name, THEMES[name % 4]) for name in names]
    shuffled = list(documents)
    random.Random(seed).shuffle(shuffled)
    nodes = tree(documents)
    assert tree(shuffled) == nodes
    by_id = {node.id: node for node in [*nodes, *documents]}
    left, found = [nodes[-1].id], set[str]()
    while left:
        found.add(left[-1])
        left += by_id[left.pop()].children
    assert found == by_id.keys()


def test_a_theme_of_another_name_is_another_record() -> None:
    documents = [document(number, theme) for number in (1, 2) for theme in ("bread", "boats")]
    documents = [of_the_mill(node) if "bread" in node.text else node for node in documents]
    fresh = [of_the_mill(document(number, "boats")) for number in (3, 4)]
    some, more = ({node.id: node.text for node in tree(found)} for found in (documents, [*documents, *fresh]))
    (one,), (other,) = (
        [ident for ident, text in nodes.items() if text.startswith("Bread")] for nodes in (some, more)
    )
    assert some[one].splitlines()[1:] == more[other].splitlines()[1:]
    assert some[one].splitlines()[0] != more[other].splitlines()[0]
    assert one != other


def test_of_a_large_corpus_most_nodes_stay_when_a_document_changes() -> None:
    documents = [document(number, THEMES[number % 4]) for number in range(400)]
    before = {node.id for node in tree(documents)}
    for at in range(5, 400, 80):
        fresh = document(1000 + at, THEMES[at % 4])
        after = {node.id for node in tree([*documents[:at], *documents[at + 1 :], fresh])}
        assert len(after - before) <= 12 < len(before) // 3


def test_another_corpus_or_another_key_is_another_tree() -> None:
    documents = library(20)
    ids = [{node.id for node in tree(documents, *names)} for names in (("c", "k"), ("d", "k"), ("c", "l"))]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]
