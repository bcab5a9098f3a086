"""Metrics for Prometheus: a file that node_exporter's textfile collector reads, whole at every moment.

The idea: a run that a schedule starts has no port that could be scraped; what it has done is written at the
end of every stage. What counts up over runs comes from the ledger, so that it survives the process.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import InvalidInput
from tasks.runs.ledger import Ledger

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

    from flows.telemetry.events import Fact

_log = logging.getLogger("nightread")

GAUGES = {
    "run_active": "Whether a run is going on",
    "run_start_time_seconds": "When the last run began",
    "run_end_time_seconds": "When a run ended last, however it did",
    "run_success_time_seconds": "When a run ended well last",
    "documents": "Documents of the corpus that was read last",
    "documents_read": "Documents that the last run read",
    "windows_read": "Windows that the last run read",
    "tokens_read": "Tokens that the last run read",
    "records_added": "Records that the last run added",
    "records_retired": "Records that the last run retired",
    "memory_version": "Version of the memory that the last run published or found",
    "quarantined_sources": "Sources in quarantine",
}
"""What has no label, with its help."""
LABELLED = {
    "stage_duration_seconds": ("stage", "Seconds of each stage of the last run"),
    "sources": ("outcome", "Sources that the last run saw, by what became of them"),
}
WELL = ("published", "unchanged")
"""Statuses of runs that ended well."""
FACTS = {
    "infer": {"windows": "windows_read", "tokens": "tokens_read"},
    "remember": {"added": "records_added", "retired": "records_retired", "version": "memory_version"},
    "report": {"documents": "documents", "read": "documents_read"},
}
"""Which facts of a stage (`flows.telemetry.facts`) are metrics."""


class Metrics:
    """The metrics of one run.

    Raises:
        InvalidInput: if the file cannot be written when the run begins; later that is only logged.
    """

    def __init__(self, path: str, ledger: Ledger) -> None:
        self.path, self.ledger = path, ledger
        self.values: dict[str, float] = {"run_active": 1, "run_start_time_seconds": time.time()}
        self.labelled: dict[str, dict[str, float]] = {name: {} for name in LABELLED}
        try:
            self._write()
        except OSError as error:
            raise InvalidInput(
                f"metrics.textfile={path}: cannot be written ({error.strerror}); name a file in a folder "
                f"that is there, such as /var/lib/node_exporter/nightread.prom"
            ) from error

    def stage(self, name: str, seconds: float, facts: Mapping[str, "Fact"]) -> None:
        """A stage has ended."""
        self.labelled["stage_duration_seconds"][name] = seconds
        if name == "parse":
            self.labelled["sources"] = {one: float(count) for one, count in facts.items() if one != "sources"}
        for fact, metric in FACTS.get(name, {}).items():
            if fact in facts:
                self.values[metric] = float(facts[fact])
        self.save()

    def end(self) -> None:
        """The run has ended, and the ledger knows how."""
        self.values["run_active"] = 0
        self.save()

    def save(self) -> None:
        """Write the file anew."""
        try:
            self._write()
        except OSError as error:
            _log.warning("metrics: %s cannot be written: %s", self.path, error.strerror)

    def _write(self) -> None:
        if self.path:
            from prometheus_client import write_to_textfile

            write_to_textfile(str(Path(self.path)), self._registry())

    def _registry(self) -> "CollectorRegistry":
        from prometheus_client import CollectorRegistry, Gauge

        registry = CollectorRegistry()
        runs = self.ledger.runs()
        bad = {row["uri"] for row in self.ledger.quarantined()}
        values = {**self.values, **_ended(runs), "quarantined_sources": float(len(bad))}
        for name, value in values.items():
            Gauge(f"nightread_{name}", GAUGES[name], registry=registry).set(value)
        for name, some in self.labelled.items():
            label, told = LABELLED[name]
            gauge = Gauge(f"nightread_{name}", told, [label], registry=registry)
            for one, value in some.items():
                gauge.labels(one).set(value)
        registry.register(_Runs(Counter(row["status"] for row in runs if row["status"] != "running")))
        return registry


def _ended(runs: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """When runs ended last, and ended well last, in seconds of the epoch; what never was is left out."""
    found = {}
    for row in runs:
        if row["finished"]:
            ended = datetime.fromisoformat(row["finished"]).timestamp()
            found["run_end_time_seconds"] = ended
            if row["status"] in WELL:
                found["run_success_time_seconds"] = ended
    return found


class _Runs:
    """Runs that have ended, by how, as a counter: it goes on from process to process."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts

    def collect(self) -> "Iterable[Metric]":
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily("nightread_runs", "Runs that have ended, by how", labels=["status"])
        for status, count in self.counts.items():
            family.add_metric([status], count)
        return [family]
