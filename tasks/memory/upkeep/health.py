"""Health of the memory: what it holds, what of it is not as it should be, and what to do about that.

The idea: one pass over the records, a column at a time, counts everything; what is wrong names its remedy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.home.remote import stored
from tasks.memory.derived import is_derived
from tasks.memory.dropped import is_dropped
from tasks.memory.embedders import made_by, same
from tasks.memory.forget.erasure import UNFINISHED, pending
from tasks.memory.publish import UNINDEXED_ROWS, VECTOR_KEYS
from tasks.memory.reader import Memory, history
from tasks.memory.sources import documents_of
from tasks.memory.upkeep.expire import expiring
from tasks.memory.upkeep.upkeep import last_upkeep
from tasks.runs.ledger import Row
from tasks.settings import UpkeepConfig
from tasks.text.counted import counted

COLUMNS = ("id", "level", "document", "text", *VECTOR_KEYS)
PARTS = {
    "parsed": "parsed",
    "shards": "shards",
    "contexts": "states",
    "staged": "memory/staged",
    "runs": "memory/runs",
    "models": "models",
    "prefect": "prefect",
}
"""Parts of a home and the folders that hold them, beside the table and the ledger."""


@dataclass
class Counts:
    """What one pass over the records finds."""

    levels: dict[str, int] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    texts: set[int] = field(default_factory=set)
    records: int = 0
    repeated_ids: int = 0
    repeated_texts: int = 0
    """Texts that their document has at the same level before."""
    empty_texts: int = 0
    bad_vectors: int = 0
    """Records of which a vector is not finite, or zero."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the records of a batch."""
        self.records += batch.num_rows
        for one in pc.value_counts(batch["level"]).to_pylist():
            self.levels[one["values"]] = self.levels.get(one["values"], 0) + one["counts"]
        documents, texts = batch["document"].to_pylist(), batch["text"].to_pylist()
        self.documents.update(documents)
        keys = set(map(hash, zip(documents, batch["level"].to_pylist(), texts, strict=True)))
        ids = set(batch["id"].to_pylist())
        self.repeated_ids += batch.num_rows - len(ids - self.ids)
        self.repeated_texts += batch.num_rows - len(keys - self.texts)
        self.ids |= ids
        self.texts |= keys
        self.empty_texts += pc.sum(pc.equal(pc.utf8_trim_whitespace(batch["text"]), "")).as_py() or 0
        bad = np.zeros(batch.num_rows, bool)
        for name in VECTOR_KEYS:
            if name in batch.schema.names:
                norms = np.abs(_matrix(batch[name])).sum(axis=1)
                bad |= ~np.isfinite(norms) | (norms == 0)
        self.bad_vectors += int(bad.sum())


def health(home: Path, memory: Memory, embedder: str, keep: UpkeepConfig, runs: list[Row]) -> dict[str, Any]:
    """Everything that is counted, with `todo`: what is wrong, each with its remedy; [] where all is well.

    Args:
        embedder: name of the configured one, as `tasks.memory.embedders.embedder_name` gives it.
        runs: of the ledger, oldest first.
    """
    counts = Counts()
    for batch in memory.batches(columns=COLUMNS):
        counts.add(batch)
    held = documents_of(memory.sources)
    rows = list(history(home))
    found = {
        "records": counts.records,
        "levels": counts.levels,
        "documents": len(held),
        "sources": memory.sources.num_rows,
        "run": memory.run,
        "versions": sum(not is_dropped(row) for row in rows),
        "expiring": len(expiring(rows, keep, datetime.now(UTC))),
        "bytes": _bytes(home, memory),
        "unindexed": _unindexed(memory),
        "orphans": len(counts.documents - held - {""}),
        "without_records": len(held - counts.documents),
        "duplicates": {"ids": counts.repeated_ids, "texts": counts.repeated_texts},
        "junk": {"empty_texts": counts.empty_texts, "bad_vectors": counts.bad_vectors},
        "embedder": made_by(memory),
        "words_cut": is_derived(memory.table),
        "unfinished_erasure": pending(home) is not None,
        "last_run": {name: runs[-1][name] for name in ("run", "status", "started")} if runs else {},
        "last_upkeep": last_upkeep(home).get("time", ""),
    }
    return {"todo": list(_todo(found, embedder)), **found}


def _unindexed(memory: Memory) -> dict[str, int]:
    """Rows that each index does not hold yet."""
    return {one.columns[0]: int(one.num_unindexed_rows or 0) for one in memory.table.list_indices()}


def _bytes(home: Path, memory: Memory) -> dict[str, int]:
    table = stored(home, "memory/records.lance")
    indices = sum(int(one.size_bytes or 0) for one in memory.table.list_indices())
    now = int(memory.table.stats()["total_bytes"])
    ledger = sum(path.stat().st_size for path in home.glob("ledger.sqlite*"))
    return {
        "table": now - indices,
        "indices": indices,
        "old versions": table - now,
        "ledger": ledger,
        **{part: stored(home, folder) for part, folder in PARTS.items()},
    }


def _todo(found: dict[str, Any], embedder: str) -> Iterator[str]:
    """What is wrong, each with its remedy."""
    if found["unfinished_erasure"]:
        yield UNFINISHED
    again = "read their corpora again: nightread read URI"
    if found["duplicates"]["ids"]:
        twice = counted(found["duplicates"]["ids"], "record")
        yield f"{twice} twice: go back to an earlier run of `nightread runs`: nightread rollback RUN"
    if found["junk"]["empty_texts"] or found["junk"]["bad_vectors"]:
        junk = found["junk"]["empty_texts"] + found["junk"]["bad_vectors"]
        yield f"{counted(junk, 'record')} without text or with an unusable vector: {again}"
    if found["orphans"]:
        yield f"records of {counted(found['orphans'], 'document')} that no source holds: {again}"
    if found["without_records"]:
        yield f"{counted(found['without_records'], 'document')} without a record: {again}"
    if not same(found["embedder"], embedder):
        yield "another embedder is configured than made the vectors: nightread upkeep, or name that one"
    if not found["words_cut"]:
        yield "words or labels are not those that the rules of this version make: nightread upkeep"
    if (rows := max(found["unindexed"].values(), default=0)) > UNINDEXED_ROWS:
        yield f"{counted(rows, 'record')} not in every index: nightread upkeep"
    if found["expiring"]:
        yield f"{counted(found['expiring'], 'version')} of earlier runs to drop: nightread upkeep"


def _matrix(column: pa.Array) -> np.ndarray:
    values: np.ndarray = column.flatten().to_numpy().reshape(len(column), -1)
    return values
