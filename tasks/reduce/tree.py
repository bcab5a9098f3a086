"""Reduce: windows into sections, sections into the document, documents into the corpus.

The tree's shape depends on content identity alone: a section is a fixed run of window numbers, a group
of documents ends where a document's own hash says so. One changed document therefore changes only its
own branch. Every node stands on verbatim quotes, the most salient of its children's; its summary is
written from those quotes, and only what they support is kept.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from tasks.infer.quotes import Quote, select
from tasks.infer.windows import Models, identity, window_key
from tasks.ledger import Ledger
from tasks.reduce.grounding import ground
from tasks.settings import InferConfig
from tasks.text import sentences


@dataclass(frozen=True)
class Node:
    """One record to be: its place in the tree and the quotes it stands on."""

    id: str
    level: str
    document: str
    corpus: str
    windows: tuple[int, int]
    """First and last window, inclusive."""
    chars: tuple[int, int]
    quotes: tuple[Quote, ...]
    children: tuple[str, ...]


def window_nodes(ledger: Ledger, key: str, document: str, windows: int) -> list[Node]:
    """Nodes of the windows a reader has journaled; a window without a quotable sentence has none."""
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
) -> Node:
    chars = (min(q.start for q in quotes), max(q.end for q in quotes)) if document else (0, 0)
    return Node(name, level, document, corpus, windows, chars, quotes, children)


def document_key(key: str, document: str) -> str:
    """Id of a document's own record; known before the document is read."""
    return identity("document", key, document)


def document_tree(ledger: Ledger, key: str, document: str, windows: int, config: InferConfig) -> list[Node]:
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


def _runs(nodes: Sequence[Node], width: int) -> Iterator[list[Node]]:
    """Children of each section: those whose first window lies in the same run of `width` windows."""
    runs: dict[int, list[Node]] = {}
    for node in nodes:
        runs.setdefault(node.windows[0] // width, []).append(node)
    yield from runs.values()


def _section(key: str, children: Sequence[Node], config: InferConfig) -> Node:
    name = identity("section", key, *(child.id for child in children))
    return _merge(name, "section", children[0].document, "", children, config)


def _merge(
    name: str, level: str, document: str, corpus: str, children: Sequence[Node], config: InferConfig
) -> Node:
    quotes = select([quote for child in children for quote in child.quotes], config.quotes)
    windows = (children[0].windows[0], children[-1].windows[1]) if document else (0, 0)
    return _node(name, level, document, corpus, windows, tuple(quotes), tuple(c.id for c in children))


def corpus_tree(key: str, corpus: str, documents: Sequence[Node], config: InferConfig) -> list[Node]:
    """Nodes that merge the documents of a corpus, the corpus itself last; empty for no documents."""
    level = sorted(documents, key=lambda node: node.document)
    nodes: list[Node] = []
    while len(level) > config.fan_in:
        level = [_corpus_node(key, corpus, group, config) for group in _groups(level, config.fan_in)]
        nodes += level
    return [*nodes, _corpus_node(key, corpus, level, config)] if level else []


def _corpus_node(key: str, corpus: str, children: Sequence[Node], config: InferConfig) -> Node:
    name = identity("corpus", key, corpus, *(child.id for child in children))
    return _merge(name, "corpus", "", corpus, children, config)


def _groups(nodes: Sequence[Node], fan_in: int) -> Iterator[list[Node]]:
    """Content-defined groups of 2 to 2 * fan_in: a node whose id hashes to 0 mod fan_in closes its group."""
    group: list[Node] = []
    for index, node in enumerate(nodes):
        group.append(node)
        closes = int(node.id[:8], 16) % fan_in == 0 and len(group) > 1
        if (closes or len(group) == 2 * fan_in) and index + 1 < len(nodes):
            yield group
            group = []
    if group:
        yield group


@dataclass(frozen=True)
class Summary:
    """What is stored as a node's summary."""

    text: str
    generated: bool
    grounding: float
    dropped: int


def summary_key(node: Node) -> str:
    """Key of a summary: a single child's summary is its parent's, so the key is that of the quotes."""
    return identity("summary", *((quote.document, quote.start, quote.end) for quote in node.quotes))


def summarise(
    nodes: Sequence[Node], models: Models, key: str, ledger: Ledger, progress: Callable[[int], None]
) -> int:
    """Write the summaries that the ledger does not hold yet; returns how many were decoded.

    Batches are drawn from all nodes, done or not, so a run that resumes decodes the very same batches;
    nodes of like length share one, so that little is spent on padding.
    """
    wanted = sorted(
        {identity(key, summary_key(node)): node for node in nodes}.items(),
        key=lambda item: (sum(len(quote.text) for quote in item[1].quotes), item[0]),
    )
    done = ledger.has_many([name for name, _ in wanted])
    decoded = 0
    for start in range(0, len(wanted), models.config.summary_batch_size):
        batch = wanted[start : start + models.config.summary_batch_size]
        missing = {name for name, _ in batch} - done
        if missing:
            items = [item for item in _decode(batch, models) if item[0] in missing]
            ledger.put_many(items)
            decoded += len(items)
        progress(len(batch))
    return decoded


def _decode(batch: Sequence[tuple[str, Node]], models: Models) -> Iterator[tuple[str, str, bytes]]:
    """Grounded summaries of a batch, as ledger items."""
    drafts = models.writer.write(["\n".join(quote.text for quote in node.quotes) for _, node in batch])
    for (name, node), draft in zip(batch, drafts, strict=True):
        spans = [q.text[slice(*span)] for q in node.quotes for span in sentences(q.text)]
        kept = ground(draft, spans, models.config.ground)
        best = max(node.quotes, key=lambda quote: quote.salience).text
        text, support = (kept.summary, kept.support) if kept.summary else (best, 1.0)
        summary = Summary(text, bool(kept.summary), support, kept.dropped)
        yield name, "summary", json.dumps(asdict(summary)).encode()


def load_summary(ledger: Ledger, key: str, node: Node) -> Summary:
    """The summary `summarise` wrote for this node."""
    payload = ledger.get(identity(key, summary_key(node)))
    assert payload is not None, f"no summary of {node.level} {node.id}"
    return Summary(**json.loads(payload))
