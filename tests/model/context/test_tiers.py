"""What goes into the tiers comes out of them, wherever it lies and whatever was evicted.

Run: pytest tests/model/context/test_tiers.py
"""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.context.disk import Rows
from model.context.formats import FORMATS
from model.context.tiers import Tiers
from tests.model.rows import SHAPE, TwoTiers, row_bytes, some, stored

NUMBERS = st.lists(st.integers(0, 10**6), max_size=9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 7)),
        st.tuples(st.just("gather"), NUMBERS),
        st.tuples(st.just("prefetch"), NUMBERS),
        st.tuples(st.just("save"), st.integers(0, 1)),
        st.tuples(st.just("reopen"), st.integers(0, 1)),
    ),
    min_size=2,
    max_size=14,
)


@given(
    kind=st.sampled_from([Tiers, TwoTiers]),
    storage=st.sampled_from(sorted(FORMATS)),
    capacity=st.integers(1, 6),
    steps=STEPS,
)
def test_any_sequence_of_steps_equals_a_plain_tensor(
    kind: type[Tiers], storage: str, capacity: int, steps: list[tuple[str, int | list[int]]]
) -> None:
    with TemporaryDirectory() as folder:
        budget, homes = capacity * row_bytes(storage), [Path(folder) / "one", Path(folder) / "two"]
        tiers, truth = kind(SHAPE, storage, budget, homes[0]), torch.zeros(0, *SHAPE)
        tiers.focus(torch.ones(3))
        for number, (step, value) in enumerate(steps):
            if step == "append" and isinstance(value, int):
                fresh = some(value, number)
                tiers.append(fresh, fresh.flatten(1)[:, :3])
                truth = torch.cat([truth, stored(fresh, storage)])
            elif isinstance(value, int):
                tiers.save(homes[value])
                if step == "reopen":
                    tiers.close()
                    tiers = kind.open(homes[value], budget)
            elif len(truth):
                rows = [row % len(truth) for row in value]
                if step == "prefetch":
                    tiers.prefetch(rows)
                assert torch.equal(tiers.gather(rows), truth[rows])
            assert tiers.bytes()["host"] <= budget
        scanned = [rows for _, rows in tiers.scan(3)]
        assert torch.equal(torch.cat([torch.zeros(0, *SHAPE), *scanned]), truth)
        assert len(tiers) == len(truth)
        tiers.close()


def test_rows_come_in_the_type_that_is_asked_for(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "bfloat16", 3 * row_bytes("bfloat16"), tmp_path)
    tiers.append(some(8))
    assert torch.equal(tiers.gather([7, 0, 7], torch.bfloat16), some(8)[[7, 0, 7]].bfloat16())


def test_what_is_old_and_unlike_the_topic_goes_first(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 8 * row_bytes("float32"), tmp_path)
    topics = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 4)
    tiers.append(some(8), topics)
    tiers.focus(torch.tensor([1.0, 0.0]))
    tiers.gather([4, 5, 6, 7])
    tiers.append(some(2, 1), topics[:2])
    kept = [row for row in range(8) if tiers.slot[0][row] >= 0]
    assert kept == [0, 2, 4, 5, 6, 7]


def test_while_rows_come_the_oldest_unlike_what_is_read_go_first(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 8 * row_bytes("float32"), tmp_path)
    topics = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for number in range(6):
        tiers.focus(topics[0])
        tiers.append(some(2, number), topics)
    kept = [row for row in range(12) if tiers.slot[0][row] >= 0]
    assert kept == [2, 4, 6, 7, 8, 9, 10, 11]  # first 1 and 3 of the four oldest went, then 5 and 0


def test_rows_that_come_together_may_give_way_to_each_other(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 4 * row_bytes("float32"), tmp_path)
    topics = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 40)
    tiers.focus(torch.tensor([1.0, 0.0]))
    tiers.append(some(80)[:8], topics[:8])
    tiers.append(some(80)[8:], topics[8:])
    assert torch.equal(tiers.gather(list(range(80))), some(80))
    assert torch.equal(tiers.topic([0, 1]), torch.tensor([0.5, 0.5]))


def test_a_scan_moves_nothing(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 4 * row_bytes("float32"), tmp_path)
    tiers.append(some(12))
    before = tiers.slot[0].copy(), tiers.bytes()
    assert sum(len(rows) for _, rows in tiers.scan(5)) == 12
    assert np.array_equal(tiers.slot[0], before[0])
    assert tiers.bytes() == before[1]


class Slow(Rows):
    """A disk that answers when it is told to."""

    asked: list[int]

    def slow_down(self, gate: threading.Event) -> "Slow":
        self.asked, self.gate = [], gate
        return self

    def read(self, rows: np.ndarray) -> np.ndarray:
        self.asked += rows.tolist()
        assert self.gate.wait(10)
        return super().read(rows)


def test_gather_waits_for_what_is_on_its_way_and_for_nothing_else(tmp_path: Path) -> None:
    tiers, gate = Tiers(SHAPE, "float32", 4 * row_bytes("float32"), None), threading.Event()
    disk = tiers.disk = Slow(tmp_path, row_bytes("float32")).slow_down(gate)
    tiers.append(some(8))
    high = np.flatnonzero(tiers.slot[0][:8] >= 0)
    coming = tiers.prefetch([0, 1])
    assert torch.equal(tiers.gather(high[:1].tolist()), some(8)[high[:1]])
    assert not coming.done()
    threading.Timer(0.05, gate.set).start()
    assert torch.equal(tiers.gather([0, 1]), some(8)[:2])
    assert coming.done()
    assert sorted(disk.asked) == [0, 1], "what was on its way is not read twice"


def test_without_a_disk_tier_a_full_budget_is_an_error_and_loses_nothing() -> None:
    tiers = Tiers(SHAPE, "float32", 3 * row_bytes("float32"), None)
    tiers.append(some(3))
    for count in (1, 9):
        with pytest.raises(ValueError, match=r"host_bytes=768 is full .* give a folder"):
            tiers.append(some(count))
        assert len(tiers) == 3
        assert torch.equal(tiers.gather([0, 1, 2]), some(3))


def test_full_tiers_without_a_disk_still_swap() -> None:
    tiers = TwoTiers(SHAPE, "float32", 4 * row_bytes("float32"), None)
    tiers.append(some(7))
    for rows in ([0, 1], [5, 6], [3, 2], [0, 6]):
        assert torch.equal(tiers.gather(rows), some(7)[rows])
        assert tiers.slot[0][rows[0]] >= 0
    with pytest.raises(ValueError, match="is full"):
        tiers.append(some(1))
    assert torch.equal(tiers.gather(range(7)), some(7))
