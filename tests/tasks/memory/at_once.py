"""Processes that use one memory at once until they are killed: `python -m tests.tasks.memory.at_once a HOME`.

A writer owns the corpus `/NAME`: every run of it finds three documents, one of them new, and retires one.
"""

import sys
from pathlib import Path

from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory, published
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.memory.upkeep.upkeep import tidy
from tasks.settings import UpkeepConfig
from tests.tasks.memory.rows import document, record, source

PASSAGES = 5
READERS_S = 8.0


def names(writer: str, number: int) -> list[str]:
    """Documents that the run of this number finds."""
    return [f"{writer}{number + at}" for at in range(3)]


def write(home: Path, writer: str, number: int) -> None:
    """One run of a writer."""
    run, held = f"{writer}-{number}", published(home)
    found = names(writer, number)
    staged = [stage(home, run, document(name, PASSAGES, run)) for name in found]
    rows = tuple(source(f"/{writer}/{name}.txt", name) for name in found)
    publish(home, run, staged, Seen((f"/{writer}",), rows, held["run"] if held else ""), Replaced())


def check(home: Path) -> set[str]:
    """Documents of the memory as it is published now, after everything about them was found to be right."""
    memory = open_memory(home)
    ids = [row["id"] for row in memory.rows(columns=["id"])]
    held = {row["document"] for row in memory.sources.to_pylist()}
    expected = {record(name, number)["id"] for name in held for number in range(PASSAGES)}
    assert len(ids) == len(set(ids)), f"{len(ids) - len(set(ids))} records twice in {memory.run}"
    assert set(ids) == expected, f"lost or left: {set(ids) ^ expected} in {memory.run}"
    words = memory.table.search("agreements", query_type="fts").limit(1000).to_list()
    near = memory.table.search([1.0] * 256, vector_column_name="vector").limit(1000).to_list()
    assert {row["id"] for row in words} == {row["id"] for row in near} == expected
    for name in held:
        (cited,) = memory.sources_of(name)
        assert cited["uri"] == f"/{name[0]}/{name}.txt"
    return held


def main(kind: str, folder: str, number: int = 0) -> None:
    home = Path(folder)
    print("begun", flush=True)
    while True:
        if kind == "reader":
            print(" ".join(sorted(check(home))), flush=True)
        elif kind == "upkeep":
            tidy(home, UpkeepConfig(keep_days=0.0, keep_runs=2, readers_s=READERS_S))
        else:
            write(home, kind, number)
            number += 1
        print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
