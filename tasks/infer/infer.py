"""Infer: the windows that the ledger does not hold yet, through the reader."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tasks.infer.budget import Spending
from tasks.infer.cache_key import window_key
from tasks.infer.cluster import read_all
from tasks.infer.messages import Setup
from tasks.infer.models import Models
from tasks.infer.queue import LeaseQueue, Outcome
from tasks.infer.segments import Source, segments
from tasks.ingest.by_document import first_of
from tasks.ingest.sharded import ShardedDocument
from tasks.ingest.source_rows import SLICE
from tasks.runs.ledger import Row
from tasks.runs.run import Progress, Run
from tasks.settings import BudgetConfig
from tasks.text.counted import counted

NO_LIMIT = BudgetConfig()

_log = logging.getLogger("nightread")


def infer(
    run: Run,
    models: Models,
    rows: Sequence[Row],
    documents: Sequence[ShardedDocument],
    progress: Progress,
    budget: BudgetConfig = NO_LIMIT,
) -> Outcome:
    """Read every window that the ledger does not hold yet, as far as the budget goes.

    Documents that killed their workers go to quarantine, and the run goes on without them.

    Args:
        rows: the sources (schema.SOURCES), among them one for each document.
    """
    outcome = _read(run, models, rows, documents, progress, budget) if documents else Outcome(0, 0, 0.0)
    _quarantine(run, rows, outcome)
    counts = f"{counted(outcome.windows, 'window')}, {counted(outcome.tokens, 'token')}"
    _log.info("infer: %s read in %.0f s", counts, outcome.seconds)
    return outcome


def _read(
    run: Run,
    models: Models,
    rows: Sequence[Row],
    documents: Sequence[ShardedDocument],
    progress: Progress,
    budget: BudgetConfig,
) -> Outcome:
    held = first_of(rows)
    # where no model reads, windows are only noted, and a budget has nothing to end
    limits = budget if models.config.salience else NO_LIMIT
    spending = Spending(limits, time.monotonic() - run.started, models.gpus)
    queue = LeaseQueue(
        (segment for pair in with_sources(rows, documents) for segment in segments(*pair, run.infer)),
        models.key,
        run.ledger,
        progress,
        heartbeat_timeout_s=run.infer.heartbeat_timeout_s,
        finished=lambda document: _log.info("infer: %s is read", held[document]["uri"]),
        over=spending.over,
    )
    config = replace(run.infer, model=str(models.folder.resolve()))
    read_all(queue, Setup(run.home.resolve(), config, run.shard, models.key), models, run.cluster)
    return queue.outcome()


def with_sources(
    rows: Iterable[Row], documents: Sequence[ShardedDocument]
) -> Iterator[tuple[ShardedDocument, Source]]:
    """Documents, each with the place of its text."""
    held = first_of(rows)
    for at in range(0, len(documents), SLICE):
        some = documents[at : at + SLICE]
        for document, row in zip(some, held.of([one.document for one in some]), strict=True):
            yield document, Source(row["parsed"], row["part"])


def tokens_left(run: Run, models: Models, documents: Sequence[ShardedDocument]) -> int:
    """Tokens of the windows that the ledger does not hold yet."""
    left = 0
    for document in documents:
        keys = [window_key(models.key, document.document, window) for window in range(document.windows)]
        missing = document.windows - len(run.ledger.has_many(keys))
        left += document.tokens if missing == document.windows else missing * run.shard.stride
    return left


def quarantined_rows(rows: Iterable[Row], refused: Mapping[str, str]) -> Iterator[Row]:
    """The sources, those of the refused documents with the outcome killed_reader and its reason."""
    bad = {"outcome": "killed_reader", "document": "", "parsed": "", "chars": 0}
    for row in rows:
        is_refused = row["document"] in refused
        yield {**row, **bad, "reason": refused[row["document"]]} if is_refused else row


def _quarantine(run: Run, rows: Iterable[Row], outcome: Outcome) -> None:
    """Quarantine refused documents, and release those that were there for that reason and were read now."""
    were = {row["uri"] for row in run.ledger.quarantined() if row["outcome"] == "killed_reader"}
    if not were and not outcome.refused:
        return
    killed, seen = list[Row](), set[str]()
    for row in quarantined_rows(rows, outcome.refused):
        if row["outcome"] == "killed_reader":
            killed.append(row)
        elif row["uri"] in were:
            seen.add(row["uri"])
    run.ledger.quarantine(run.run, killed)
    run.ledger.cured(seen - {row["uri"] for row in killed})
    for row in killed:
        _log.info("infer: %s is in quarantine: killed_reader, %s", row["uri"], row["reason"])
