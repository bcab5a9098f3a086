"""A home made by the first version is read, recalled and planned as before, and nothing in it is read again.

Everything that version wrote is spelled out here: a file, table, column or key that gets another name
fails this, whatever the code calls it.

Run: pytest tests/tasks/memory/test_old_home.py
"""

import hashlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lancedb.index import FTS

from tasks.ingest import steps as ingest
from tasks.ingest.parse import place_of, read_text
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.reader import history, open_memory
from tasks.memory.staging import stage
from tasks.plan.work import Work, choose
from tasks.recall.citation import format_citation
from tasks.recall.recall import recall
from tasks.runs.ledger import Ledger
from tasks.runs.run import Run
from tasks.settings import ClusterConfig, InferConfig, ParseConfig, RecallConfig, ShardConfig, StorageConfig

TEXT = "The harbour was closed.\nIt opened again in spring.\n"
DOCUMENT = hashlib.sha256(TEXT.encode()).hexdigest()
PARSED = f"parsed/{DOCUMENT}.c6fe6f-bf92cba6c86c.parquet"
RUN, KEY, TIME = "20261129-110455-7606", "77f6ced9f5989792", "2026-11-29T11:05:54.174433+00:00"
LEDGER = """
CREATE TABLE journal (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
  uri TEXT NOT NULL, part INTEGER NOT NULL, version TEXT NOT NULL, parser_key TEXT NOT NULL,
  row TEXT NOT NULL, PRIMARY KEY (uri, part)) WITHOUT ROWID;
CREATE TABLE runs (
  run TEXT PRIMARY KEY, status TEXT NOT NULL, started TEXT NOT NULL, finished TEXT NOT NULL,
  corpus TEXT NOT NULL, config TEXT NOT NULL, counts TEXT NOT NULL);
CREATE TABLE quarantine (
  uri TEXT NOT NULL, part INTEGER NOT NULL, run TEXT NOT NULL, since TEXT NOT NULL, row TEXT NOT NULL,
  PRIMARY KEY (uri, part)) WITHOUT ROWID;
CREATE TABLE reader_deaths (
  document TEXT NOT NULL, key TEXT NOT NULL, window INTEGER NOT NULL, count INTEGER NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY (document, key, window)) WITHOUT ROWID;
"""


def of(**columns: Any) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def item(kind: pa.DataType) -> pa.Field:
    return pa.field("item", kind, nullable=False)


QUOTE = pa.struct(
    of(text=pa.string(), document=pa.string(), start=pa.int64(), end=pa.int64(), salience=pa.float32())
)
RECORDS = of(
    id=pa.string(), level=pa.string(), document=pa.string(), corpus=pa.string(), window_first=pa.int32(),
    window_last=pa.int32(), char_start=pa.int64(), char_end=pa.int64(), summary=pa.string(),
    generated=pa.bool_(), text=pa.string(), quotes=pa.list_(item(QUOTE)),
    vector=pa.list_(item(pa.float32()), 256), grounding=pa.float32(), dropped=pa.int32(), model=pa.string(),
    skip_key=pa.string(), run=pa.string(), created=pa.timestamp("us", tz="UTC"),
    children=pa.list_(item(pa.string())),
)  # fmt: skip
SOURCES = of(
    uri=pa.string(), version=pa.string(), content=pa.string(), part=pa.int32(), label=pa.string(),
    document=pa.string(), chars=pa.int64(), outcome=pa.string(), reason=pa.string(), parsed=pa.string(),
)  # fmt: skip
SPANS = of(part=pa.int32(), char_start=pa.int64(), text=pa.string(), place=pa.string(), number=pa.int64())


