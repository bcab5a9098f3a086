"""Records: rows of schema.RECORDS, made of a tree's summaries and of the passages of the documents."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from tasks.memory.keys import Key
from tasks.reduce.summaries import load_summary
from tasks.reduce.tree import SummaryNode
from tasks.run import Run
from tasks.text.passages import stream_passages

EMBED_BATCH = 64
Record = dict[str, Any]


@dataclass(frozen=True)
class About:
    """What the keys of a document's records say of it."""

    title: str = ""
    date: str = ""
    section_at: Callable[[int], str] = field(default=lambda _: "")

    def key(self, char: int, before: str = "", position: int = -1) -> Key:
        """The key of a record that begins at this character."""
        return Key(self.title, self.section_at(char), self.date, before, position)


def records(
    nodes: Sequence[SummaryNode],
    documents: Iterable[tuple[ShardedDocument, Source]],
    run: Run,
    models: Models,
    names: Mapping[str, str],
) -> Iterator[Record]:
    """Every record of a run: the nodes' summaries with their quotes, and the documents' passages.

    Args:
        names: what to call a document that has no title.
    """
    common = {"model": models.name, "skip_key": models.key, "run": run.run, "created": datetime.now(UTC)}
    documents = list(documents)
    about = {one.document: About(names.get(one.document, "")) for one, _ in documents}
    made = (_node_record(node, run.ledger, models.key, about) for node in nodes)
    for rows in _batches(made):
        yield from finished(rows, models.embedder.encode, common)
    for document, source in documents:
        spans = read_spans(run.home, source.parsed, source.part)
        found = stream_passages(((span.char_start, span.text) for span in spans), models.config.passage_chars)
        passages = passage_records(document.document, models.key, about[document.document], found)
        for rows in _batches(passages):
            yield from finished(rows, models.embedder.encode, common)


def _batches(items: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(items, EMBED_BATCH)):
        yield batch


def finished(
    rows: Sequence[Record], embed: Callable[[list[str]], np.ndarray], common: Record
) -> Iterator[Record]:
    """The same records with the vectors of both their keys, which are embedded as one batch."""
    vectors = embed([row["text"] for row in rows] + [row["context"] for row in rows])
    for row, plain, context in zip(rows, vectors, vectors[len(rows) :], strict=False):
        yield {**row, "vector": plain, "context_vector": context, **common}


def _node_record(node: SummaryNode, ledger: Ledger, key: str, about: Mapping[str, About]) -> Record:
    summary = load_summary(ledger, key, node)
    quotes = "\n".join(quote.text for quote in node.quotes if quote.text not in summary.text)
    where = about.get(node.document, About()).key(node.chars[0])
    columns = where.columns(summary.text)
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
        **columns,
        "context": where.context("\n".join(filter(None, (summary.text, quotes)))),
    }


def passage_records(
    document: str, key: str, about: About, passages: Iterable[tuple[int, int, str]]
) -> Iterator[Record]:
    """A record of each passage (start, end, text) of a document, without its vectors."""
    before = ""
    for position, (start, end, text) in enumerate(passages):
        quote = Quote(text, document, start, end, 0.0)
        yield {
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
            **about.key(start, before, position).columns(text),
        }
        before = text
