"""Health counts what the memory holds, and names what is wrong with its remedy."""

from pathlib import Path
from typing import Any

import numpy as np

from flows.tend import state
from tasks.memory.commit import committer, repoint, tag, writable
from tasks.memory.derived import cut
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory
from tasks.memory.staging import stage
from tasks.memory.upkeep.health import health
from tasks.settings import UpkeepConfig
from tests.tasks.memory.rows import document, put, record, sees


def counted(home: Path, keep: UpkeepConfig = UpkeepConfig(), embedder: str = "") -> dict[str, Any]:  # noqa: B008
    return health(home, open_memory(home), embedder, keep, [])


def spoilt(home: Path, *rows: dict[str, Any]) -> None:
    """A memory that holds rows that no publish would let in."""
    import pyarrow as pa

    from tasks import schema

    with committer(home):
        memory = open_memory(home)
        table = writable(home, memory)
        table.add(pa.Table.from_pylist([cut(row) for row in rows], schema.RECORDS))
        tag(table, memory.run)
        repoint(home, memory.run, int(table.version))


def test_a_memory_as_it_should_be_is_healthy_and_counted_by_level_and_part(tmp_path: Path) -> None:
    whole = {"id": "whole", "level": "document", "char_end": 250, "summary": "of d0", "text": "of d0"}
    staged = [stage(tmp_path, "r1", [*document("d0"), record("d0", 0) | whole])]
    publish(tmp_path, "r1", staged, sees("d0"), embedder="one@1")
    found = counted(tmp_path, embedder="renamed@1")
    assert (found["todo"], found["levels"]) == ([], {"passage": 5, "document": 1})
    assert (found["records"], found["documents"], found["versions"]) == (6, 1, 1)
    assert found["bytes"]["table"] > 0 < found["bytes"]["indices"]
    said = state({**found, "last_run": {"run": "r1", "status": "published"}})
    assert said.startswith("healthy\nrecords ")
    assert "6: 1 document, 5 passage" in said


def test_what_is_wrong_is_counted_and_comes_first_with_its_remedy(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0", "d1"])
    spoilt(
        tmp_path,
        record("d0", 0),
        record("d0", 9, text="passage 1 of d0 on agreements"),
        record("d0", 7) | {"text": "  "},
        record("d0", 8) | {"vector": np.zeros(256, np.float32)},
        record("d7", 0),
        record("d8", 1) | {"context_vector": np.zeros(256, np.float32)},
    )
    found = counted(tmp_path)
    assert found["duplicates"] == {"ids": 1, "texts": 2}  # the record that is there twice, and one more
    assert found["junk"] == {"empty_texts": 1, "bad_vectors": 2}
    assert (found["orphans"], found["without_records"]) == (2, 0)
    first, second, third, *_ = state(found).splitlines()
    assert (
        first
        == "to do: 1 record twice: go back to an earlier run of `nightread runs`: nightread rollback RUN"
    )
    assert second.startswith("to do: 3 records without text or with an unusable vector: read")
    assert third.startswith("to do: records of 2 documents that no source holds: read")


def test_versions_to_drop_and_another_embedder_are_for_an_upkeep(tmp_path: Path) -> None:
    staged = [stage(tmp_path, "r1", document("d0"))]
    publish(tmp_path, "r1", staged, sees("d0"), embedder="one@1")
    put(tmp_path, "r2", ["d1"])
    found = counted(tmp_path, UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0), "two@2")
    assert [one.rpartition(": ")[2].partition(",")[0] for one in found["todo"]] == ["nightread upkeep"] * 2
    assert found["expiring"] == 1
