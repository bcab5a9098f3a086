"""A corpus is read once, remembered with verbatim quotes, and shown in Prefect while it is read.

Run: pytest tests/flows/test_read.py
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from lxml import html

from flows import show
from flows.config import load
from flows.ui import corpus_name
from tasks.errors import InvalidInput, Transient
from tasks.ingest.parse import read_text
from tasks.memory.reader import open_memory
from tasks.runs.ledger import Ledger
from tests.flows.conftest import Configured, Library
from tests.flows.corpus import read, recall, story, write_corpus

STAGES = ["discover", "parse", "shard", "plan", "infer", "reduce", "embed", "relate", "remember", "report"]


def prefect(api: str, path: str, **query: Any) -> list[dict[str, Any]]:
    """Rows of Prefect's API."""
    request = Request(
        f"{api}/{path}/filter", json.dumps(query).encode(), {"Content-Type": "application/json"}
    )
    with build_opener(ProxyHandler({})).open(request) as answer:
        rows: list[dict[str, Any]] = json.load(answer)
    return rows


def flow_run(api: str, outcome: dict[str, Any]) -> str:
    """Id of the flow run that has reported this outcome."""
    rows = prefect(api, "artifacts", artifacts={"key": {"any_": ["report"]}}, limit=200)
    (row,) = [row for row in rows if row["description"] == outcome["run"]]
    return str(row["flow_run_id"])


def test_a_corpus_is_remembered_at_every_level_with_verbatim_quotes(library: Library) -> None:
    outcome = library.outcome
    assert (outcome["status"], outcome["documents"]) == ("published", 2)
    assert outcome["windows"] > 2
    memory = open_memory(Path(library.config.home))
    rows = memory.rows()
    assert {row["level"] for row in rows} >= {"passage", "window", "document", "corpus"}
    for row in rows:
        for quote in row["quotes"]:
            source = memory.sources_of(quote["document"])[0]
            found = read_text(memory.home, source["parsed"], source["part"], quote["start"], quote["end"])
            assert found == quote["text"]


def test_a_text_that_lies_in_two_files_is_recalled_with_both(library: Library) -> None:
    best = recall(library.config, "How many meteors did Oslo record in 1915?")[0]
    citations = [quote["citation"] for quote in best["quotes"]]
    assert any("report-01.txt" in citation for citation in citations)
    assert any("twin.txt" in citation for citation in citations)


def test_what_has_not_changed_is_not_read_twice(library: Library, library_again: dict[str, Any]) -> None:
    assert (library_again["status"], library_again["windows"], library_again["tokens"]) == ("unchanged", 0, 0)
    assert library_again["version"] == library.outcome["version"]


def test_a_run_is_shown_in_prefect_by_its_corpus_stage_by_stage(api: str, library: Library) -> None:
    run = flow_run(api, library.outcome)
    (row,) = prefect(api, "flow_runs", flow_runs={"id": {"any_": [run]}})
    assert row["name"].startswith("corpus 20")
    tasks = prefect(api, "task_runs", flow_runs={"id": {"any_": [run]}}, sort="EXPECTED_START_TIME_ASC")
    assert sorted(task["name"].rpartition("-")[0] for task in tasks) == sorted(STAGES)
    logs = prefect(api, "logs", logs={"flow_run_id": {"any_": [run]}, "level": {"ge_": 20}})
    said = [row["message"] for row in logs]
    for stage in STAGES:
        assert any(line.startswith(f"{stage}: ") for line in said), stage
    for name in ("report-00.txt", "report-01.txt"):
        assert any(name in line for line in said), name
    artifacts = prefect(api, "artifacts", flow_runs={"id": {"any_": [run]}})
    shown = {artifact["key"]: artifact for artifact in artifacts if artifact["key"]}
    assert shown["report"]["data"].startswith("# What was read: corpus\n")
    assert library.outcome["run"] in shown["report"]["data"]
    assert "report-01.txt" in str(shown["documents"]["data"])
    assert (float(shown["progress"]["data"]), shown["progress"]["description"]) == (100.0, "100 %: done")
    assert "<title>Nightread" in Path(library.outcome["report_html"]).read_text()


