"""Remember: nodes and passages become records, staged as Parquet, then published in one commit.

Data first, marker last: records are staged and verified, the committer publishes them all or none, and
only then does the ledger say of a document that it is done.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tasks.infer.quotes import Quote
from tasks.infer.windows import Models, Source, identity
from tasks.ingest.parse import read_segments
from tasks.ledger import Ledger
from tasks.memory.reader import Memory
from tasks.memory.sources import documents_of
from tasks.reduce.tree import Node, document_key, load_summary
from tasks.text import stream_passages

EMBED_BATCH = 64
Record = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """What the ledger knows of a document that was read and published."""

    windows: int
    tokens: int
    node: Node | None
    """The document's own node, from which a corpus is merged; None if nothing in it was quotable."""


def mark_done(ledger: Ledger, key: str, document: str, done: Done) -> None:
    """The last step of a document's life in a run."""
    ledger.put(document_key(key, document), "document", json.dumps(asdict(done)).encode())


def load_done(ledger: Ledger, key: str, document: str) -> Done | None:
    """None for a document that no run has finished under this cache key."""
    payload = ledger.get(document_key(key, document))
    if payload is None:
        return None
    kept = json.loads(payload)
    node = kept["node"]
    if node is not None:
        quotes = tuple(Quote(**quote) for quote in node["quotes"])
        tuples = {name: tuple(node[name]) for name in ("windows", "chars", "children")}
        node = Node(**{**node, **tuples, "quotes": quotes})
    return Done(kept["windows"], kept["tokens"], node)


def published_documents(memory: Memory | None) -> set[str]:
    """Documents the published memory cites."""
    return documents_of(memory.sources if memory else None)


def records(
    nodes: Sequence[Node],
    documents: Iterable[tuple[str, Source]],
    home: Path,
    models: Models,
    key: str,
    ledger: Ledger,
    run: str,
) -> Iterator[Record]:
    """Every record of a run: the nodes' summaries with their quotes, and the documents' passages."""
    common = {"model": models.name, "skip_key": key, "run": run, "created": datetime.now(UTC)}
    for batch in _batches(iter(nodes)):
        rows = [_node_record(node, ledger, key) for node in batch]
        texts = ["\n".join([row["summary"], *(quote["text"] for quote in row["quotes"])]) for row in rows]
        yield from _finished(rows, models.embedder.encode(texts), common)
    for document, source in documents:
        found = stream_passages(
            ((start, text) for start, text, *_ in read_segments(home, source.parsed, source.part)),
            models.config.passage_chars,
        )
        for passages in _batches(found):
            rows = [_passage_record(document, key, *passage) for passage in passages]
            yield from _finished(rows, models.embedder.encode([row["text"] for row in rows]), common)


def _batches(items: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(items, EMBED_BATCH)):
        yield batch


def _finished(rows: list[Record], vectors: np.ndarray, common: Record) -> Iterator[Record]:
    for row, vector in zip(rows, vectors, strict=True):
        yield {**row, "vector": vector, **common}


def _node_record(node: Node, ledger: Ledger, key: str) -> Record:
    summary = load_summary(ledger, key, node)
    return {
        "id": node.id,
        "level": node.level,
        "document": node.document,
        "corpus": node.corpus,
        "window_first": node.windows[0],
        "window_last": node.windows[1],
        "char_start": node.chars[0],
        "char_end": node.chars[1],
        "summary": summary.text,
        "generated": summary.generated,
        "text": summary.text,
        "quotes": [quote.as_dict() for quote in node.quotes],
        "grounding": summary.grounding,
        "dropped": summary.dropped,
        "children": list(node.children),
    }


def _passage_record(document: str, key: str, start: int, end: int, text: str) -> Record:
    quote = Quote(text, document, start, end, 0.0)
    return {
        "id": identity("passage", key, document, start, end),
        "level": "passage",
        "document": document,
        "corpus": "",
        "window_first": 0,
        "window_last": 0,
        "char_start": start,
        "char_end": end,
        "summary": "",
        "generated": False,
        "text": text,
        "quotes": [quote.as_dict()],
        "grounding": 1.0,
        "dropped": 0,
        "children": [],
    }
