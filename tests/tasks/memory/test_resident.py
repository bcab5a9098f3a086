"""What is kept in memory of a table is what the table says, and no more than it may be."""

from pathlib import Path

import pytest

from model.embed.question import load_question_embedder
from tasks.memory.publish import publish
from tasks.memory.reader import Memory, open_memory
from tasks.memory.resident import Resident, resident
from tasks.memory.staging import stage
from tasks.recall.candidates import SPAN
from tasks.recall.hit import COLUMNS
from tasks.recall.opened import Kept
from tests.tasks.memory.rows import put, record, sees

KEPT = tuple(dict.fromkeys((*SPAN, *COLUMNS)))


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """Of two runs, the second of which replaced rows of the first."""
    put(tmp_path, "r1", ["d0", "d1", "d2"])
    put(tmp_path, "r2", ["d3", "d1"])
    return open_memory(tmp_path)


def test_rows_are_those_of_the_table_with_and_without_what_is_kept(memory: Memory) -> None:
    numbers = [*memory.numbers("position IN (0, 3)")[::-1], 10**9]
    before = [memory.taken(numbers, columns) for columns in (SPAN, COLUMNS, ("summary", "novelty"))]
    some = memory.taken(numbers, SPAN, "document = 'd1'")
    memory.keep(KEPT)
    assert memory.resident
    assert [memory.taken(numbers, columns) for columns in (SPAN, COLUMNS, ("summary", "novelty"))] == before
    assert memory.taken(numbers, SPAN, "document = 'd1'") == some
    assert memory.taken(numbers, ["id", "skip_key"]).keys() == before[0].keys(), "a column that is not kept"
    assert memory.taken([10**9], SPAN) == {}


def test_records_whose_lists_hold_a_value_are_those_that_the_table_finds(tmp_path: Path) -> None:
    relations = [(), ("d1",), ("d2", "d1"), (), ("d0", "d2")]
    rows = [record("d0", number, related=list(some)) for number, some in enumerate(relations)]
    publish(tmp_path, "r1", [stage(tmp_path, "r1", rows)], sees("d0"))
    memory = open_memory(tmp_path)
    asked: list[list[str]] = [["d1"], ["d0", "d2"], ["d9"], []]
    before = [memory.holding("related", values, ["id", "position"]) for values in asked]
    assert [[row["position"] for row in some] for some in before] == [[1, 2], [2, 4], [], []]
    memory.keep(("id", "position", "related"))
    assert [memory.holding("related", values, ["id", "position"]) for values in asked] == before


def test_a_table_in_another_order_gives_the_same_rows(tmp_path: Path) -> None:
    rows = [record("d0", number, related=[f"d{number % 2}"]) for number in range(9)]
    publish(tmp_path, "r1", [stage(tmp_path, "r1", rows)], sees("d0"))
    table = open_memory(tmp_path).table.search().select(["id", "related"]).with_row_id(True).to_arrow()
    asked = table["_rowid"].to_pylist()[1:6]
    in_order = Resident(table)
    for shuffled in ([5, 2, 8, 0, 7, 1, 3, 6, 4], [1, 0, *range(2, 9)]):
        mixed = Resident(table.take(shuffled))
        assert mixed.taken(asked, ["id"]) == in_order.taken(asked, ["id"])
        assert mixed.holding("related", ["d1"]) == in_order.holding("related", ["d1"])


def test_what_takes_too_much_is_not_kept(memory: Memory) -> None:
    assert resident(memory.table, KEPT, most_bytes=100) is None


def test_a_memory_stays_open_until_a_run_publishes(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    kept = Kept("")
    first = kept.of(tmp_path)
    assert kept.of(tmp_path) is first
    embed = first.embed
    put(tmp_path, "r2", ["d0", "d1"])
    second = kept.of(tmp_path)
    assert (first.memory.run, second.memory.run) == ("r1", "r2")
    assert second.embed is embed
    before = kept.of(tmp_path, as_of="r1")
    assert before.memory.run == "r1"
    assert load_question_embedder("") is load_question_embedder(""), "an embedder is loaded once a process"
    assert kept.of(tmp_path, as_of="r1").embed(["a"]) == pytest.approx(embed(["a"]), abs=1e-6)
