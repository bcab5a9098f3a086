"""Segments of documents in one process: alone, several at a time, cut off, and cut otherwise.

Run: pytest tests/tasks/infer/test_windows.py
"""

import re
from pathlib import Path

import pytest
import torch

from tasks.infer.cache_key import window_key
from tasks.infer.journal import WindowNote
from tasks.infer.segments import segment_cuts
from tests.tasks.infer.conftest import SEGMENTED
from tests.tasks.reading import Reading, Texts, windows, written_twice


def quotes(payload: bytes) -> set[int]:
    """Where the most salient sentences of a window begin."""
    salient = sorted(WindowNote.from_json(payload).salient, key=lambda one: -one.salience)
    return {one.start for one in salient[:4]}


def nearly(found: dict[str, bytes], expected: dict[str, bytes]) -> bool:
    """The same windows, and nine of ten salient sentences: sums in another order may exchange one."""
    same = [quotes(found[key]) & quotes(expected[key]) for key in expected]
    share = sum(map(len, same)) / sum(len(quotes(payload)) for payload in expected.values())
    return found.keys() == expected.keys() and share >= 0.9


def test_every_window_is_read_once_and_a_second_run_reads_nothing(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, SEGMENTED)
    read = reading.infer()
    assert windows(reading.run.home) == expected
    assert written_twice(reading.run.home) == []
    assert read.windows == len(expected) == sum(document.windows for document in reading.documents)
    assert read.tokens == sum(reading.tokens) == sum(document.tokens for document in reading.documents)
    long = reading.document("long.txt")
    assert len(segment_cuts(long.windows, reading.run.infer)) > 2
    assert reading.infer().windows == 0


def test_segments_read_as_rows_of_one_batch_give_the_same_windows(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, SEGMENTED, "infer.batch_size=4")
    read = reading.infer()
    assert nearly(windows(reading.run.home), expected)
    assert written_twice(reading.run.home) == []
    assert (read.windows, read.tokens) == (len(expected), sum(reading.tokens))


def test_another_number_of_threads_changes_no_window_and_only_how_saliences_are_rounded(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, SEGMENTED, "infer.threads=2")
    threads = torch.get_num_threads()
    try:
        read = reading.infer()
    finally:
        torch.set_num_threads(threads)
    found = windows(reading.run.home)
    assert nearly(found, expected)
    assert (read.windows, read.tokens) == (
        len(expected),
        sum(document.tokens for document in reading.documents),
    )
    for key, payload in expected.items():
        before = {one.start: one.salience for one in WindowNote.from_json(payload).salient}
        after = {one.start: one.salience for one in WindowNote.from_json(found[key]).salient}
        assert after == pytest.approx(before, abs=1e-4)


def test_a_state_that_lost_its_end_with_the_power_is_read_again(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    reading = Reading(tmp_path / "home", texts, tiny_model_dir, SEGMENTED, at_commit={3: interrupt})
    with pytest.raises(KeyboardInterrupt):
        reading.infer()
    (state,) = (reading.run.home / "states").iterdir()
    state.write_bytes(state.read_bytes()[:-100])
    assert reading.infer().refused == {}
    assert nearly(windows(reading.run.home), expected)
    assert written_twice(reading.run.home) == []


@pytest.mark.parametrize("rows", [1, 4])
def test_a_read_that_is_cut_off_goes_on_where_each_segment_was(
    rows: int, texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    overrides = (SEGMENTED, f"infer.batch_size={rows}")
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *overrides, at_commit={6: interrupt})
    with pytest.raises(KeyboardInterrupt):
        reading.infer()
    kept = windows(reading.run.home)
    assert 6 <= len(kept) < 6 + rows
    assert reading.infer().windows == len(expected) - len(kept)
    assert nearly(windows(reading.run.home), expected)
    assert rows > 1 or windows(reading.run.home) == expected
    assert written_twice(reading.run.home) == []


def test_segments_say_nearly_what_one_stream_says(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    one = Reading(tmp_path / "one", texts, tiny_model_dir, "infer.segment_windows=100000")
    cut = Reading(tmp_path / "cut", texts, tiny_model_dir, SEGMENTED)
    one.infer()
    long = one.document("long.txt")
    assert segment_cuts(long.windows, one.run.infer) == [range(long.windows)]
    assert one.models.key != cut.models.key

    def said(kept: dict[str, bytes], key: str) -> list[bytes]:
        return [kept[window_key(key, long.document, number)] for number in range(long.windows)]

    stream, segments = said(windows(one.run.home), one.models.key), said(expected, cut.models.key)
    first = segment_cuts(long.windows, cut.run.infer)[0]
    assert stream[: len(first)] == segments[: len(first)], "the first segment has nothing before it"
    assert sum(map(bytes.__eq__, stream, segments)) >= 0.8 * long.windows


def test_windows_that_are_missing_from_the_shards_refuse_the_document_and_no_other(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, SEGMENTED)
    short = reading.document("short-1.txt")
    for path in short.directory.glob("*.parquet"):
        path.unlink()
    read = reading.infer()
    assert list(read.refused) == [short.document]
    reason = r"3 workers died over window (\d), the last: its Parquet files end before window \1"
    assert re.fullmatch(reason, read.refused[short.document])
    assert len(windows(reading.run.home)) == len(expected) - short.windows
