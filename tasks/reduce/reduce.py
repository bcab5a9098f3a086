"""Reduce: the windows that were read become a tree of summaries, up to the corpus."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tasks.infer.cache_key import window_key
from tasks.infer.infer import with_sources
from tasks.infer.journal import WindowNote
from tasks.infer.models import Models
from tasks.infer.segments import Source
from tasks.ingest.by_document import first_of
from tasks.ingest.parse import read_spans
from tasks.ingest.sharded import ShardedDocument
from tasks.ingest.uris import corpus_of
from tasks.reduce.done import Done, load_done, mark_done
from tasks.reduce.reading import reading
from tasks.reduce.summaries import summarise
from tasks.reduce.themes import corpus_tree
from tasks.reduce.tree import SummaryNode, document_tree
from tasks.runs.ledger import Row
from tasks.runs.run import Counted, Run
from tasks.text.counted import counted
from tasks.text.file_names import document_name
from tasks.text.outline import Outline
from tasks.text.passages import Placed

if TYPE_CHECKING:
    from tasks.reduce.writing import Earlier

_log = logging.getLogger("nightread")

VECTOR_DIGITS = 4
"""Of a summary's vector, as the ledger keeps it."""


@dataclass(frozen=True)
class Tree:
    """Nodes of a run: those of the documents read, and those of the corpus."""

    documents: dict[str, list[SummaryNode]]
    corpus: list[SummaryNode]
    outlines: Mapping[str, Outline] = field(default_factory=dict)
    """Of the documents read."""
    vectors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of the summaries of the corpus's documents."""
    decoded: int = 0
    """Summaries that had to be written."""

    @property
    def nodes(self) -> list[SummaryNode]:
        return [node for nodes in self.documents.values() for node in nodes] + self.corpus


def reduce(
    run: Run,
    models: Models,
    rows: Sequence[Row],
    documents: Sequence[ShardedDocument],
    kept: Iterable[str],
    corpora: Collection[str],
    progress: Counted,
    earlier: "Earlier | None" = None,
) -> Tree:
    """Build the tree over what was read: summaries of windows, sections, documents and the corpus.

    Args:
        rows: the sources (schema.SOURCES), among them one for each document.
        documents: what was read, all its windows in the ledger.
        kept: documents that were read by earlier runs.
        corpora: corpus records that are still true; if this corpus's is among them, nothing is new and the
            tree is empty.
        earlier: what memory holds that is near to a text, for a model that writes to understand it by.
    """
    held = first_of(rows)
    trees: dict[str, list[SummaryNode]] = {}
    outlines: dict[str, Outline] = {}
    for document, source in with_sources(rows, documents):
        with run.timed("extract"):
            row = held[document.document]
            trees[document.document], outlines[document.document] = _document(
                run, models, document, source, document_name(row["uri"], row["label"])
            )
        progress(1, len(documents))
    roots = {name: nodes[-1] for name, nodes in trees.items()}
    vectors = _vectors(models, roots)
    for name, done in _remembered(run, models, kept):
        roots[name], vectors[name] = done.node, done.vector
    corpus = corpus_tree(models.key, corpus_of(run.uris), list(roots.values()), vectors, run.infer.fan_in)
    if not trees and (not corpus or corpus[-1].id in corpora):
        return Tree({}, [])
    tree = Tree(trees, corpus, outlines, vectors)
    with run.timed("write"):
        written = summarise(tree.nodes, models, run.ledger, earlier)
    _log.info("reduce: %s, summaries written: %s", counted(len(tree.nodes), "node"), f"{written:,}")
    return replace(tree, decoded=written)


def _remembered(run: Run, models: Models, kept: Iterable[str]) -> Iterator[tuple[str, Done]]:
    """Markers of documents that were read by earlier runs, their vectors made anew by another embedder."""
    found = ((name, load_done(run.ledger, models.key, name)) for name in kept)
    held = {name: done for name, done in found if done and done.vector}
    ours = models.fingerprints[1]
    stale = {name: done.node for name, done in held.items() if (done.embedder or models.keyed[1]) != ours}
    for name, vector in _vectors(models, stale).items():
        held[name] = replace(held[name], vector=vector, embedder=ours)
        mark_done(run.ledger, models.key, name, held[name])
    yield from held.items()


def _document(
    run: Run, models: Models, document: ShardedDocument, source: Source, name: str
) -> tuple[list[SummaryNode], Outline]:
    """A document's nodes and its outline, from its parsed text."""
    notes = window_notes(run, models.key, document)

    def pieces() -> Iterator[Placed]:
        spans = read_spans(run.home, source.parsed, source.part)
        return ((span.char_start, span.text) for span in spans)

    found = reading(document.document, pieces, notes, name)
    config = run.infer
    return document_tree(models.key, found, config.fan_in, config.summary_words), found.outline


def window_notes(run: Run, key: str, document: ShardedDocument) -> list[WindowNote]:
    """What the ledger keeps of a document's windows, all of which were read."""
    notes = []
    for window in range(document.windows):
        payload = run.ledger.get(window_key(key, document.document, window))
        assert payload is not None, f"window {window} of {document.document} was not read"
        notes.append(WindowNote.from_json(payload))
    return notes


def _vectors(models: Models, roots: Mapping[str, SummaryNode]) -> dict[str, tuple[float, ...]]:
    """Vectors of the summaries of documents, as the ledger keeps them."""
    if not roots:
        return {}
    vectors = models.embedder.encode([node.text for node in roots.values()])
    rounded = vectors.round(VECTOR_DIGITS).tolist()
    return {name: tuple(vector) for name, vector in zip(roots, rounded, strict=True)}
