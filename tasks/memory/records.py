"""Records: rows of schema.RECORDS, made of a tree's summaries and of the passages of the documents."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from tasks.memory.cut import Passage, passages
from tasks.memory.keys import Key
from tasks.reduce.summaries import load_summary
from tasks.reduce.tree import SummaryNode
from tasks.run import Run
from tasks.text.outline import Outline
from tasks.text.passages import Placed

EMBED_BATCH = 64
EXTRACT = "extract"
"""In place of the model that wrote it: a record of words of the text, which no model wrote."""
Record = dict[str, Any]


def records(
    nodes: Sequence[SummaryNode],
    documents: Sequence[tuple[ShardedDocument, Source]],
    run: Run,
    models: Models,
    outlines: Mapping[str, Outline],
) -> Iterator[Record]:
    """Every record of a run: the nodes' summaries with their quotes, and the documents' passages.

    Args:
        outlines: of the documents.
    """
    common = {"skip_key": models.key, "run": run.run, "created": datetime.now(UTC)}
    made = (_node_record(node, run.ledger, models, outlines.get(node.document)) for node in nodes)
    for rows in _batches(made):
        yield from finished(rows, models.embedder.encode, common)
    for document, source in documents:
        about = outlines[document.document]
        found = passages(_pieces(run, source), about, models.config.passage_chars)
        for rows in _batches(passage_records(document.document, models.key, about, found)):
            yield from finished(rows, models.embedder.encode, common)


def _pieces(run: Run, source: Source) -> Iterator[Placed]:
    return ((span.char_start, span.text) for span in read_spans(run.home, source.parsed, source.part))


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


def _node_record(node: SummaryNode, ledger: Ledger, models: Models, about: Outline | None) -> Record:
    summary = load_summary(ledger, models.key, node)
    quotes = "\n".join(quote.text for quote in summary.quotes if quote.text not in summary.text)
    start = node.chars[0]
    where = Key(about.title, about.section_at(start), about.date) if about else Key()
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
        "quotes": [quote.as_dict() for quote in summary.quotes],
        "grounding": summary.grounding,
        "dropped": summary.dropped,
        "model": models.name if summary.generated else EXTRACT,
        "children": list(node.children),
        **where.columns(summary.text),
        "context": where.context("\n".join(filter(None, (summary.text, quotes)))),
    }


def passage_records(document: str, key: str, about: Outline, cut: Iterable[Passage]) -> Iterator[Record]:
    """A record of each passage of a document, without its vectors."""
    before = ""
    for position, one in enumerate(cut):
        quote = Quote(one.text, document, one.start, one.end, 0.0)
        section, date = about.section_at(one.start), one.date or about.date
        where = Key(about.title, section, date, one.speaker, before, position)
        yield {
            "id": identity("passage", key, document, one.start, one.end),
            "level": "passage",
            "document": document,
            "corpus": "",
            "window_first": 0,
            "window_last": 0,
            "char_start": one.start,
            "char_end": one.end,
            "summary": "",
            "generated": False,
            "text": one.text,
            "quotes": [quote.as_dict()],
            "grounding": 1.0,
            "dropped": 0,
            "model": EXTRACT,
            "children": [],
            **where.columns(one.text),
        }
        before = one.text