def record(ident: str, level: str, start: int, end: int) -> dict[str, Any]:
    text = TEXT[start:end]
    quote = {"text": text, "document": DOCUMENT, "start": start, "end": end, "salience": 0.5}
    corpus = level == "corpus"
    return {
        "id": ident,
        "level": level,
        "document": "" if corpus else DOCUMENT,
        "corpus": "docs" if corpus else "",
        "window_first": 0,
        "window_last": 0,
        "char_start": start,
        "char_end": end,
        "summary": "" if level == "passage" else text,
        "generated": False,
        "text": text,
        "quotes": [quote],
        "vector": np.full(256, 1 / 16, np.float32),
        "grounding": 1.0,
        "dropped": 0,
        "model": "smollm2-135m-instruct",
        "skip_key": KEY,
        "run": RUN,
        "created": datetime(2026, 11, 29, tzinfo=UTC),
        "children": [],
    }


TODAY: dict[str, Any] = {
    "title": "a.txt", "section": "", "context": TEXT, "context_vector": np.full(256, 1 / 16, np.float32),
    "position": -1, "dates": [], "entities": [], "text_hash": 0, "sketch": [],
    "novelty": -1.0, "relations": [], "related": [], "labels": [],
}  # fmt: skip
"""What records of today hold beside that."""


