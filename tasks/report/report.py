"""Report: what was read, what changed, what failed and what it cost, as figures and as pages for people."""

import json
import logging
import resource
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tasks.infer.models import Models
from tasks.infer.queue import Outcome
from tasks.ingest.omitted import remark, totals
from tasks.ingest.source_rows import gathered
from tasks.ingest.uris import corpus_of
from tasks.ledger import Row
from tasks.memory.commit import Published
from tasks.memory.reader import run_folder
from tasks.memory.remember import Staged
from tasks.memory.sources import failed, part_name
from tasks.plan.left import figures
from tasks.plan.work import Work
from tasks.reduce.reduce import Tree
from tasks.reduce.summaries import load_summary
from tasks.relate.relate import Related
from tasks.report.again import write_report
from tasks.report.contents import contents, corrected, with_coverage
from tasks.report.entries import Entry, Failure, status
from tasks.report.findings import counts, lines
from tasks.report.page import ANNOUNCED
from tasks.run import Run
from tasks.text.counted import counted
from tasks.text.labels import HOLDS, LABELS
from tasks.text.private import private

_log = logging.getLogger("nightread")


def report(
    run: Run,
    models: Models,
    work: Work,
    read: Outcome,
    tree: Tree,
    staged: Staged,
    related: Related,
    published: Published,
) -> dict[str, Any]:
    """Write report.md and report.html into the run's folder; returns the run's outcome in figures."""
    summaries = {node.id: load_summary(run.ledger, models.key, node) for node in tree.nodes}
    found = replace(contents(run, models, work, tree, related, summaries), labelled=labelled(work, staged))
    found = with_coverage(replace(found, corrections=corrected(run.home)), run.home)
    table = _table(work, {entry.document: entry for entry in found.entries})
    outcome: Row = {
        "run": run.run,
        "corpus": corpus_of(run.uris),
        "status": "published" if published.added or published.retired else "unchanged",
        "version": published.version,
        "added": published.added,
        "retired": published.retired,
        "documents": len(work.todo) + len(work.kept),
        "read": len(work.todo),
        "forgotten": work.forgotten,
        "windows": read.windows,
        "tokens": read.tokens,
        "read_seconds": round(read.seconds, 2),
        "seconds": round(time.monotonic() - run.started, 2),
        "stages": {name: round(seconds, 2) for name, seconds in run.stages.items()},
        "planned_seconds": round(work.cost.seconds, 2),
        "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "generated": sum(summary.generated for summary in summaries.values()),
        "dropped": sum(summary.dropped for summary in summaries.values()),
        "quarantined": [
            {name: row[name] for name in ("uri", "label", "outcome", "reason")}
            for row in work.rows
            if failed(row)
        ],
        **figures(work.postponed),
        "omitted": totals(work.rows),
        "labels": labels(staged),
        "telling_names": telling_names(work.rows, run.parse.redact),
        "announced": [
            {"status": entry.status, "title": entry.title, "source": entry.source}
            for entry in found.entries[:ANNOUNCED]
            if entry.status
        ],
        "embedded": staged.embedded,
        "reused": staged.reused,
        "gone": list(found.gone),
        "relations": counts(related),
        "corrections_gone": sum(one.gone for one in found.corrections),
        "found": lines(related, ANNOUNCED),
        "table": table,
    }
    outcome |= write_report(run_folder(run.home, run.run), outcome, found)
    run.ledger.finish_run(run.run, outcome["status"], _kept(outcome))
    _log.info("report: %s, in %s", outcome["status"], outcome["report_html"])
    return outcome


def _kept(outcome: Row) -> str:
    """The outcome as the ledger keeps it: without its table, what is gone, and words of the documents."""
    return json.dumps({**outcome, **{name: len(outcome[name]) for name in ("table", "gone", "found")}})


def telling_names(rows: Iterable[Row], kinds: Collection[str]) -> int:
    """Sources whose names hold values that are blacked out of their texts: a source is known by its name."""
    return sum(bool(private(row["uri"], kinds)) for row in rows) if kinds else 0


def labelled(work: Work, staged: Staged) -> tuple[Failure, ...]:
    """The sources read now that have passages to be warned of, each with how many of which kind."""
    kinds: dict[str, list[str]] = {}
    for (document, label), count in sorted(staged.labelled.items()):
        if label in HOLDS:
            kinds.setdefault(document, []).append(f"{counted(count, 'passage')} with {HOLDS[label]}")
    found = (Failure(part_name(work.source(one)), ", ".join(some)) for one, some in kinds.items())
    return tuple(sorted(found, key=lambda one: one.source))


def labels(staged: Staged) -> dict[str, int]:
    """Passages read now that have a label, by label."""
    totals: Counter[str] = Counter()
    for (_, label), count in staged.labelled.items():
        totals[label] += count
    return {label: totals[label] for label in LABELS if totals[label]}


UNREAD = {"ok": "remembered", "postponed": "left unread"}
"""What became of a source that was not read now; any other outcome is a failure."""


def _read(status: str) -> str:
    return status if status.startswith("read") else f"read: {status}"


def _table(work: Work, entries: Mapping[str, Entry]) -> list[Row]:
    """One row per source: what it holds and what became of it."""
    sizes = {document.document: document for document in work.documents}
    table = []
    for row in gathered(work.rows).by_uri():
        size = sizes.get(row["document"])
        entry = entries.get(row["document"])
        read = (entry and entry.status) or status(row, row["document"] in work.stale, work.known)
        action = _read(read) if size else UNREAD.get(row["outcome"], "could not be read")
        table.append(
            {
                "title": entry.title if entry else "",
                "source": part_name(row),
                "action": action,
                "tokens": size.tokens if size else 0,
                "windows": size.windows if size else 0,
                "outcome": row["outcome"],
                "reason": row["reason"] or remark(row),
            }
        )
    return table
