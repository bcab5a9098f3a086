"""A corpus is read once, remembered with verbatim quotes, and kept up with as it changes.

Run: pytest tests/flows/test_read.py
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import boto3
import pytest

from flows.config import RunConfig
from flows.server import prefect_api
from tasks.ingest.parse import read_text
from tasks.memory.reader import open_memory
from tests.flows.corpus import story, tiny, write_corpus
from tests.marks import slow
from tests.s3 import s3_server


@pytest.fixture(scope="session", autouse=True)
def api(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One real Prefect server for all tests of this folder."""
    with prefect_api(tmp_path_factory.mktemp("prefect")) as url:
        yield url


def read(uris: list[str], config: RunConfig) -> dict[str, Any]:
    from flows.read import run_read

    return run_read(uris, config)


def recall(question: str, config: RunConfig, as_of: str | None = None) -> list[dict[str, Any]]:
    from flows import commands

    hits: list[dict[str, Any]] = commands.recall(config, [question], as_of=as_of).data["hits"]
    return hits


def remembered(home: Path) -> dict[str, tuple[str, ...]]:
    """What a memory says, without when and in which run it was said."""
    rows = open_memory(home).rows()
    return {row["id"]: (row["level"], row["summary"], *(q["text"] for q in row["quotes"])) for row in rows}


def artifacts(api: str) -> dict[str, str]:
    """What the first run shows in Prefect's UI, by kind."""
    request = Request(f"{api}/artifacts/filter", b"{}", {"Content-Type": "application/json"})
    with build_opener(ProxyHandler({})).open(request) as answer:
        rows = sorted(json.load(answer), key=lambda row: str(row["created"]), reverse=True)
    return {row["type"]: str(row["data"]) for row in rows}


def test_a_corpus_is_read_remembered_recalled_and_not_read_twice(
    api: str, tmp_path: Path, model_dir: Path
) -> None:
    folder = write_corpus(tmp_path / "corpus", 3, lines=24)
    (folder / "twin.txt").write_text(story(1, 24))
    config = tiny(tmp_path / "home", model_dir)
    outcome = read([str(folder)], config)
    assert outcome["status"] == "published"
    assert outcome["documents"] == 3
    assert outcome["windows"] > 3
    memory = open_memory(tmp_path / "home")
    levels = {row["level"] for row in memory.rows(columns=["level"])}
    assert levels >= {"passage", "window", "document", "corpus"}
    for row in memory.rows():
        for quote in row["quotes"]:
            source = memory.sources_of(quote["document"])[0]
            found = read_text(memory.home, source["parsed"], source["part"], quote["start"], quote["end"])
            assert found == quote["text"]
    best = recall("How many meteors did Oslo record in 1915?", config)[0]
    citations = [quote["citation"] for quote in best["quotes"]]
    assert any("report-01.txt" in citation for citation in citations)
    assert any("twin.txt" in citation for citation in citations)
    again = read([str(folder)], config)
    assert (again["status"], again["windows"], again["tokens"]) == ("unchanged", 0, 0)
    assert again["version"] == outcome["version"]
    assert "<title>Nightread" in Path(outcome["report_html"]).read_text()
    shown = artifacts(api)
    assert f"# Nightread run {outcome['run']}" in shown["markdown"]
    assert "report-01.txt" in shown["table"]
    assert float(shown["progress"]) == 100


class Folder:
    """A corpus in a folder."""

    def __init__(self, path: Path) -> None:
        self.uri = str(path)
        path.mkdir()

    def put(self, name: str, text: str) -> None:
        (Path(self.uri) / name).write_text(text)

    def remove(self, name: str) -> None:
        (Path(self.uri) / name).unlink()


class Bucket:
    """A corpus in a bucket of a real S3-compatible server."""

    def __init__(self, endpoint: str) -> None:
        self.uri = "s3://corpus/reports/"
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self.client.create_bucket(Bucket="corpus")

    def put(self, name: str, text: str) -> None:
        self.client.put_object(Bucket="corpus", Key=f"reports/{name}", Body=text.encode())

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket="corpus", Key=f"reports/{name}")


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "folder":
        yield Folder(tmp_path / "corpus")
        return
    with s3_server(tmp_path) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield Bucket(endpoint)


