"""Records: rows of schema.RECORDS, made of a tree's summaries and of the passages of the documents."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np

from tasks.infer.cache_key import identity
from tasks.infer.models import Models
from tasks.infer.quotes import Quote
from tasks.infer.segments import Source
from tasks.ingest.parse import read_spans
from tasks.ingest.shard import ShardedDocument
from tasks.ledger import Ledger
from tasks.reduce.summaries import load_summary
from tasks.reduce.tree import SummaryNode
from tasks.run import Run
from tasks.text.passages import stream_passages

EMBED_BATCH = 64
Record = dict[str, Any]


def records(
    nodes: Sequence[SummaryNode],
    documents: Iterable[tuple[ShardedDocument, Source]],
    run: Run,
    models: Models,
) -> Iterator[Record]:
    """Every record of a run: the nodes' summaries with their quotes, and the documents' passages."""
    common = {"model": models.name, "skip_key": models.key, "run": run.run, "created": datetime.now(UTC)}
    for batch in _batches(iter(nodes)):
        rows = [_node_record(node, run.ledger, models.key) for node in batch]
        texts = ["\n".join([row["summary"], *(quote["text"] for quote in row["quotes"])]) for row in rows]
        yield from _finished(rows, models.embedder.encode(texts), common)
    for document, source in documents:
        found = stream_passages(
            ((span.char_start, span.text) for span in read_spans(run.home, source.parsed, source.part)),
            models.config.passage_chars,
        )
        for passages in _batches(found):
            rows = [passage_record(document.document, models.key, *passage) for passage in passages]
            yield from _finished(rows, models.embedder.encode([row["text"] for row in rows]), common)


def _batches(items: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(items, EMBED_BATCH)):
        yield batch


def _finished(rows: list[Record], vectors: np.ndarray, common: Record) -> Iterator[Record]:
    for row, vector in zip(rows, vectors, strict=True):
        yield {**row, "vector": vector, **common}


def _node_record(node: SummaryNode, ledger: Ledger, key: str) -> Record:
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


def passage_record(document: str, key: str, start: int, end: int, text: str) -> Record:
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