@pytest.mark.parametrize(
    ("uris", "name"),
    [
        (["/data/papers/"], "papers"),
        (["s3://bucket/2026/reports"], "reports"),
        (["/data/papers", "/data/notes", "sample:"], "papers and 2 more"),
        (["sample:"], "sample:"),
    ],
)
def test_a_run_is_named_after_its_corpus(uris: list[str], name: str) -> None:
    assert corpus_name(uris) == name


def test_every_citation_of_a_report_marks_its_words_and_opens_the_file_that_holds_them(
    library: Library,
) -> None:
    page = html.parse(library.outcome["report_html"])
    quotes = page.xpath("//blockquote[@id]")
    anchors = {f"#{quote.get('id')}" for quote in quotes}
    assert set(page.xpath("//span[@class='places']/a/@href")) == anchors != set()
    for quote in quotes:
        address = urlsplit(quote.xpath("string(cite/a/@href)"))
        words = quote.xpath("string(mark)")
        assert (address.scheme, address.fragment[:8]) == ("file", ":~:text=")
        assert words in Path(unquote(address.path)).read_text()
        assert unquote(address.fragment[8:]).partition(",")[0] in " ".join(words.split())
    stages = page.xpath("//figure[figcaption='Seconds by stage']//th/text()")
    assert {"parse", "infer", "embed"} & set(stages)


def test_a_plan_says_what_a_read_will_do_and_spends_nothing(tmp_path: Path, configured: Configured) -> None:
    from flows.read import run_plan

    folder, config = write_corpus(tmp_path / "corpus", 2, lines=10), configured()
    plan = run_plan([str(folder)], config)
    assert not (tmp_path / "home" / "memory").exists()
    assert [row["action"] for row in plan["rows"]] == ["read", "read"]
    outcome = read(config, folder)
    assert abs(plan["tokens"] - outcome["tokens"]) <= 0.01 * outcome["tokens"]
    assert plan["windows"] == outcome["windows"]
    assert {row["action"] for row in run_plan([str(folder)], config)["rows"]} == {"skip"}


def test_a_document_larger_than_the_whole_budget_waits_and_what_is_gone_is_retired_all_the_same(
    tmp_path: Path, configured: Configured
) -> None:
    folder = write_corpus(tmp_path / "corpus", 3, lines=6)
    (folder / "archive.txt").write_text(story(7, 60))
    config = configured("budget.tokens=900", "infer.salience=false")
    first = read(config, folder)
    assert (first["status"], first["read"], first["postponed"], first["oversize"]) == ("published", 3, 1, 1)
    (large,) = [row for row in first["table"] if row["outcome"] == "postponed"]
    assert large["action"] == "left unread"
    assert re.fullmatch(
        r"takes more than the whole budget: [\d,]+ tokens, over budget.tokens=900", large["reason"]
    )
    (folder / "report-02.txt").unlink()
    second = read(config, folder)
    assert (second["status"], second["read"]) == ("published", 0)
    assert second["retired"] > 0
    assert second["gone"] == [str(folder / "report-02.txt")]
    assert re.search(
        r"\n1 document takes more than the whole budget, not read before it is raised: [\d,]+ tokens",
        show.read(second),
    )


def test_a_budget_reads_what_it_holds_and_the_next_run_goes_on_behind_the_last_window(
    tmp_path: Path, configured: Configured
) -> None:
    from flows.read import run_plan

    folder = write_corpus(tmp_path / "corpus", 2, lines=6)
    (folder / "report-01.txt").write_text(story(1, 40))
    (folder / "report-02.txt").write_text(story(2, 5))
    whole = run_plan([str(folder)], configured())["windows"]
    first = read(configured("budget.tokens=700"), folder)
    assert (first["read"], first["postponed"]) == (2, 1)
    assert re.fullmatch(r"[\d,]+ tokens, over budget.tokens=700", first["over"])
    assert "1 document left for the next run" in show.read(first)
    assert {row["action"] for row in first["table"]} == {"read: new", "left unread"}
    assert first["quarantined"] == []
    begun = read(configured("budget.tokens=700"), folder)
    assert (begun["read"], begun["postponed"], begun["status"]) == (0, 1, "unchanged")
    last = read(configured(), folder)
    assert (last["read"], last["postponed"], last["status"]) == (1, 0, "published")
    assert begun["windows"] > 1
    assert first["windows"] + begun["windows"] + last["windows"] == whole