def test_only_what_changed_is_read_and_what_was_replaced_is_never_recalled(
    store: Folder | Bucket, tmp_path: Path, model_dir: Path
) -> None:
    config = tiny(tmp_path / "home", model_dir)
    documents = 50 if isinstance(store, Folder) else 12
    for number in range(documents):
        store.put(f"report-{number:02d}.txt", story(number, 2))
    first = read([store.uri], config)
    assert first["read"] == documents
    store.put("report-07.txt", "The harbour of Bergen was dredged by two steam ships in 1931.\n")
    store.remove("report-08.txt")
    store.put("new.txt", "The glass factory of Nancy employed ninety people in winter.\n")
    second = read([store.uri], config)
    assert second["read"] == second["windows"] == 2
    texts = {hit["text"] for hit in recall("observatory of Izmir number 7 meteors", config)}
    assert not any("number 7 " in text for text in texts)
    assert any("Bergen" in hit["text"] for hit in recall("Who dredged the harbour of Bergen?", config))
    earlier = recall("observatory of Izmir number 7 meteors", config, as_of=first["run"])
    assert any("number 7 " in hit["text"] for hit in earlier)


CHILD = """
import sys
from flows.config import load
from flows.read import run_read
run_read([sys.argv[1]], load("tiny", sys.argv[2:]))
"""


@pytest.mark.parametrize("trials", [2, *slow(20)])
def test_a_read_killed_at_any_moment_ends_like_one_that_was_not(
    tmp_path: Path, model_dir: Path, trials: int
) -> None:
    folder = write_corpus(tmp_path / "corpus", 3, lines=24)
    whole = tiny(tmp_path / "whole", model_dir)
    read([str(folder)], whole)
    expected = remembered(tmp_path / "whole")
    seed = random.SystemRandom().randrange(1 << 30)
    moments = random.Random(seed)
    for trial in range(trials):
        home = tmp_path / f"killed-{trial}"
        arguments = [sys.executable, "-c", CHILD, str(folder), f"home={home}", f"infer.model={model_dir}"]
        child = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for(home / "ledger.sqlite", child)
        time.sleep(moments.uniform(0.0, 20.0))
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        before = journaled(home)
        outcome = read([str(folder)], tiny(home, model_dir))
        assert remembered(home) == expected, f"seed {seed}, trial {trial}"
        total = len([1 for row in open_memory(home).rows(columns=["level"]) if row["level"] == "window"])
        assert outcome["windows"] <= total - before + 1, f"seed {seed}, trial {trial}"


def wait_for(path: Path, child: "subprocess.Popen[bytes]") -> None:
    while not path.exists() and child.poll() is None:
        time.sleep(0.05)


def journaled(home: Path) -> int:
    """Windows a killed run had finished."""
    import sqlite3

    with sqlite3.connect(home / "ledger.sqlite") as db:
        found = db.execute("SELECT count(*) FROM journal WHERE kind = 'window'").fetchone()
    return int(found[0])


def test_quarantined_documents_are_named_and_can_be_retried(tmp_path: Path, model_dir: Path) -> None:
    from flows import commands
    from flows.read import run_retry

    folder, config = write_corpus(tmp_path / "corpus", 1, lines=3), tiny(tmp_path / "home", model_dir)
    (folder / "empty.txt").write_text("  \n")
    outcome = read([str(folder)], config)
    assert [row["outcome"] for row in outcome["quarantined"]] == ["empty_text"]
    assert json.dumps(commands.quarantine(config).data["documents"])
    (folder / "empty.txt").write_text("The lighthouse of Porto was painted white in the spring of 1950.\n")
    assert run_retry(config)["quarantined"] == []
    assert commands.quarantine(config).data["documents"] == []


def test_a_plan_says_what_a_read_will_do_and_spends_nothing(tmp_path: Path, model_dir: Path) -> None:
    from flows.read import run_plan

    folder, config = write_corpus(tmp_path / "corpus", 2, lines=10), tiny(tmp_path / "home", model_dir)
    plan = run_plan([str(folder)], config)
    assert not (tmp_path / "home" / "memory").exists()
    assert [row["action"] for row in plan["rows"]] == ["read", "read"]
    outcome = read([str(folder)], config)
    assert abs(plan["tokens"] - outcome["tokens"]) <= 0.01 * outcome["tokens"]
    assert plan["windows"] == outcome["windows"]
    assert {row["action"] for row in run_plan([str(folder)], config)["rows"]} == {"skip"}
