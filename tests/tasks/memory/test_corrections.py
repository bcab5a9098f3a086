"""What people said of the memory outlives every text: it finds its place again, or says that it is gone.

Run: pytest tests/tasks/memory/test_corrections.py
"""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import InvalidInput
from tasks.ingest.parse.child import parse_file
from tasks.memory.corrections import Standing, add, erase, kept, path, place_in, standing, undo
from tasks.memory.publish import publish
from tasks.memory.reader import Memory, open_memory, published
from tasks.memory.sources import Seen
from tasks.settings import ParseConfig

TEXT = (
    "The mill stands at Corvin.\n\nThe rent is 900 euros. It is paid every month. The term ends in 2030.\n\n"
    "The boathouse stands at Esker.\n\nThe rent is 900 euros. It is paid every year. The term ends in 2040.\n"
)


class Source:
    """A text file whose versions are published one after the other."""

    def __init__(self, folder: Path) -> None:
        self.home, self.file = folder / "home", folder / "lease.txt"
        self.runs = 0
        (self.home / "parsed").mkdir(parents=True)

    def publish(self, text: str) -> Memory:
        self.file.write_text(text)
        name = hashlib.sha256(text.encode()).hexdigest()
        parsed = f"parsed/{name}.parquet"
        (part,) = parse_file(self.file, ".txt", self.home / parsed, ParseConfig())
        row: dict[str, Any] = {"uri": str(self.file), "version": name, "content": name, "part": 0, **part}
        at = published(self.home)
        seen = Seen((str(self.file),), ({**row, "parsed": parsed},), at["run"] if at else "")
        self.runs += 1
        publish(self.home, f"r{self.runs}", [], seen)
        return open_memory(self.home)

    def correct(self, memory: Memory, words: str, nth: int = 0) -> None:
        (row,) = memory.sources.to_pylist()
        start = -1
        for _ in range(nth + 1):
            start = TEXT.index(words, start + 1)
        add(
            self.home,
            "correct",
            str(self.file),
            "It is 950.",
            place_in(memory, row, start, start + len(words)),
        )

    def place(self, memory: Memory) -> tuple[int, int]:
        (one,) = standing(memory)
        return one.start, one.end


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def test_words_that_moved_are_found_and_told_from_others_by_what_stands_around_them(source: Source) -> None:
    source.correct(source.publish(TEXT), "The rent is 900 euros.", nth=1)
    text = "A sentence that was not there before.\n\n" + TEXT
    start, end = source.place(source.publish(text))
    assert text[start:end] == "The rent is 900 euros."
    assert text[:start].endswith("The boathouse stands at Esker.\n\n")


def test_what_is_said_twice_is_kept_once_until_it_is_taken_back(source: Source) -> None:
    memory = source.publish(TEXT)
    for _ in range(2):
        source.correct(memory, "The rent is 900 euros.")
    (one,) = kept(source.home)
    undo(source.home, one.id)
    source.correct(memory, "The rent is 900 euros.")
    assert [again.id == one.id for again in kept(source.home)] == [False]


def test_what_is_said_later_is_not_said_as_of_an_earlier_run_or_time(source: Source) -> None:
    memory = source.publish(TEXT)
    before = open_memory(source.home, memory.run)
    source.correct(memory, "The rent is 900 euros.")
    between = datetime.now(UTC).isoformat()
    (one,) = standing(open_memory(source.home))
    undo(source.home, one.correction.id)
    assert standing(before) == standing(open_memory(source.home)) == []
    assert standing(open_memory(source.home, between)) == [one]


def test_a_passage_of_which_a_sentence_changed_keeps_its_correction(source: Source) -> None:
    source.correct(
        source.publish(TEXT), "The rent is 900 euros. It is paid every month. The term ends in 2030."
    )
    start, end = source.place(source.publish(text := TEXT.replace("in 2030", "in 2033")))
    assert text[start:end].startswith("The rent is 900 euros. It is paid every month.")


def test_words_that_are_gone_are_said_to_be_gone_and_come_back_with_them(source: Source) -> None:
    source.correct(source.publish(TEXT), "The mill stands at Corvin.")
    (one,) = standing(source.publish("Nothing of it is left here.\n"))
    assert one.is_gone
    assert not one.concerns("", 0, 100)
    (one,) = standing(source.publish(TEXT))
    assert (one.is_gone, one.start) == (False, 0)


def test_a_correction_of_a_document_is_of_whatever_text_it_has(source: Source) -> None:
    source.publish(TEXT)
    add(source.home, "correct", str(source.file), "Both leases ended.")
    memory = source.publish("Another text.\n")
    (one,) = standing(memory)
    assert one.concerns(memory.sources["document"][0].as_py(), 3, 5)


def test_what_was_said_is_taken_back_or_erased_with_its_source(source: Source) -> None:
    memory = source.publish(TEXT)
    source.correct(memory, "The mill stands at Corvin.")
    pin = add(source.home, "pin", str(source.file))
    undo(source.home, pin.id)
    assert [one.kind for one in kept(source.home)] == ["correct"]
    with pytest.raises(InvalidInput, match="nightread corrections"):
        undo(source.home, pin.id)
    assert erase(source.home, ["/elsewhere.txt"]) == 0
    assert erase(source.home, [str(source.file)]) == 3
    assert standing(memory) == []
    assert "Corvin" not in path(source.home).read_text()


def test_what_is_added_within_one_tick_of_the_clock_is_seen(source: Source) -> None:
    add(source.home, "correct", str(source.file), "The mill stands at Corvin.")
    assert len(kept(source.home)) == 1
    time = path(source.home).stat().st_mtime_ns
    add(source.home, "correct", str(source.file), "The mill has four sails.")
    os.utime(path(source.home), ns=(time, time))
    assert len(kept(source.home)) == 2


def test_a_line_that_was_cut_off_by_a_crash_spoils_no_other(source: Source) -> None:
    source.correct(source.publish(TEXT), "The mill stands at Corvin.")
    with path(source.home).open("a") as file:
        file.write('{"id": "torn", "kind": "pi')
    assert [one.says for one in kept(source.home)] == ["It is 950."]
    add(source.home, "pin", str(source.file))
    assert [one.kind for one in kept(source.home)] == ["correct", "pin"]


def test_a_standing_correction_concerns_what_overlaps_it() -> None:
    one = Standing(None, "d", 10, 20)  # type: ignore[arg-type]
    assert one.concerns("d", 0, 11)
    assert not one.concerns("d", 20, 30)
    assert not one.concerns("e", 10, 20)
