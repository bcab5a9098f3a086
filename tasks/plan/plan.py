"""Plan: what a run will do and what it will cost, known before anything is spent."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from tasks.infer.infer import NO_LIMIT, tokens_left
from tasks.infer.models import Models
from tasks.ingest.omitted import remark
from tasks.ingest.shard import ShardedDocument
from tasks.ingest.source_rows import gathered
from tasks.ledger import Row
from tasks.memory.sources import part_name
from tasks.plan.budget import fit, limited
from tasks.plan.estimate import estimate
from tasks.plan.left import figures, told
from tasks.plan.rates import load_rates, trial
from tasks.plan.work import Work
from tasks.run import Run
from tasks.settings import BudgetConfig
from tasks.text.counted import counted

_log = logging.getLogger("nightread")


def plan(
    run: Run,
    models: Models,
    work: Work,
    documents: Sequence[ShardedDocument],
    budget: BudgetConfig = NO_LIMIT,
    measure: bool = False,
) -> Work:
    """The work with its windows and what they are expected to cost: of the documents that the budget holds.

    Args:
        measure: where the machine has shown no rates yet, take them from a trial, as a budget of time does.
    """
    rates = load_rates(run.home, models) if documents else None
    if documents and rates is None and (measure or budget.seconds or budget.gpu_hours):
        rates = trial(run.home, models)
    chars = {document.document: work.todo[document.document]["chars"] for document in documents}
    if limited(budget):
        fits = fit(models, documents, chars, rates, budget)
        documents = fits.read
        work = replace(work, postponed=fits.left)
    cost = estimate(models, documents, sum(chars[document.document] for document in documents), rates)
    predicted = f", about {cost.seconds:,.0f} s" if cost.seconds else ""
    _log.info(
        "plan: %s to read, %s%s; %s remembered already, %s gone",
        counted(len(documents), "document"),
        counted(cost.tokens, "token"),
        predicted,
        *(f"{count:,}" for count in (len(work.kept), len(work.gone))),
    )
    for line in told(figures(work.postponed)):
        _log.info("plan: %s", line)
    unread = tokens_left(run, models, documents)
    return replace(work, documents=documents, cost=cost, tokens_left=unread)


def describe(work: Work) -> dict[str, Any]:
    """A plan for people and programs: what a read would do, source by source, and what it would cost."""
    sizes = {document.document: document for document in work.documents}
    seen: set[str] = set()
    lines = []
    for row in gathered(work.rows).by_uri():
        size = sizes.get(row["document"])
        action, why = _decide(work, row, seen)
        lines.append(
            {
                "uri": part_name(row),
                "tokens": size.tokens if size and action == "read" else 0,
                "windows": size.windows if size and action == "read" else 0,
                "action": action,
                "why": "; ".join(part for part in (why, remark(row)) if part),
                "omitted": row.get("omitted", []),
                "encoding": row.get("encoding", ""),
            }
        )
        seen.add(row["document"])
    for uri in work.loss.uris:
        lines.append({"uri": uri, "tokens": 0, "windows": 0, "action": "retire", "why": "not there any more"})
    head = {"documents": len(work.documents), "forgotten": work.forgotten}
    return {**head, **figures(work.postponed), **asdict(work.cost), "rows": lines}


def _decide(work: Work, row: Row, seen: set[str]) -> tuple[str, str]:
    """What a run would do with a source, and why."""
    if row["outcome"] != "ok":
        return "quarantined", f"{row['outcome']}: {row['reason']}"
    if row["document"] in seen:
        return "skip", "same text as a document above"
    if row["document"] in work.kept:
        return "skip", "remembered already, unchanged"
    if row["document"] in work.postponed:
        return "left", work.postponed[row["document"]].why
    if row["document"] in work.stale:
        return "read", "remembered under another model or configuration"
    return "read", "new or changed"
