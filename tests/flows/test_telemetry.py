"""A run tells of itself in ids and numbers: no word, name or place of a document is in log or metrics.

Run: pytest tests/flows/test_telemetry.py
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.telemetry.events import Events, log_path
from flows.telemetry.traces import ENDPOINT, EXPORTERS, Traces, wrong
from tasks.errors import InvalidInput
from tasks.settings import LogConfig
from tests.flows.conftest import Configured
from tests.flows.corpus import PLACES, read, write_corpus

STAGES = "discover parse shard plan infer reduce embed relate remember report".split()


def samples(path: Path) -> dict[tuple[str, ...], float]:
    """Values of a textfile by name and label."""
    families = text_string_to_metric_families(path.read_text())
    found = [sample for family in families for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in found}


def lines(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_path(home).read_text().splitlines()]


def test_a_run_logs_and_counts_its_stages_and_documents_without_a_word_of_them(
    tmp_path: Path, configured: Configured
) -> None:
    folder, textfile = write_corpus(tmp_path / "secret-corpus", 2), tmp_path / "nightread.prom"
    (folder / "confidential.pdf").write_bytes(b"%PDF-1.7 not really")
    config = configured("log.json=true", "log.file=true", f"metrics.textfile={textfile}")
    outcome, home = read(config, folder), Path(config.home)
    told = lines(home)
    assert {line["run"] for line in told} == {outcome["run"]}
    assert [line["stage"] for line in told if line["event"] == "stage finished"] == STAGES
    assert (told[0]["event"], told[-1]["event"]) == ("run started", "run finished")
    assert sum(line["seconds"] for line in told if line["event"] == "stage finished") < told[-1]["seconds"]
    settled = [line for line in told if line["event"] == "document"]
    assert [line["outcome"] for line in settled] == ["corrupt", "remembered", "remembered"]
    assert sum(line.get("tokens", 0) for line in settled) == outcome["tokens"]
    counted = samples(textfile)
    assert counted["nightread_runs_total", "published"] == 1
    assert counted["nightread_sources", "ok"] == 2
    assert counted["nightread_quarantined_sources",] == 1
    assert counted["nightread_tokens_read",] == outcome["tokens"]
    assert counted["nightread_run_active",] == 0
    assert {key[1] for key in counted if key[0] == "nightread_stage_duration_seconds"} == set(STAGES)
    written = (log_path(home).read_text() + textfile.read_text()).lower()
    words = (*PLACES, "observatory", "report-", "confidential", "secret", str(tmp_path), "/")
    assert [word for word in words if word.lower() in written.replace("text/", "")] == []


def test_a_run_that_fails_says_of_what_kind_its_error_is_and_no_more(
    tmp_path: Path, configured: Configured
) -> None:
    textfile = tmp_path / "nightread.prom"
    config = configured("log.json=true", "log.file=true", f"metrics.textfile={textfile}")
    with pytest.raises(InvalidInput):
        read(config, tmp_path / "no-such-folder")
    last = lines(Path(config.home))[-1]
    assert (last["event"], last["error"]) == ("run failed", "InvalidInput")
    assert "no-such-folder" not in log_path(Path(config.home)).read_text()
    assert samples(textfile)["nightread_runs_total", "failed"] == 1


def test_metrics_that_cannot_be_written_are_refused_before_anything_is_read(
    tmp_path: Path, configured: Configured
) -> None:
    config = configured(f"metrics.textfile={tmp_path}/no/such/folder.prom")
    with pytest.raises(InvalidInput, match=r"metrics.textfile=.*cannot be written"):
        read(config, write_corpus(tmp_path / "corpus", 1))


def test_a_log_is_rotated_and_the_oldest_parts_go(tmp_path: Path) -> None:
    events = Events("20260101-000000-ab12", LogConfig(json=True, file=True, max_mb=1, keep=2), tmp_path)
    for number in range(30_000):
        events.write("document", {"document": "d" * 64, "tokens": number})
    events.close()
    parts = sorted(path.name for path in log_path(tmp_path).parent.iterdir())
    assert parts == ["nightread.jsonl", "nightread.jsonl.1", "nightread.jsonl.2"]
    assert lines(tmp_path)[-1]["tokens"] == 29_999


def test_without_a_collector_nothing_of_opentelemetrys_sdk_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    before = set(sys.modules)
    with Traces("20260101-000000-ab12").span("read") as attributes:
        attributes["tokens"] = 1
    assert {name for name in set(sys.modules) - before if name.startswith("opentelemetry")} == set()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            ENDPOINT,
            "collector:4318",
            "=collector:4318: give an address such as http://collector:4318, or unset",
        ),
        (ENDPOINT, "user:pa55@host", "=***@host: give an address"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "ten", "=ten: give a number of seconds, or unset"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zip", "=zip: give none, gzip or deflate, or unset"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "=0: give a number of spans, or unset"),
    ],
)
def test_a_setting_of_traces_that_cannot_be_is_named_with_its_remedy(
    name: str, value: str, told: str
) -> None:
    assert wrong({ENDPOINT: "http://c:4318", name: value}).startswith(f"{name}{told}")
    fine = {ENDPOINT: "https://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5", "OTEL_BSP_SCHEDULE_DELAY": ""}
    assert wrong(fine) == ""


@pytest.mark.parametrize(
    ("timeout", "told"),
    [("ten", "OTEL_EXPORTER_OTLP_TIMEOUT=ten"), ("10", "check OTEL_EXPORTER_OTLP_ENDPOINT, OTEL")],
)
def test_what_an_exporter_refuses_costs_the_traces_and_not_the_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    timeout: str,
    told: str,
) -> None:
    module = tmp_path / EXPORTERS[0].replace(".", "/")
    module.parent.mkdir(parents=True)
    module.with_suffix(".py").write_text("def OTLPSpanExporter(): raise RuntimeError('no such header')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", timeout)
    caplog.set_level("WARNING", "nightread")
    with Traces("20260101-000000-ab12").span("read") as attributes:
        attributes["documents"] = 3
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("traces are not sent in this run: ")
    assert told in line