def source(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {
        "uri": str(path), "version": f"{status.st_size}-{status.st_mtime_ns}", "content": DOCUMENT, "part": 0,
        "label": "", "document": DOCUMENT, "chars": len(TEXT), "outcome": "ok", "reason": "",
        "parsed": PARSED,
    }  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder `docs` beside it was read under that name, from here."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(TEXT)
    home, row = tmp_path / "home", source(tmp_path / "docs" / "a.txt")
    for folder in ("parsed", f"memory/runs/{RUN}"):
        (home / folder).mkdir(parents=True)
    write_memory(home / "memory", row)
    write_ledger(home / "ledger.sqlite", row)
    span = {"part": 0, "char_start": 0, "text": TEXT, "place": "line", "number": 1}
    pq.write_table(pa.Table.from_pylist([span], schema=SPANS), home / PARSED)
    part = {"part": 0, "label": "", "chars": len(TEXT), "outcome": "ok", "reason": "", "document": DOCUMENT}
    (home / PARSED).with_suffix(".json").write_text(json.dumps([part]))
    return home


def write_memory(folder: Path, row: dict[str, Any]) -> None:
    table = lancedb.connect(str(folder)).create_table("records", schema=RECORDS)
    rows = [record("p0", "passage", 0, 23), record("d0", "document", 24, 50), record("c0", "corpus", 0, 23)]
    table.add(pa.Table.from_pylist(rows, schema=RECORDS))
    table.create_index("text", config=FTS())
    table.optimize()
    table.tags.create(f"run-{RUN}", table.version)
    pq.write_table(pa.Table.from_pylist([row], schema=SOURCES), folder / "runs" / RUN / "sources.parquet")
    at = {"run": RUN, "version": table.version, "time": TIME}
    run = {**at, "added": 3, "retired": 0, "previous": ""}
    (folder / "runs" / RUN / "run.json").write_text(json.dumps(run))
    (folder / "published.json").write_text(json.dumps(at))


def write_ledger(path: Path, row: dict[str, Any]) -> None:
    key = hashlib.sha256(f"document\0{KEY}\0{DOCUMENT}".encode()).hexdigest()[:32]
    quote = record("", "document", 24, 50)["quotes"][0]
    node = {
        "id": key, "level": "document", "document": DOCUMENT, "corpus": "", "windows": [0, 0],
        "chars": [24, 50], "quotes": [quote], "children": [],
    }  # fmt: skip
    done = json.dumps({"windows": 1, "tokens": 12, "node": node}).encode()
    config = json.dumps({"ranks": 1, "spread": 1, "streams": 0, "hang_s": 300.0})
    run = (RUN, "published", TIME, TIME, '["docs"]', config, json.dumps({"documents": 1}))
    with sqlite3.connect(path) as db:
        db.executescript(LEDGER)
        db.execute("INSERT INTO journal VALUES (?, ?, ?)", (key, "document", done))
        db.execute(
            "INSERT INTO sources VALUES (?, 0, ?, ?, ?)",
            (row["uri"], row["version"], "bf92cba6c86c", json.dumps(row)),
        )
        db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", run)
    db.close()


def same_vector(texts: list[str]) -> np.ndarray:
    return np.full((len(texts), 256), 1 / 16, np.float32)


def planned(home: Path) -> Work:
    """What a run of today finds to do."""
    run = Run(
        (f"{home.parent}/docs",),
        home,
        StorageConfig(),
        ParseConfig(),
        ShardConfig(),
        InferConfig(),
        ClusterConfig(),
    )
    memory = open_memory(home)
    rows = ingest.parse(run, ingest.discover(run, memory.uris), lambda _: None)
    models: Any = SimpleNamespace(key=KEY, embedder_folder=home)  # an old memory notes no embedder
    return choose(run, models, memory, rows)


def test_its_records_are_recalled_with_their_citations(home: Path) -> None:
    for memory in (open_memory(home), open_memory(home, RUN), open_memory(home, "2026-11-29T11:06")):
        hit = recall(memory, "When was the harbour closed?", same_vector, RecallConfig(k=1), level="passage")[
            0
        ]
        assert [format_citation(cited) for cited in hit.citations] == [
            f"{home.parent}/docs/a.txt:line 1:0-23"
        ]
        assert (hit.id, hit.text) == ("p0", TEXT[:23])
        kept = memory.records([hit.id])[0]
        assert (kept["skip_key"], kept["run"]) == (KEY, RUN)
    assert [row["run"] for row in history(home)] == [RUN]


def test_its_records_are_re_ranked(home: Path) -> None:
    reranker: Any = SimpleNamespace(scores=lambda question, some: [float(len(one.text)) for one in some])
    hits = recall(open_memory(home), "When was the harbour closed?", same_vector, rerank=reranker)
    assert hits[0].receipt.reranked == len(hits[0].text) == 26


def test_its_parsed_text_is_read_at_the_same_offsets(home: Path) -> None:
    assert read_text(home, PARSED, 0, 24, 50) == "It opened again in spring."
    assert place_of(home, PARSED, 0, 24) == "line 2"


def test_its_runs_are_listed(home: Path) -> None:
    (run,) = Ledger(home / "ledger.sqlite").runs()
    assert (run["run"], run["status"], run["corpus"]) == (RUN, "published", ["docs"])
    assert run["config"]["hang_s"] == 300.0


def test_nothing_in_it_is_read_again(home: Path) -> None:
    work = planned(home)
    assert (list(work.todo), list(work.kept), work.gone) == ([], [DOCUMENT], [])
    assert publish(home, "r2", [], work.seen).version == open_memory(home, RUN).version


def test_a_record_of_its_corpus_is_replaced_though_it_is_spelled_otherwise_now(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.parent)
    work, now = planned(home), f"{home.parent}/docs"
    staged = stage(home, "r2", [{**record("c1", "corpus", 0, 23), **TODAY, "corpus": now}])
    publish(home, "r2", [staged], work.seen, Replaced(KEY, (), (now,)))
    assert [(row["id"], row["corpus"]) for row in open_memory(home).rows("level = 'corpus'")] == [("c1", now)]


def test_what_is_published_to_it_today_is_recalled_beside_what_it_held(home: Path) -> None:
    rows = [{**record("p1", "passage", 24, 50), **TODAY, "context": "In spring: it opened", "position": 1}]
    publish(home, "r2", [stage(home, "r2", rows)], planned(home).seen)
    now = open_memory(home)
    (old,) = now.records(["p0"])
    assert (old["context"], old["context_vector"]) == (old["text"], old["vector"])
    assert (old["title"], old["section"], old["position"], old["dates"], old["entities"]) == (
        "",
        "",
        -1,
        [],
        [],
    )
    assert (old["novelty"], old["relations"], old["related"], old["labels"]) == (-1.0, [], [], [])
    for question, ident in (("When was the harbour closed?", "p0"), ("What opened again?", "p1")):
        assert recall(now, question, same_vector, RecallConfig(k=1), level="passage")[0].id == ident
    (hit,) = recall(open_memory(home, RUN), "opened", same_vector, RecallConfig(k=1), level="passage")
    assert hit.id == "p0"
