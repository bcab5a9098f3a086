"""Report: what was read, what changed, what failed and what it cost, as figures and as pages for people."""

import json
import logging
import resource
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from tasks.infer.models import Models
from tasks.infer.queue import Outcome
from tasks.ingest.omitted import totals
from tasks.ingest.uris import corpus_of
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
from tasks.report.contents import contents, corrected, roots, with_coverage
from tasks.report.entries import NAMED, Failure
from tasks.report.findings import counts, lines
from tasks.report.page import ANNOUNCED
from tasks.report.table import table
from tasks.runs.ledger import Row
from tasks.runs.run import Run
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
    found = replace(contents(run, models, work, tree, related), labelled=labelled(work, staged))
    found = with_coverage(replace(found, corrections=corrected(run.home)), run.home)
    sources = table(work, related, roots(run, models, work, tree))
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
        **written(run, models, tree),
        "quarantined": list(islice(quarantined(work.rows), NAMED)),
        "failures": found.count("failures"),
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
        "gone_count": found.count("gone"),
        "relations": counts(related),
        "corrections_gone": sum(one.gone for one in found.corrections),
        "found": lines(related, ANNOUNCED),
        "table": sources.rows,
        "sources": sources.count,
        "became": dict(sources.became.most_common()),
        "longest": sources.longest,
    }
    outcome |= write_report(run_folder(run.home, run.run), outcome, found)
    run.ledger.finish_run(run.run, outcome["status"], _kept(outcome))
    _log.info("report: %s, in %s", outcome["status"], outcome["report_html"])
    return outcome


def _kept(outcome: Row) -> str:
    """The outcome as the ledger keeps it: without its table, what is gone, and words of the documents."""
    counts = {"table": outcome["sources"], "gone": outcome["gone_count"], "found": len(outcome["found"])}
    return json.dumps({**outcome, **counts, "longest": len(outcome["longest"])})


def written(run: Run, models: Models, tree: Tree) -> dict[str, int]:
    """Summaries that a model wrote, and sentences of them that were dropped."""
    counts = {"generated": 0, "dropped": 0}
    for node in tree.nodes:
        summary = load_summary(run.ledger, models.key, node)
        counts["generated"] += summary.generated
        counts["dropped"] += summary.dropped
    return counts


def quarantined(rows: Iterable[Row]) -> Iterator[Row]:
    """The sources that could not be read, and why."""
    names = ("uri", "label", "outcome", "reason")
    return ({name: row[name] for name in names} for row in rows if failed(row))


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
