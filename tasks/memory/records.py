"""Records: rows of schema.RECORDS, made of a tree's summaries and of the passages of the documents."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.infer.cache_key import identity
from tasks.infer.quotes import Quote
from tasks.ingest.parse import read_spans
from tasks.memory.cut import Passage
from tasks.memory.cuts import Cuts
from tasks.memory.keys import Key, own_context, text_hash
from tasks.memory.known import Known
from tasks.memory.sketch import Sketches, placed_sentences, sketch
from tasks.reduce.summaries import Summary, load_summary
from tasks.reduce.tree import SummaryNode
from tasks.runs.ledger import Ledger
from tasks.text.outline import Outline
from tasks.text.passages import Placed

if TYPE_CHECKING:
    from tasks.infer.models import Models
    from tasks.infer.segments import Source
    from tasks.ingest.sharded import ShardedDocument
    from tasks.runs.run import Run

EMBED_BATCH = 64
EXTRACT = "extract"
"""In place of the model that wrote it: a record of words of the text, which no model wrote."""
Record = dict[str, Any]


def records(
    nodes: Sequence[SummaryNode],
    documents: Sequence[tuple["ShardedDocument", "Source"]],
    run: "Run",
    models: "Models",
    outlines: Mapping[str, Outline],
    known: Known,
    previous: Mapping[str, str],
) -> Iterator[Record]:
    """Every record of a run: the nodes' summaries with their quotes, and the documents' passages.

    Args:
        outlines: of the documents.
        known: vectors that need not be computed again.
        previous: the document that the source of a document held before.
    """
    common = {"skip_key": models.key, "run": run.run, "created": datetime.now(UTC)}
    own = {
        document.document: sketch(text for _, _, text in placed_sentences(_pieces(run, source)))
        for document, source in documents
    }
    made = (
        {
            **_node_record(node, run.ledger, models, outlines.get(node.document)),
            "sketch": own.get(node.document, []) if node.level == "document" else [],
        }
        for node in nodes
    )
    for rows in _batches(made):
        yield from finished(rows, models.embedder.encode, common, known)
    sources = {document.document: source for document, source in documents}
    cuts = Cuts(known, outlines, lambda name: _pieces(run, sources[name]), models.config.passage_chars)
    sketches = Sketches(known.memory)
    for name in sources:
        alike = [previous[name]] if name in previous else sketches.alike(name, own[name])
        sketches.add(name, own[name])
        found = cuts.passages(name, alike[0] if alike else "")
        for rows in _batches(passage_records(name, models.key, outlines[name], found)):
            yield from finished(rows, models.embedder.encode, common, known)


def _pieces(run: "Run", source: "Source") -> Iterator[Placed]:
    return ((span.char_start, span.text) for span in read_spans(run.home, source.parsed, source.part))


def _batches(items: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(items, EMBED_BATCH)):
        yield batch


NOT_COMPARED: Record = {"novelty": -1.0, "relations": [], "related": []}
"""Of a record that was compared with nothing yet, see `tasks.relate`."""


def finished(
    rows: Sequence[Record],
    embed: Callable[[list[str]], np.ndarray],
    common: Record,
    known: Known | None = None,
) -> Iterator[Record]:
    """The same records with the vectors of both their keys, which are embedded as one batch."""
    known = known or Known(None, "")
    vectors: dict[tuple[int, str], np.ndarray] = {}
    for number, (row, alike) in enumerate(zip(rows, known.alike(rows), strict=True)):
        around = own_context(row["context"], row["title"], row["section"])
        for one in alike:
            vectors[number, "text"] = one.vector
            if one.around == around:
                vectors[number, "context"] = one.context_vector
    known.reused += len(vectors)
    wanted = [(number, key) for key in ("text", "context") for number in range(len(rows))]
    missing = [one for one in wanted if one not in vectors]
    if missing:
        known.embedded += len(missing)
        found = embed([rows[number][key] for number, key in missing])
        vectors.update(zip(missing, found, strict=False))
    done = [
        {
            **row,
            "vector": vectors[number, "text"],
            "context_vector": vectors[number, "context"],
            **NOT_COMPARED,
            **common,
        }
        for number, row in enumerate(rows)
    ]
    known.keep(done)
    yield from done


def _node_record(node: SummaryNode, ledger: Ledger, models: "Models", about: Outline | None) -> Record:
    summary = load_summary(ledger, models.key, node)
    where = Key(about.title, about.section_at(node.chars[0]), about.date) if about else Key()
    return node_record(node, summary, models.name if summary.generated else EXTRACT, where)


def node_record(node: SummaryNode, summary: Summary, model: str, where: Key) -> Record:
    """The record of a node, without its vectors."""
    quotes = "\n".join(quote.text for quote in summary.quotes if quote.text not in summary.text)
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
        "model": model,
        "children": list(node.children),
        "text_hash": 0,
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
            "text_hash": text_hash(one.text),
            "sketch": [],
            **where.columns(one.text),
        }
        before = one.text
