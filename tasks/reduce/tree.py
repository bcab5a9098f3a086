"""Reduce: windows into sections, sections into the document, documents into the corpus.

The tree's shape depends on content identity alone: a section is a fixed run of window numbers, a group
of documents ends where a document's own hash says so. One changed document therefore changes only its
own branch. Every node holds verbatim quotes, the most salient of its children's; its summary is
written from those quotes, and only what they support is kept.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.infer.cache_key import identity, window_key
from tasks.infer.quotes import Quote, select
from tasks.ledger import Ledger
from tasks.settings import InferConfig


@dataclass(frozen=True)
class SummaryNode:
    """A node of the tree and the quotes that support its summary; it becomes one record."""

    id: str
    level: str
    document: str
    corpus: str
    windows: tuple[int, int]
    """First and last window, inclusive."""
    chars: tuple[int, int]
    quotes: tuple[Quote, ...]
    children: tuple[str, ...]


def window_nodes(ledger: Ledger, key: str, document: str, windows: int) -> list[SummaryNode]:
    """Leaves: the windows whose quotes the ledger holds; a window without a quotable sentence has none."""
    nodes = []
    for window in range(windows):
        name = window_key(key, document, window)
        payload = ledger.get(name)
        assert payload is not None, f"window {window} of {document} was not read"
        quotes = tuple(Quote(**quote) for quote in json.loads(payload))
        if quotes:
            nodes.append(_node(name, "window", document, "", (window, window), quotes, ()))
    return nodes


def _node(
    name: str,
    level: str,
    document: str,
    corpus: str,
    windows: tuple[int, int],
    quotes: tuple[Quote, ...],
    children: tuple[str, ...],
) -> SummaryNode:
    chars = (min(q.start for q in quotes), max(q.end for q in quotes)) if document else (0, 0)
    return SummaryNode(name, level, document, corpus, windows, chars, quotes, children)


def document_key(key: str, document: str) -> str:
    """Id of a document's own record; known before the document is read."""
    return identity("document", key, document)


def document_tree(
    ledger: Ledger, key: str, document: str, windows: int, config: InferConfig
) -> list[SummaryNode]:
    """All nodes of one document, leaves first, the document last; empty if nothing is quotable."""
    level = window_nodes(ledger, key, document, windows)
    nodes = list(level)
    width = config.fan_in
    while len(level) > config.fan_in:
        level = [_section(key, group, config) for group in _runs(level, width)]
        nodes += level
        width *= config.fan_in
    if not level:
        return []
    root = _merge(document_key(key, document), "document", document, "", level, config)
    return [*nodes, root]


def _runs(nodes: Sequence[SummaryNode], width: int) -> Iterator[list[SummaryNode]]:
    """Children of each section: those whose first window lies in the same run of `width` windows."""
    runs: dict[int, list[SummaryNode]] = {}
    for node in nodes:
        runs.setdefault(node.windows[0] // width, []).append(node)
    yield from runs.values()


def _section(key: str, children: Sequence[SummaryNode], config: InferConfig) -> SummaryNode:
    name = identity("section", key, *(child.id for child in children))
    return _merge(name, "section", children[0].document, "", children, config)


def _merge(
    name: str, level: str, document: str, corpus: str, children: Sequence[SummaryNode], config: InferConfig
) -> SummaryNode:
    quotes = select([quote for child in children for quote in child.quotes], config.quotes)
    windows = (children[0].windows[0], children[-1].windows[1]) if document else (0, 0)
    return _node(name, level, document, corpus, windows, tuple(quotes), tuple(c.id for c in children))


def corpus_tree(
    key: str, corpus: str, documents: Sequence[SummaryNode], config: InferConfig
) -> list[SummaryNode]:
    """Nodes that merge the documents of a corpus, the corpus itself last; empty for no documents."""
    level = sorted(documents, key=lambda node: node.document)
    nodes: list[SummaryNode] = []
    while len(level) > config.fan_in:
        level = [_corpus_node(key, corpus, group, config) for group in _groups(level, config.fan_in)]
        nodes += level
    return [*nodes, _corpus_node(key, corpus, level, config)] if level else []


def _corpus_node(key: str, corpus: str, children: Sequence[SummaryNode], config: InferConfig) -> SummaryNode:
    name = identity("corpus", key, corpus, *(child.id for child in children))
    return _merge(name, "corpus", "", corpus, children, config)


def _groups(nodes: Sequence[SummaryNode], fan_in: int) -> Iterator[list[SummaryNode]]:
    """Content-defined groups of 2 to 2 * fan_in: a node whose id hashes to 0 mod fan_in closes its group."""
    group: list[SummaryNode] = []
    for index, node in enumerate(nodes):
        group.append(node)
        closes = int(node.id[:8], 16) % fan_in == 0 and len(group) > 1
        if (closes or len(group) == 2 * fan_in) and index + 1 < len(nodes):
            yield group
            group = []
    if group:
        yield group
