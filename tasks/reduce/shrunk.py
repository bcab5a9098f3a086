"""A corpus's tree after documents have gone from it: only the nodes above them are made again.

The idea: themes stay what they are, less the documents that went, so nothing is clustered or read again and
every other node keeps its id. A theme of which one document is left is a theme no more.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.reduce.themes import corpus_node, theme_node
from tasks.reduce.tree import SummaryNode

_THEME = re.compile(r"(?P<name>.+): [\d,]+ documents?")
"""The first line of a theme; that of the corpus counts kinds in brackets."""


@dataclass(frozen=True)
class Shrunk:
    """What documents that went leave of a tree."""

    touched: frozenset[str]
    """Ids of the nodes that told of them."""
    made: tuple[SummaryNode, ...]
    """Those that take their place."""


def shrunk(
    key: str, tree: Sequence[SummaryNode], documents: Mapping[str, SummaryNode], gone: Collection[str]
) -> Shrunk:
    """Make the nodes above documents that went again.

    Args:
        tree: nodes of one corpus.
        documents: its documents' own nodes that stay, by id.
        gone: ids of the document nodes that go.
    """
    left: dict[str, SummaryNode | None] = {**documents, **dict.fromkeys(gone)}
    touched, made = set[str](), dict[str, SummaryNode]()
    for node in _upwards(tree):
        below = [left[child] for child in node.children if child in left]
        kept = [child for child in below if child is not None]
        if {child.id for child in kept} == left.keys() & set(node.children):
            left[node.id] = node
            continue
        touched.add(node.id)
        left[node.id] = new = _again(
            key, node, kept, {one.id: one for one in (*tree, *made.values())}, documents
        )
        if new is not None and new.level == "corpus":
            made[new.id] = new
    return Shrunk(frozenset(touched), tuple(made.values()))


def _again(
    key: str,
    node: SummaryNode,
    kept: list[SummaryNode],
    known: Mapping[str, SummaryNode],
    documents: Mapping[str, SummaryNode],
) -> SummaryNode | None:
    """A node over what is left below it; one document stands for itself where it was a theme's last."""
    members = [one for child in kept for one in _documents(child, known, documents)]
    theme = _THEME.fullmatch(node.text.splitlines()[0])
    if not members:
        return None
    if theme is None:
        return corpus_node(key, node.corpus, members, kept)
    if len(members) == 1:
        return members[0]
    grouped = kept if any(child.level == "corpus" for child in kept) else ()
    return theme_node(key, node.corpus, theme["name"], members, grouped)


def _documents(
    node: SummaryNode, known: Mapping[str, SummaryNode], documents: Mapping[str, SummaryNode]
) -> Iterator[SummaryNode]:
    """The documents below a node that stay, in its order."""
    if node.level == "document":
        yield node
        return
    for child in node.children:
        if child in documents:
            yield documents[child]
        elif child in known:
            yield from _documents(known[child], known, documents)


def _upwards(tree: Sequence[SummaryNode]) -> Iterator[SummaryNode]:
    """Every node after those below it."""
    known, done = {node.id: node for node in tree}, set[str]()

    def walk(node: SummaryNode) -> Iterator[SummaryNode]:
        if node.id not in done:
            done.add(node.id)
            for child in node.children:
                if child in known:
                    yield from walk(known[child])
            yield node

    for node in tree:
        yield from walk(node)
