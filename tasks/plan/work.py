"""What a run has to do: which documents are read, which are remembered already, which are gone."""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.infer.infer import quarantined_rows
from tasks.infer.models import Models
from tasks.infer.queue import Outcome
from tasks.ingest.by_document import ByDocument, first_of
from tasks.ingest.discover import root
from tasks.ingest.sharded import Sharded, sharded
from tasks.ingest.source_rows import gathered
from tasks.memory.embedders import check_embedder
from tasks.memory.reader import Memory
from tasks.memory.sources import Loss, Seen, held_by, loss, merge_sources, orphans, parts_of
from tasks.plan.estimate import NOTHING, Estimate
from tasks.plan.left import Left
from tasks.plan.left_out import LeftOut, nothing_left
from tasks.plan.retitled import retitled
from tasks.reduce.done import is_done
from tasks.runs.ledger import Row
from tasks.runs.run import Run


@dataclass(frozen=True)
class Work:
    """What a run has to do, document by document."""

    seen: Seen
    """Every source under the run's uris."""
    todo: ByDocument
    """Documents to read, each with the first source that holds it."""
    kept: ByDocument
    """Documents that the memory holds already under this cache key."""
    stale: Collection[str]
    """Documents to read that the memory holds under another cache key."""
    known: Container[str]
    """Sources, and their parts, of which the memory held something when the run began."""
    gone: Sequence[str]
    """Documents that no source holds any more, going by the memory the run began with."""
    loss: Loss
    """How much of what memory holds under the run's uris would be retired."""
    corpora: frozenset[str]
    """Corpus records of the memory that are still true: none if a document is gone."""
    forgotten: int = 0
    """Documents that are left out because they were forgotten."""
    documents: Sharded = field(default_factory=lambda: sharded([]))
    """Documents to read, with their windows; empty before they are sharded."""
    cost: Estimate = NOTHING
    """What it is expected to take."""
    tokens_left: int = 0
    """Tokens of the windows that the ledger does not hold yet."""
    postponed: LeftOut = field(default_factory=nothing_left)
    """Documents that are left, since the budget does not hold them, and why."""

    @property
    def rows(self) -> Sequence[Row]:
        """Rows of schema.SOURCES."""
        return self.seen.rows

    def source(self, document: str) -> Row:
        """The first source that holds a document, to read or remembered."""
        return self.todo.get(document) or self.kept[document]


def choose(
    run: Run, models: Models, memory: Memory | None, rows: Iterable[Row], keep_gone: bool = False
) -> Work:
    """Split documents into those to read and those that are remembered already.

    Args:
        memory: as it was when the run began; None before the first publish.
        keep_gone: whether nothing is inferred from what is not there any more.

    Raises:
        InvalidInput: if the vectors of the memory were made by another embedder than the run's.
    """
    check_embedder(memory, models.embedder_folder)
    found = gathered(rows)
    there = found.without("forgotten")
    first = first_of(there)
    previous = memory.sources if memory else None
    held = held_by(previous)
    kept = _remembered(run, models, memory, first.only(held.__contains__))
    todo = first.only(lambda document: document not in kept) if kept else first
    roots = () if keep_gone else tuple(root(uri, run.home) for uri in run.uris)
    seen = Seen(roots, there, memory.run if memory else "")
    merged = merge_sources(previous, seen, previous)
    gone = orphans(previous, merged)
    corpora = memory.rows("level = 'corpus'", ["id"]) if memory and not gone else []
    forgotten = (row["reason"] for row in found if row["outcome"] == "forgotten")
    return Work(
        seen=seen,
        todo=todo,
        kept=kept,
        stale=todo.only(held.__contains__),
        known=parts_of(previous),
        gone=gone,
        loss=loss(previous, merged, seen),
        corpora=frozenset(row["id"] for row in corpora),
        forgotten=len(set(forgotten)) if len(there) < len(found) else 0,
    )


def _remembered(run: Run, models: Models, memory: Memory | None, found: ByDocument) -> ByDocument:
    """Those that the memory holds as this cache key reads them, and under the title that they have now.

    The ledger's marker alone does not tell: a rollback brings back what was read under another key.
    """
    if memory is None:
        return found.only(lambda _: False)
    made = memory.made_under(models.key)
    done = found.only(lambda document: document in made and is_done(run.ledger, models.key, document))
    renamed = set(retitled(run, memory, done))
    return done.only(lambda document: document not in renamed)


def without_unread(run: Run, models: Models, memory: Memory | None, work: Work, read: Outcome) -> Work:
    """The work that is left where some documents killed their workers, or were beyond the budget."""
    left_out = work.postponed.also(dict.fromkeys(read.postponed, Left(read.over)))
    if not read.refused and not left_out:
        return work
    rows = _postponed_rows(quarantined_rows(work.rows, read.refused), left_out)
    left = choose(run, models, memory, rows, not work.seen.roots)
    return replace(
        left,
        documents=work.documents.without(left_out).without(read.refused),
        cost=work.cost,
        tokens_left=work.tokens_left,
        forgotten=work.forgotten,
        postponed=left_out,
    )


def _postponed_rows(rows: Iterable[Row], postponed: Mapping[str, Left]) -> Iterator[Row]:
    """The sources, those whose documents are left for another run as if these were not there yet."""
    left = {"outcome": "postponed", "document": "", "parsed": "", "chars": 0}
    for row in rows:
        is_left = row["document"] in postponed
        yield {**row, **left, "reason": postponed[row["document"]].why} if is_left else row
