"""Plan: what a run will do and what it will cost, known before anything is spent."""

import logging
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

from tasks.infer.infer import NO_LIMIT, tokens_left
from tasks.infer.models import Models
from tasks.ingest.omitted import remark
from tasks.ingest.sharded import Sharded
from tasks.ingest.source_rows import gathered
from tasks.memory.sources import part_name
from tasks.plan.budget import fit, limited
from tasks.plan.estimate import estimate
from tasks.plan.left import figures, told
from tasks.plan.rates import load_rates, trial
from tasks.plan.work import Work
from tasks.runs.ledger import Row
from tasks.runs.run import Run
from tasks.settings import BudgetConfig
from tasks.text.counted import counted

_log = logging.getLogger("nightread")
NAMED = 1000
"""Sources that a plan tells of one by one; the others are counted."""


def plan(
    run: Run,
    models: Models,
    work: Work,
    documents: Sharded,
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
    if limited(budget):
        fits = fit(models, documents, work.todo.chars, rates, budget)
        documents = fits.read
        work = replace(work, postponed=fits.left)
    chars = sum(
        row["chars"] for row in work.todo.rows(["document", "chars"]) if documents.place(row["document"]) >= 0
    )
    cost = estimate(models, documents, chars, rates)
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
    """A plan for people and programs: what a read would do and cost; the first sources one by one."""
    seen = _Seen(work)
    counts, lines = Counter[str](), list[Row]()
    for row in gathered(work.rows).by_uri():
        action, why = _decide(work, row, seen.before(row["document"]))
        counts[action] += 1
        if len(lines) < NAMED:
            lines.append(_line(work, row, action, why))
    for uri in work.loss.uris[: NAMED - len(lines)]:
        lines.append({"uri": uri, "tokens": 0, "windows": 0, "action": "retire", "why": "not there any more"})
    counts["retire"] += len(work.loss.uris)
    head = {"documents": len(work.documents), "forgotten": work.forgotten, "actions": dict(+counts)}
    return {**head, **figures(work.postponed), **asdict(work.cost), "rows": lines}


class _Seen:
    """Which documents of a run a source named before: a bit for each."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._todo, self._kept = bytearray(len(work.todo)), bytearray(len(work.kept))

    def before(self, document: str) -> bool:
        """Whether a document came before; it has now."""
        for documents, marks in ((self._work.todo, self._todo), (self._work.kept, self._kept)):
            if (place := documents.place(document)) >= 0:
                came, marks[place] = bool(marks[place]), 1
                return came
        return False


def _line(work: Work, row: Row, action: str, why: str) -> Row:
    size = work.documents.get(row["document"]) if action == "read" else None
    return {
        "uri": part_name(row),
        "tokens": size.tokens if size else 0,
        "windows": size.windows if size else 0,
        "action": action,
        "why": "; ".join(part for part in (why, remark(row)) if part),
        "omitted": row.get("omitted", []),
        "encoding": row.get("encoding", ""),
    }


def _decide(work: Work, row: Row, came: bool) -> tuple[str, str]:
    """What a run would do with a source, and why.

    Args:
        came: whether a source before it holds the same document.
    """
    if row["outcome"] != "ok":
        return "quarantined", f"{row['outcome']}: {row['reason']}"
    if came:
        return "skip", "same text as a document above"
    if row["document"] in work.kept:
        return "skip", "remembered already, unchanged"
    if row["document"] in work.postponed:
        return "left", work.postponed[row["document"]].why
    if row["document"] in work.stale:
        return "read", "remembered under another model or configuration"
    return "read", "new or changed"
