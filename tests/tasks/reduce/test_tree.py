"""The tree's shape follows from content: a change changes what is above it, and nothing beside it.

Run: pytest tests/tasks/reduce/test_tree.py
"""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tasks.infer.journal import WindowNote
from tasks.reduce.candidates import Candidate
from tasks.reduce.reading import Reading
from tasks.reduce.tree import SummaryNode, by_window, document_key, document_tree
from tests.tasks.reduce.texts import read_as

FAN_IN = 4
KEY = "cachekey"
SENTENCE_CHARS = 100


def said(number: int, words: str) -> str:
    """A sentence of exactly SENTENCE_CHARS characters, or blanks for a part that says nothing."""
    text = (
        f"The {words} ledger of room {number} was closed by its keeper in the year {1000 + number}"
        if words
        else ""
    )
    return text.ljust(SENTENCE_CHARS - 2) + (". " if words else "  ")


def read(parts: Sequence[str]) -> list[SummaryNode]:
    """The tree of a document of one sentence a window; a window that says nothing has none."""
    text = "".join(said(number, words) for number, words in enumerate(parts)) + "\n"
    whole = read_as(text)
    notes = [
        WindowNote(number * SENTENCE_CHARS, (number + 1) * SENTENCE_CHARS) for number in range(len(parts))
    ]
    return document_tree(
        KEY, Reading(whole.document, whole.candidates, notes, whole.outline, whole.how), FAN_IN, 60
    )


def below(nodes: Sequence[SummaryNode], top: SummaryNode) -> set[str]:
    """Ids of a node and of all nodes it was merged from."""
    by_id = {node.id: node for node in nodes}
    found, left = set[str](), [top.id]
    while left:
        name = left.pop()
        found.add(name)
        left += by_id[name].children if name in by_id else ()
    return found


WINDOWS = st.lists(st.sampled_from(["", "old green", "wide blue", "long red"]), min_size=1, max_size=40)


@given(WINDOWS)
def test_every_window_that_says_something_is_below_the_document_once(parts: list[str]) -> None:
    nodes = read(parts)
    leaves = [node for node in nodes if node.level == "window"]
    assert [node.windows[0] for node in leaves] == [number for number, words in enumerate(parts) if words]
    if not leaves:
        assert [node.level for node in nodes] == ["document"]
        return
    children = [child for node in nodes for child in node.children]
    assert sorted(children) == sorted(node.id for node in nodes[:-1])
    assert nodes[-1].id == document_key(KEY, "d" * 64)
    assert below(nodes, nodes[-1]) == {node.id for node in nodes}
    assert all(len(node.children) <= FAN_IN for node in nodes)


@given(WINDOWS.filter(any), st.data())
def test_a_window_that_says_something_else_changes_only_what_is_made_from_it(
    parts: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.sampled_from([number for number, words in enumerate(parts) if words]))
    before = {node.id: node for node in read(parts)}
    for node in read([*parts[:at], "very dark", *parts[at + 1 :]]):
        covers = node.windows[0] <= at <= node.windows[1]
        assert covers or before[node.id] == node


@given(st.lists(st.integers(1, 30), max_size=30), st.integers(10, 80), st.integers(1, 40))
def test_a_sentence_belongs_to_every_window_that_holds_it_whole(
    lengths: list[int], width: int, stride: int
) -> None:
    sentences, at = [], 0
    for length in lengths:
        sentences.append(Candidate(at, at + length, "", ""))
        at += length + 1
    stride = min(stride, width)
    notes = [WindowNote(start, start + width) for start in range(0, max(1, at), stride)]
    found = list(by_window(sentences, notes))
    for note, held in zip(notes, found, strict=True):
        assert held == [one for one in sentences if note.start <= one.start and one.end <= note.end]
