"""What a run has to do: which documents are read, which are remembered already, which are gone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow.compute as pc

from tasks.infer.infer import postponed_rows, quarantined_rows
from tasks.infer.models import Models
from tasks.infer.queue import Outcome
from tasks.ingest.discover import root
from tasks.ingest.shard import ShardedDocument
from tasks.ingest.source_rows import ByDocument, SourceRows, gathered
from tasks.ledger import Row
from tasks.memory.embedders import check_embedder
from tasks.memory.reader import Memory
from tasks.memory.sources import Loss, Seen, documents_of, loss, merge_sources, orphans, parts_of
from tasks.plan.estimate import NOTHING, Estimate
from tasks.plan.left import Left
from tasks.plan.retitled import retitled
from tasks.reduce.done import load_done
from tasks.run import Run


@dataclass(frozen=True)
class Work:
    """What a run has to do, document by document."""

    seen: Seen
    """Every source under the run's uris."""
    todo: ByDocument
    """Documents to read, each with the first source that holds it."""
    kept: Mapping[str, Row]
    """Documents that the memory holds already under this cache key."""
    stale: frozenset[str]
    """Documents to read that the memory holds under another cache key."""
    known: frozenset[str]
    """Sources, and their parts, of which the memory held something when the run began."""
    gone: Sequence[str]
    """Documents that no source holds any more, going by the memory the run began with."""
    loss: Loss
    """How much of what memory holds under the run's uris would be retired."""
    corpora: frozenset[str]
    """Corpus records of the memory that are still true: none if a document is gone."""
    forgotten: int = 0
    """Documents that are left out because they were forgotten."""
    documents: Sequence[ShardedDocument] = ()
    """Documents to read, with their windows; empty before they are sharded."""
    cost: Estimate = NOTHING
    """What it is expected to take."""
    tokens_left: int = 0
    """Tokens of the windows that the ledger does not hold yet."""
    postponed: Mapping[str, Left] = field(default_factory=dict)
    """Documents that are left, since the budget does not hold them, and why."""

    @property
    def rows(self) -> Sequence[Row]:
        """Rows of schema.SOURCES."""
        return self.seen.rows

    def source(self, document: str) -> Row:
        """The first source that holds a document, to read or remembered."""
        return self.todo.get(document) or self.kept[document]


def choose(
    run: Run, models: Models, memory: Memory | None, rows: Sequence[Row], keep_gone: bool = False
) -> Work:
    """Split documents into those to read and those that are remembered already.

    Args:
        memory: as it was when the run began; None before the first publish.
        keep_gone: whether nothing is inferred from what is not there any more.

    Raises:
        InvalidInput: if the vectors of the memory were made by another embedder than the run's.
    """
    check_embedder(memory, models.embedder_folder)
    found = gathered(rows).table
    is_forgotten = pc.equal(found["outcome"], "forgotten")
    forgotten = found.filter(is_forgotten)
    # filtering copies a table, and there is seldom anything to leave out
    there = SourceRows(found.filter(pc.invert(is_forgotten)) if len(forgotten) else found)
    first: dict[str, int] = {}
    for number, document in there.ok():
        first.setdefault(document, number)
    previous = memory.sources if memory else None
    held = documents_of(previous)
    made = memory.made_under(models.key) if memory else frozenset()
    done = {doc for doc in first if doc in held and _remembered(run, models, made, doc)}
    if memory:
        done -= retitled(run, memory, ByDocument(there, _only(first, done)))
    roots = () if keep_gone else tuple(root(uri, run.home) for uri in run.uris)
    seen = Seen(roots, there, memory.run if memory else "")
    merged = merge_sources(previous, seen, previous)
    gone = orphans(previous, merged)
    corpora = memory.rows("level = 'corpus'", ["id"]) if memory and not gone else []
    return Work(
        seen=seen,
        todo=ByDocument(there, _only(first, first.keys() - done)),
        kept=ByDocument(there, _only(first, done)),
        stale=frozenset(held & first.keys() - done),
        known=frozenset(parts_of(previous)),
        gone=gone,
        loss=loss(previous, merged, seen),
        corpora=frozenset(row["id"] for row in corpora),
        forgotten=len(set(forgotten["reason"].to_pylist())),
    )


def _only(numbers: Mapping[str, int], documents: Collection[str]) -> dict[str, int]:
    return {document: number for document, number in numbers.items() if document in documents}


def _remembered(run: Run, models: Models, made: Collection[str], document: str) -> bool:
    """Whether a document of the memory is as this cache key reads it.

    The ledger's marker alone does not tell: a rollback brings back what was read under another key.

    Args:
        made: documents of which memory holds records that were made under this key.
    """
    return document in made and load_done(run.ledger, models.key, document) is not None


def without_unread(run: Run, models: Models, memory: Memory | None, work: Work, read: Outcome) -> Work:
    """The work that is left where some documents killed their workers, or were beyond the budget."""
    left_out = {**work.postponed, **dict.fromkeys(read.postponed, Left(read.over))}
    if not read.refused and not left_out:
        return work
    reasons = {document: one.why for document, one in left_out.items()}
    rows = postponed_rows(quarantined_rows(work.rows, read.refused), reasons)
    left = choose(run, models, memory, rows, not work.seen.roots)
    unread = left_out.keys() | read.refused.keys()
    return replace(
        left,
        documents=[document for document in work.documents if document.document not in unread],
        cost=work.cost,
        tokens_left=work.tokens_left,
        forgotten=work.forgotten,
        postponed=left_out,
    )
