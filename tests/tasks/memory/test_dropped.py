"""A version that was dropped stays in the history, says when and why, and names the nearest that is left."""

from pathlib import Path

import pytest

from tasks.errors import InvalidInput
from tasks.memory.dropped import mark_dropped
from tasks.memory.reader import history, open_memory
from tests.tasks.memory.rows import ids, put


def test_a_dropped_version_is_refused_by_name_and_by_time_with_the_nearest_that_is_left(
    tmp_path: Path,
) -> None:
    for run, name in (("r1", "d0"), ("r2", "d1"), ("r3", "d2")):
        put(tmp_path, run, [name])
    put(tmp_path, "r4", ["d2"])  # found the memory of r3 to be current
    when = {row["run"]: row["time"] for row in history(tmp_path)}
    mark_dropped(tmp_path, "r2", "upkeep")
    for asked in ("r2", when["r2"]):
        with pytest.raises(InvalidInput, match=r"run r2 was dropped by upkeep on 20.*nearest .* is r[13] \("):
            open_memory(tmp_path, asked)
    mark_dropped(tmp_path, "r1", "an erasure")
    with pytest.raises(InvalidInput, match=r"r1 was dropped by an erasure on .*nearest .* is r3"):
        open_memory(tmp_path, "r1")
    assert [row["run"] for row in history(tmp_path)] == ["r3", "r2", "r1"]
    assert len(ids(tmp_path, "r4")) == len(ids(tmp_path)) == 5


def test_what_was_never_published_cannot_be_dropped(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'r7' has published no version"):
        mark_dropped(tmp_path, "r7", "upkeep")
