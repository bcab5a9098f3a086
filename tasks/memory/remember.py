"""Remember: stage a run's records as Parquet, publish them in one commit, then mark the documents done.

Data first, marker last: a crash at any line leaves the published memory as it was, and the next run
repeats only what the ledger does not hold.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.infer.infer import with_sources
from tasks.infer.models import Models
from tasks.infer.windows import forget_states
from tasks.ingest.by_document import first_of
from tasks.ingest.names import Names
from tasks.ingest.sharded import ShardedDocument
from tasks.memory.changes import Replaced
from tasks.memory.commit import Published
from tasks.memory.embedders import embedder_name
from tasks.memory.known import Known
from tasks.memory.publish import publish
from tasks.memory.reader import Memory, open_memory, published
from tasks.memory.records import Record, records
from tasks.memory.sources import Seen, replaced
from tasks.memory.staging import stage
from tasks.reduce.done import Done, mark_done
from tasks.reduce.reduce import Tree
from tasks.runs.run import Counted, Run
from tasks.text.counted import counted

_log = logging.getLogger("nightread")


def memory_before(home: Path) -> Memory | None:
    """The memory as the last run published it; None before the first."""
    return open_memory(home) if published(home) else None


@dataclass(frozen=True)
class Staged:
    """Records of a run as verified Parquet files, and how many texts were embedded for them."""

    paths: tuple[Path, ...] = ()
    embedded: int = 0
    reused: int = 0
    """Texts whose vector memory held already."""
    labelled: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Passages with a label, by document and label (`tasks.text.labels`)."""


def embed(
    run: Run,
    models: Models,
    seen: Seen,
    documents: Sequence[ShardedDocument],
    gone: Sequence[str],
    tree: Tree,
    memory: Memory | None,
    progress: Counted,
) -> Staged:
    """Stage a run's records with their vectors.

    Args:
        seen: the sources that the run saw.
        documents: those it has read.
        gone: documents that no source holds any more.
        memory: as it was before the run.
    """
    if not tree.nodes and not documents:
        return Staged()
    held = first_of(seen.rows, Names(document.document for document in documents))
    known = Known(memory, models.key)
    previous = replaced(memory.sources if memory else None, held, gone)
    pairs = list(with_sources(seen.rows, documents))
    made = records(tree.nodes, pairs, run, models, tree.outlines, known, previous)
    chars = sum(row["chars"] for row in held.rows(["chars"]))
    with run.timed("embed"):
        labelled = Counter[tuple[str, str]]()
        path = stage(run.home, run.run, _counted(made, chars, progress, labelled))
    _log.info(
        "embed: %s, of %s memory held the vector", counted(known.embedded, "text"), f"{known.reused:,} more"
    )
    return Staged((path,), known.embedded, known.reused, labelled)


def remember(
    run: Run,
    models: Models,
    seen: Seen,
    documents: Sequence[ShardedDocument],
    gone: Sequence[str],
    tree: Tree,
    staged: Sequence[Path],
) -> Published:
    """Publish a run's records, retire what they replace, and mark its documents done.

    Args:
        seen: the sources that the run saw.
        documents: those it has read.
        gone: documents that no source holds any more, going by the memory the run began with.
        staged: files of its records.
    """
    anew = frozenset(document.document for document in documents)
    held = first_of(seen.rows)
    replaced = Replaced(models.key, anew, run.uris) if tree.nodes or gone else Replaced()
    embedder = embedder_name(models.embedder_folder)
    result = publish(run.home, run.run, staged, seen, replaced, embedder=embedder)
    for document in documents:
        root = tree.documents[document.document][-1]
        done = Done(
            document.windows, document.tokens, root, tree.vectors[document.document], models.fingerprints[1]
        )
        mark_done(run.ledger, models.key, document.document, done)
        counts = f"{counted(document.windows, 'window')}, {counted(document.tokens, 'token')}"
        _log.info("remember: %s: %s", held[document.document]["uri"], counts)
    forget_states(run.home, anew)
    _log.info("remember: %s added, %s retired", counted(result.added, "record"), f"{result.retired:,}")
    return result


def _counted(
    records: Iterable[Record], chars: int, progress: Counted, labelled: Counter[tuple[str, str]]
) -> Iterator[Record]:
    """The same records; of the passages' `chars` characters in all, those that have gone by are counted, and
    so are their labels."""
    for record in records:
        if record["level"] == "passage":
            labelled.update((record["document"], label) for label in record["labels"])
            progress(record["char_end"] - record["char_start"], chars)
        yield record
