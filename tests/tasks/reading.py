"""What tests of reading share: documents that are sharded once, runs over them, and what the ledger holds."""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from flows.config import load
from tasks.infer.infer import infer
from tasks.infer.models import Models
from tasks.infer.queue import Outcome
from tasks.ingest.parse.child import parse_file
from tasks.ingest.shard import shard_document
from tasks.ingest.sharded import ShardedDocument
from tasks.runs.run import Run
from tasks.settings import ParseConfig


class Texts:
    """Documents whose text is parsed and sharded in a home that tests copy."""

    def __init__(self, folder: Path, tokenizer: Path, texts: Mapping[str, str]) -> None:
        self.home, self.tokenizer = folder / "home", tokenizer
        (self.home / "parsed").mkdir(parents=True)
        self.rows = [self._parse(folder / name, text) for name, text in texts.items()]
        self.documents(self.home)

    def _parse(self, path: Path, text: str) -> dict[str, Any]:
        path.write_text(text)
        parsed = f"parsed/{hashlib.sha256(text.encode()).hexdigest()}.parquet"
        (part,) = parse_file(path, ".txt", self.home / parsed, ParseConfig())
        return {"uri": str(path), "version": "1", "content": "", "part": 0, **part, "parsed": parsed}

    def documents(self, home: Path) -> list[ShardedDocument]:
        config = load("tiny", []).shard
        return [shard_document(home, row, self.tokenizer, config) for row in self.rows]


class Reading:
    """One run up to the moment where its windows are to be read.

    Args:
        at_commit: what to do as soon as so many windows are stored, in the thread of the lease queue.
    """

    def __init__(
        self,
        home: Path,
        texts: Texts,
        model: Path,
        *overrides: str,
        at_commit: Mapping[int, Callable[[], None]] | None = None,
    ) -> None:
        if not home.exists():
            shutil.copytree(texts.home, home)
        # the embedder takes no part in it: any folder has a fingerprint
        where = [f"home={home}", f"infer.model={model}", f"infer.embedder={model}", "infer.threads=1"]
        where.append("infer.salience=true")  # what a window says then depends on all that was read before it
        config = load("tiny", [*where, *overrides])
        settings = (config.storage, config.parse, config.shard, config.infer, config.cluster)
        self.run = Run(("texts",), home, *settings)
        self.models = Models(home, config.infer, config.shard.stride)
        self.rows, self.documents = texts.rows, texts.documents(home)
        self.tokens: list[int] = []
        self.at_commit = dict(at_commit or {})
        count_writes(home)

    def infer(self) -> Outcome:
        return infer(self.run, self.models, self.rows, self.documents, self._stored)

    def _stored(self, tokens: int) -> None:
        self.tokens.append(tokens)
        self.at_commit.pop(len(self.tokens), lambda: None)()

    def document(self, name: str) -> ShardedDocument:
        """The document of the file of this name."""
        (row,) = [row for row in self.rows if row["uri"].endswith(name)]
        (found,) = [document for document in self.documents if document.document == row["document"]]
        return found

    def deaths(self) -> dict[tuple[str, int], tuple[int, str]]:
        return self.run.ledger.deaths(self.models.key)


def poison(document: ShardedDocument) -> None:
    """Give the last window of a document tokens that no model knows: whoever reads it dies."""
    path = sorted(document.directory.glob("*.parquet"))[-1]
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[-1]["ids"] = [10**6 for _ in rows[-1]["ids"]]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path, row_group_size=4)


def count_writes(home: Path) -> None:
    """Have the ledger count every write of a window, whoever it comes from."""
    with sqlite3.connect(home / "ledger.sqlite") as db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS journal (key TEXT PRIMARY KEY, kind TEXT NOT NULL, "
            "payload BLOB NOT NULL) WITHOUT ROWID"
        )
        db.execute("CREATE TABLE IF NOT EXISTS writes (key TEXT)")
        db.execute(
            "CREATE TRIGGER IF NOT EXISTS watch AFTER INSERT ON journal WHEN NEW.kind = 'window' "
            "BEGIN INSERT INTO writes VALUES (NEW.key); END"
        )
    db.close()


def written_twice(home: Path) -> list[str]:
    return _query(home, "SELECT key FROM writes GROUP BY key HAVING count(*) > 1")


def windows(home: Path) -> dict[str, bytes]:
    """Everything the journal holds of windows."""
    return dict(_query(home, "SELECT key, payload FROM journal WHERE kind = 'window'"))


def _query(home: Path, sql: str) -> list[Any]:
    with sqlite3.connect(home / "ledger.sqlite", timeout=60) as db:
        found = db.execute(sql).fetchall()
    db.close()
    return found


def worker_processes(pid: int | None = None) -> list[psutil.Process]:
    """Worker processes below this process, or another, the oldest first."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if "tasks.infer.worker" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.create_time())