def test_quarantined_documents_are_named_and_can_be_retried(tmp_path: Path, configured: Configured) -> None:
    from flows import commands
    from flows.read import run_retry

    folder, config = write_corpus(tmp_path / "corpus", 1, lines=3), configured()
    (folder / "empty.txt").write_text("  \n")
    (folder / "deleted.txt").write_text("\n")
    outcome = read(config, folder)
    assert [row["outcome"] for row in outcome["quarantined"]] == ["empty_text", "empty_text"]
    assert json.dumps(commands.quarantine(config).data["documents"])
    (folder / "empty.txt").write_text("The lighthouse of Porto was painted white in the spring of 1950.\n")
    (folder / "deleted.txt").unlink()
    (again,) = run_retry(config)
    assert (again["quarantined"], again["read"], again["documents"]) == ([], 1, 2)
    assert commands.quarantine(config).data["documents"] == []
    corpora = [row for row in open_memory(tmp_path / "home").rows() if row["level"] == "corpus"]
    assert [row["corpus"] for row in corpora] == [str(folder)], "of the folder, not of the file"


def test_a_quarantined_file_that_was_deleted_leaves_the_quarantine(tmp_path: Path) -> None:
    from flows.read import begin
    from tasks.ingest import steps as ingest

    folder, config = tmp_path / "corpus", load("tiny", [f"home={tmp_path / 'home'}"])
    for name in ("docs/a.txt", "docs/b.txt", "other/c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(" ")

    def quarantined(uri: Path) -> list[str]:
        run = begin([str(uri)], config.reading)
        ingest.parse(run, ingest.discover(run), lambda _: None)
        return [Path(row["uri"]).name for row in run.ledger.quarantined()]

    assert quarantined(folder) == ["a.txt", "b.txt", "c.txt"]
    (folder / "docs" / "a.txt").unlink()
    (folder / "other" / "c.txt").unlink()
    assert quarantined(folder / "docs") == ["b.txt", "c.txt"], "nobody looked for c.txt"
    (folder / "docs" / "d.txt").write_text("The ferry to Malmo leaves at nine.")
    assert quarantined(folder / "**" / "*.txt") == ["b.txt"]


@pytest.mark.parametrize(
    ("uri", "error", "said", "stays"),
    [
        ("s3://papers/a.txt", Transient, r"127\.0\.0\.1:9 cannot be reached", True),
        ("/no/such/a.txt", InvalidInput, "of 1 source in quarantine none is there any more", False),
    ],
)
def test_a_retry_lets_go_of_what_is_gone_and_of_nothing_that_it_cannot_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, error: type[Exception], said: str, stays: bool
) -> None:
    from flows.read import run_retry

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    config = load("tiny", [f"home={tmp_path}", "storage.endpoint_url=http://127.0.0.1:9"])
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.quarantine("r1", [{"uri": uri, "part": 0, "outcome": "unreadable"}])
    with pytest.raises(error, match=said):
        run_retry(config)
    assert bool(ledger.quarantined()) == stays


@pytest.mark.parametrize(("error", "tries"), [(Transient("the store is silent"), 3), (InvalidInput("no"), 1)])
def test_a_step_is_tried_again_where_that_may_help_and_only_there(
    api: str, error: Exception, tries: int
) -> None:
    from prefect import flow

    from flows.read import step

    tried = 0

    def parse(fails: int) -> str:
        nonlocal tried
        tried += 1
        if tried <= fails:
            raise error
        return "parsed"

    @flow(persist_result=False)
    def reading(fails: int) -> str:
        return str(step(parse, retry_delay_seconds=0)(fails))

    with pytest.raises(type(error), match=str(error)):
        reading(9)
    assert tried == tries
    tried = 0
    if tries > 1:
        assert (reading(2), tried) == ("parsed", 3)
