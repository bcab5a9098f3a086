"""Ranks meet, move what they say they move, and fail clearly when one of them does.

Run: pytest tests/model/test_parallel.py
"""

import json
import subprocess
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.parallel import collectives as parallel
from model.parallel.layout import gather_bytes, reduce_bytes
from tests.marks import slow
from tests.model.ranks import run, start

COLLECTIVES = """
import os, socket, struct

def wire():
    "Bytes that the kernel has sent over this process's TCP connections."
    total = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as one:
                info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                sent, again = struct.unpack_from("QQ", info, 200)  # tcpi_bytes_sent, tcpi_bytes_retrans
                total += sent - again
        except OSError:
            pass
    return total

with parallel.join(RANK, WORLD, PORT, timeout_s=60) as ranks:
    x = torch.arange(4001 * WORLD, dtype=torch.float32).reshape(-1, 1).repeat(1, 16) + RANK
    calls = {
        "sum": lambda: ranks.sum(x),
        "max": lambda: ranks.max(x),
        "gather": lambda: ranks.gather(x),
        "exchange": lambda: ranks.exchange(
            x[: 500 * (RANK + 1) * WORLD], [500 * (RANK + 1)] * WORLD, [500 * (p + 1) for p in range(WORLD)]
        ),
    }
    found = {}
    for name, call in calls.items():
        ranks.barrier()
        ranks.sent.clear()
        before, out = wire(), call()
        ranks.barrier()
        counted, total = sum(ranks.sent.values()), float(out.sum(dtype=torch.float64))
        found[name] = [counted, wire() - before, total, list(out.shape)]
    print(json.dumps(found))
"""


@pytest.mark.heavy
@pytest.mark.parametrize("world", [*slow(1, 2), 3])
def test_collectives_are_right_and_what_they_count_is_what_the_kernel_sent(world: int) -> None:
    found = [json.loads(out) for out in run(COLLECTIVES, world)]
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


@pytest.mark.heavy
def test_nothing_is_printed_by_deepspeed() -> None:
    process = start("with parallel.join(RANK, WORLD, PORT): print('met')", 1)[0]
    assert process.communicate(timeout=120) == ("met\n", "")


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("end", "timeout", "least", "most"), [("sys.exit(3)", 90, 0, 45), ("time.sleep(90)", 10, 9, 60)]
)
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
    processes = start(script, 2)
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
    started = time.monotonic()
    process = start("parallel.join(0, 2, PORT, timeout_s=2)", 1)[0]
    _, error = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Error" in error
    assert time.monotonic() - started < 90


def test_a_rank_that_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match=r"rank=3 of world=3"):
        parallel.join(3, 3, 29500)


MERGE = """
with parallel.join(RANK, WORLD, PORT, timeout_s=300) as ranks:
    for line in sys.stdin:
        seed, keys, scale, shift, form = json.loads(line)
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(2, 3, 5, sum(keys), generator=generator) * scale + shift
        values = torch.randn(2, 3, sum(keys), 4, generator=generator)
        own = slice(sum(keys[:RANK]), sum(keys[: RANK + 1]))
        wide, mine = logits.double(), logits.double()[..., own]
        out = (mine.softmax(-1) @ values[:, :, own].double()).float()
        lse, rest = mine.logsumexp(-1), None
        if not keys[RANK]:
            out = torch.full_like(out, torch.nan)  # an empty part's output means nothing
        elif form == "rest":
            lse = logits[..., own].amax(-1)
            rest = (mine - lse.double()[..., None]).logsumexp(-1).float()
        ranks.sent.clear()
        found, total = parallel.merge_over_ranks(ranks, out, lse if form == "float64" else lse.float(), rest)
        right = wide.softmax(-1) @ values.double()
        close = torch.allclose(total.double(), wide.logsumexp(-1), rtol=1e-6, atol=1e-5)
        print(json.dumps([float((found - right).abs().max()), close, sum(ranks.sent.values())]), flush=True)
"""


@pytest.fixture(scope="module", params=[*slow(2), 4])
def merging(request: pytest.FixtureRequest) -> Iterator["list[subprocess.Popen[str]]"]:
    """Ranks that merge what each line says, for as many lines as come."""
    processes = start(MERGE, request.param)
    yield processes
    for process in processes:
        process.communicate(timeout=60)
        process.kill()


def merged(processes: "list[subprocess.Popen[str]]", example: list[object]) -> list[list[float]]:
    """What every rank says of an example."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(json.dumps(example) + "\n")
        process.stdin.flush()
    answers = [process.stdout.readline() for process in processes if process.stdout is not None]
    if not all(answers):
        raise AssertionError("\n".join(process.communicate(timeout=60)[1] for process in processes))
    return [json.loads(answer) for answer in answers]


@pytest.mark.heavy
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**31),
    keys=st.lists(st.sampled_from([0, 0, 1, 2, 40]), min_size=4, max_size=4),
    scale=st.floats(-3, 37).map(lambda power: 10.0**power),
    shift=st.sampled_from([0.0, -1e3, 1e6, -1e30, 1e37]),
)
def test_a_merge_over_ranks_is_one_softmax_over_everything(
    merging: "list[subprocess.Popen[str]]", seed: int, keys: list[int], scale: float, shift: float
) -> None:
    world = len(merging)
    for far, close, sent in merged(merging, [seed, keys[:world], scale, shift, "rest"]):
        assert far < 1e-5
        assert close
        assert sent == reduce_bytes(world, 30 * 4) + reduce_bytes(world, 30 * 5 * 4)


@pytest.mark.heavy
@pytest.mark.parametrize(("form", "scale"), [("float32", 10.0), ("float64", 1e9)])
@pytest.mark.parametrize("keys", [[0, 0, 0, 0], [0, 0, 0, 7], [3, 0, 4, 1]])
def test_one_number_is_enough_for_logits_that_it_resolves(
    merging: "list[subprocess.Popen[str]]", keys: list[int], form: str, scale: float
) -> None:
    for far, close, _ in merged(merging, [1, keys[: len(merging)], scale, 0.0, form]):
        assert far < 1e-5
        assert close
