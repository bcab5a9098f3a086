"""What tests of parallel reading share: small corpora, and what a run has kept."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from flows.config import RunConfig
from flows.read import begin, open_models
from tasks.infer.infer import infer
from tasks.infer.queue import Outcome
from tasks.ingest import steps as ingest
from tasks.ingest.shard import ShardedDocument
from tasks.memory.reader import open_memory
from tasks.memory.remember import memory_before, remember
from tasks.plan.plan import plan
from tasks.plan.work import Work, choose, without_refused
from tasks.reduce.reduce import reduce
from tasks.run import Run
from tests.flows.corpus import tiny


class Reading:
    """One run up to the moment where its windows are to be read."""

    def __init__(self, home: Path, corpus: Path, model: Path, *overrides: str) -> None:
        self.config: RunConfig = tiny(home, model, "infer.threads=1", *overrides)
        self.run: Run = begin([str(corpus)], self.config)
        self.models, self.memory = open_models(self.run), memory_before(home)
        rows = ingest.parse(self.run, ingest.discover(self.run), lambda _: None)
        work = choose(self.run, self.models, self.memory, rows)
        alone = replace(self.run, cluster=replace(self.run.cluster, address=""))
        documents = ingest.shard(alone, work.todo, self.models.folder, lambda _: None)
        self.work: Work = plan(self.run, self.models, work, documents)
        self.tokens: list[int] = []
        watch_writes(home)

    @property
    def documents(self) -> Sequence[ShardedDocument]:
        return self.work.documents

    @property
    def rows(self) -> Sequence[dict[str, Any]]:
        return self.work.rows

    def infer(self) -> Outcome:
        return infer(self.run, self.models, self.work.rows, self.work.documents, self.tokens.append)

    def document(self, name: str) -> ShardedDocument:
        """The document of the file of this name."""
        (row,) = [row for row in self.work.rows if row["uri"].endswith(name)]
        (found,) = [document for document in self.work.documents if document.document == row["document"]]
        return found

    def publish(self, read: Outcome) -> dict[str, tuple[str, ...]]:
        """Finish the run; what its memory says, without when it was said."""
        self.work = work = without_refused(self.run, self.models, self.memory, self.work, read.refused)
        tree = reduce(self.run, self.models, work.documents, work.kept, work.corpora, lambda *_: None)
        remember(self.run, self.models, work.seen, work.documents, work.gone, tree, lambda *_: None)
        rows = open_memory(self.run.home).rows()
        return {
            row["id"]: (row["level"], row["summary"], *(q["text"] for q in row["quotes"])) for row in rows
        }


def poison(document: ShardedDocument) -> None:
    """Give the last window of a document tokens that no model knows: whoever reads it dies."""
    path = sorted(document.directory.glob("*.parquet"))[-1]
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[-1]["ids"] = [10**6 for _ in rows[-1]["ids"]]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path, row_group_size=4)


def watch_writes(home: Path) -> None:
    """Have the ledger count every write of a window, whoever it comes from."""
    with sqlite3.connect(home / "ledger.sqlite") as db:
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


def ranks_of(pid: int | None = None) -> list[psutil.Process]:
    """Reader processes below this process, or another."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if "tasks.infer.worker" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Something that happens while a run works; it is told when that is over."""
    over = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act(over)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not failed, failed
