"""The tree's shape follows from content: one changed document changes its own branch, and nothing beside it.

Run: pytest tests/tasks/reduce/test_tree.py
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.infer.cache_key import window_key
from tasks.infer.quotes import Quote
from tasks.ledger import Ledger
from tasks.reduce.tree import SummaryNode, corpus_tree, document_key, document_tree
from tasks.settings import InferConfig

KEY = "cachekey"
CONFIG = InferConfig(fan_in=4, quotes=3)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger(tmp_path_factory.mktemp("home") / "ledger.sqlite") as ledger:
        yield ledger


def quote(document: str, window: int, said: str) -> Quote:
    text = f"{said} is what window {window} of {document} says"
    start = window * 1000
    return Quote(text, document, start, start + len(text), len(said) + window % 7)


def read(ledger: Ledger, document: str, said: Sequence[str]) -> list[SummaryNode]:
    """The tree of a document whose windows said this; a window that said nothing has no quote."""
    items = []
    for window, words in enumerate(said):
        quotes = [quote(document, window, words).as_dict()] if words else []
        items.append((window_key(KEY, document, window), "window", json.dumps(quotes).encode()))
    ledger.put_many(items)
    return document_tree(ledger, KEY, document, len(said), CONFIG)


def below(nodes: Sequence[SummaryNode], top: SummaryNode) -> set[str]:
    """Ids of a node and of all nodes it was merged from."""
    by_id = {node.id: node for node in nodes}
    found, left = set[str](), [top.id]
    while left:
        name = left.pop()
        found.add(name)
        left += by_id[name].children if name in by_id else ()
    return found


WINDOWS = st.lists(st.sampled_from(["", "one", "three", "seven"]), min_size=1, max_size=60)


@given(WINDOWS)
def test_every_quotable_window_is_below_the_document_once(ledger: Ledger, said: list[str]) -> None:
    nodes = read(ledger, "d", said)
    leaves = [node for node in nodes if node.level == "window"]
    assert [node.windows[0] for node in leaves] == [number for number, words in enumerate(said) if words]
    if not leaves:
        assert nodes == []
        return
    children = [child for node in nodes for child in node.children]
    assert sorted(children) == sorted(node.id for node in nodes[:-1])
    assert nodes[-1].id == document_key(KEY, "d")
    assert below(nodes, nodes[-1]) == {node.id for node in nodes}
    assert all(len(node.children) <= CONFIG.fan_in for node in nodes)
    assert all(len(node.quotes) <= CONFIG.quotes for node in nodes if node.level != "window")


@given(WINDOWS.filter(any), st.data())
def test_a_window_that_says_something_else_changes_only_what_is_merged_from_it(
    ledger: Ledger, said: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.sampled_from([number for number, words in enumerate(said) if words]))
    before = {node.id: node for node in read(ledger, "d", said)}
    after = read(ledger, "d", [*said[:at], "eleven words longer", *said[at + 1 :]])
    for node in after:
        covers = node.windows[0] <= at <= node.windows[1]
        assert covers or before[node.id] == node


def document(name: str, said: str = "") -> SummaryNode:
    """A document's own node."""
    ident = hashlib.sha256(name.encode()).hexdigest()
    quotes = (quote(ident, 0, said or name),)
    return SummaryNode(document_key(KEY, ident), "document", ident, "", (0, 0), (0, 10), quotes, ())


NAMES = st.sets(st.integers(0, 10**6), min_size=1, max_size=120).map(sorted)


@given(NAMES, st.randoms(use_true_random=False))
def test_a_corpus_does_not_depend_on_the_order_in_which_its_documents_were_found(
    names: list[int], random: "object"
) -> None:
    documents = [document(str(name)) for name in names]
    shuffled = list(documents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    nodes = corpus_tree(KEY, "c", documents, CONFIG)
    assert corpus_tree(KEY, "c", shuffled, CONFIG) == nodes
    assert below(nodes, nodes[-1]) == {node.id for node in [*nodes, *documents]}
    assert all(len(node.children) <= 2 * CONFIG.fan_in for node in nodes)


@given(NAMES, st.data())
def test_a_changed_document_leaves_the_groups_before_it_as_they_were(
    names: list[int], data: st.DataObject
) -> None:
    """Groups end where a document's own hash says so, from the first document on."""
    documents = [document(str(name)) for name in names]
    changed = data.draw(st.sampled_from(documents))
    fresh = document(f"{changed.document} now says something else")
    before = corpus_tree(KEY, "c", documents, CONFIG)
    after = corpus_tree(KEY, "c", [one for one in documents if one != changed] + [fresh], CONFIG)
    known = {node.id for node in before}
    first = min(changed.document, fresh.document)
    leaves = {one.id: one.document for one in [*documents, fresh]}
    groups = [node for node in after if set(node.children) <= leaves.keys()]
    assert all(node.id in known or leaves[node.children[-1]] >= first for node in groups)
    assert after[-1].id not in known


def test_of_a_large_corpus_most_groups_stay_when_a_document_changes() -> None:
    documents = [document(str(name)) for name in range(400)]
    before = {node.id for node in corpus_tree(KEY, "c", documents, CONFIG)}
    for at in range(0, 400, 40):
        fresh = document(f"{at} changed")
        after = {
            node.id for node in corpus_tree(KEY, "c", [*documents[:at], *documents[at + 1 :], fresh], CONFIG)
        }
        assert len(after - before) <= 16 < len(before) // 6


def test_another_corpus_or_another_key_is_another_tree() -> None:
    documents = [document(str(name)) for name in range(20)]
    ids = [
        {node.id for node in corpus_tree(*names, documents, CONFIG)}
        for names in (("k", "c"), ("k", "d"), ("l", "c"))
    ]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]
