"""Ranks meet, move what they say they move, and fail clearly when one of them does.

Run: pytest tests/model/parallel/test_parallel.py
"""

import pytest

from model.parallel import collectives as parallel
from model.parallel.layout import gather_bytes, reduce_bytes
from tests.model.ranks import Job, start_script


def test_collectives_are_right_and_what_they_count_is_what_the_kernel_sent(job: Job) -> None:
    world, found = job.world, job.do("count_bytes")
    rows = 4001 * world
    plain = 16 * rows * (rows - 1) / 2
    for rank, of in enumerate(found):
        assert of["sum"][2] == world * plain + 16 * rows * world * (world - 1) / 2
        assert of["max"][2] == plain + 16 * rows * (world - 1)
        assert of["gather"][2:] == [of["sum"][2], [world, rows, 16]]
        assert of["exchange"][3] == [sum(500 * (other + 1) for other in range(world)), 16]
        assert of["exchange"][0] == (world - 1) * 500 * (rank + 1) * 64
        assert of["gather"][0] == gather_bytes(world, rows * 64)
        assert of["sum"][0] == of["max"][0] == reduce_bytes(world, rows * 64)
        for counted, sent, *_ in of.values():
            assert counted <= sent <= counted * 1.01 + 4096  # headers, and the barrier


@pytest.mark.parametrize(
    ("end", "timeout", "least", "most"),
    [("sys.exit(3)", 90, 0, 45), pytest.param("time.sleep(90)", 10, 9, 60, marks=pytest.mark.slow)],
)
@pytest.mark.heavy
def test_a_rank_that_dies_or_hangs_fails_the_others(
    end: str, timeout: float, least: float, most: float
) -> None:
    script = f"""
import time
with parallel.join(RANK, WORLD, PORT, timeout_s={timeout}) as ranks:
    ranks.sum(torch.ones(1))
    if RANK:
        {end}
    started = time.monotonic()
    try:
        ranks.sum(torch.ones(1))
    except RuntimeError:
        print(time.monotonic() - started, flush=True)
"""
    processes = start_script(script, 2)
    try:
        out, error = processes[0].communicate(timeout=120)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert out, error
    assert least < float(out) < most


@pytest.mark.heavy
def test_a_rank_that_comes_alone_is_told_so_in_time() -> None:
    process = start_script("parallel.join(0, 2, PORT, timeout_s=2)", 1)[0]
    try:
        _, error = process.communicate(timeout=300)  # by default it would wait for 600 s
    finally:
        process.kill()
    assert process.returncode != 0
    assert "Error" in error


def test_a_rank_that_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match=r"rank=3 of world=3"):
        parallel.join(3, 3, 29500)
