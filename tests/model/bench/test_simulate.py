"""The simulator adds up: one device is plain arithmetic, and every term limits where it is made to.

What it predicts of real ranks is checked in tests/flows/test_scaling.py.
Run: pytest tests/model/bench/test_simulate.py
"""

from dataclasses import replace
from itertools import permutations, product

import pytest
from transformers import LlamaConfig

from model.bench.simulate import (
    Machine,
    best_plan,
    busiest_flops,
    exchange,
    makespan,
    reduce_cost,
    simulate,
    table,
)
from model.cost import read_flops
from model.geometry import SINKS
from model.parallel.layout import reduce_bytes

CONFIG = LlamaConfig(
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
)
STRIDE = 2048
PLAIN = Machine(start_s=0.0, jitter=0.0, flush_s=0.0, keep_s=0.0, latency_s=0.0, link_bytes_per_s=1e30)
"""A machine that does nothing but compute."""


def test_one_device_takes_its_operations_at_its_rate_and_its_start() -> None:
    machine = Machine(start_s=7.0, flush_s=0.0, keep_s=0.0)
    flops = read_flops(CONFIG, 1_000_000, STRIDE, SINKS)
    plan = simulate(CONFIG, 1_000_000, 1, machine, STRIDE, segments=1, sequence_parallel=1)
    assert plan.seconds == pytest.approx(7 + flops / (312e12 * 0.3))
    assert plan.parts["start-up"] == pytest.approx(7)
    assert sum(plan.parts.values()) == pytest.approx(7)


def test_without_overheads_devices_share_the_work_evenly() -> None:
    alone = best_plan(CONFIG, 10**9, 1, PLAIN, STRIDE).seconds
    for devices in (2, 8, 64, 256):
        plan = best_plan(CONFIG, 10**9, devices, PLAIN, STRIDE)
        assert alone / devices / plan.seconds == pytest.approx(1, abs=0.01)
        assert plan.limit == "arithmetic"


@pytest.mark.parametrize(
    ("limit", "machine", "tokens", "devices"),
    [
        ("start-up", replace(PLAIN, start_s=1e5), 10**8, 8),
        ("stragglers", replace(PLAIN, jitter=3.0), 10**8, 8),
        ("one writer", replace(PLAIN, keep_s=1.0), 10**8, 8),
        ("one writer", replace(PLAIN, flush_s=9.0), 10**8, 8),
        ("reduce", replace(PLAIN, latency_s=100.0), 10**8, 8),
        ("lead-in", PLAIN, 10**7, 255),
        ("uneven segments", PLAIN, 33_000, 3),
    ],
)
def test_what_is_made_slow_is_named_as_the_limit(
    limit: str, machine: Machine, tokens: int, devices: int
) -> None:
    assert best_plan(CONFIG, tokens, devices, machine, STRIDE).limit == limit


def test_a_slow_link_limits_ranks_that_share_a_chunk_and_is_avoided_by_the_best_plan() -> None:
    slow = replace(PLAIN, link_bytes_per_s=1e6)
    assert simulate(CONFIG, 10**7, 8, slow, STRIDE, segments=1, sequence_parallel=8).limit == "exchange"
    assert best_plan(CONFIG, 10**7, 8, slow, STRIDE).sequence_parallel == 1


def test_a_text_too_short_for_segments_is_shared_chunk_by_chunk() -> None:
    plan = best_plan(CONFIG, 16_384, 8, PLAIN, STRIDE)
    assert (plan.segments, plan.sequence_parallel) == (1, 8)


def test_segments_have_four_windows_at_least_and_are_256_at_most() -> None:
    for tokens, devices in product((10**5, 10**7, 10**9), (1, 8, 256)):
        plan = best_plan(CONFIG, tokens, devices, Machine(), STRIDE)
        assert plan.segments <= 256
        assert plan.segments == 1 or tokens / plan.segments >= 4 * 2 * STRIDE


@pytest.mark.parametrize("tokens", [1, 5, 64, 100, 700])
@pytest.mark.parametrize(("way", "world"), [("sequence", 1), ("sequence", 3), ("heads", 2), ("heads", 4)])
def test_the_busiest_rank_does_what_a_count_by_hand_gives(tokens: int, way: str, world: int) -> None:
    linear, of_key, past, expected = 212_336_640, 69_120, 0, 0
    for start in range(0, tokens, 64):
        chunk = min(64, tokens - start)
        own = -(-chunk // world)
        if way == "sequence":
            keys = sum(past + query + 1 for query in range(chunk - own, chunk))
        else:
            keys = sum(past + query + 1 for query in range(chunk)) * (-(-9 // world)) // 9
        expected += own * linear + keys * of_key
        past = min(past + chunk, SINKS + 64)
    assert busiest_flops(CONFIG, tokens, 64, world, way) == expected
    if world == 1:
        assert expected == read_flops(CONFIG, tokens, 64, SINKS)


def test_exchanged_bytes_grow_chunk_by_chunk() -> None:
    one, _ = exchange(CONFIG, STRIDE, STRIDE, 4, 2)
    rest, _ = exchange(CONFIG, 100, STRIDE, 4, 2)
    assert exchange(CONFIG, 5 * STRIDE + 100, STRIDE, 4, 2)[0] == 5 * one + rest


def test_a_reduce_sends_what_a_ring_sends() -> None:
    machine = replace(PLAIN, link_bytes_per_s=1.0)
    rows = 9 * 32 * 4
    sent = reduce_bytes(4, rows) + reduce_bytes(4, rows * 65)
    assert reduce_cost(CONFIG, 4, machine) == 30 * sent
    assert reduce_cost(CONFIG, 1, machine) == 0


def test_makespan_is_that_of_the_longest_first_rule() -> None:
    assert makespan([3, 3, 2, 2, 2], [1, 1]) == 7  # Graham's example: the best is 6
    for costs in permutations([5.0, 1.0, 1.0, 3.0]):
        assert makespan(costs, [1.0, 1.0]) == 5
    assert makespan([4.0], [2.0, 1.0]) == 2


def test_a_table_has_a_row_for_every_length_and_size() -> None:
    rows = table(CONFIG, (10**7, 10**8), (1, 2, 4), Machine(), STRIDE)
    assert [(row["tokens"], row["devices"]) for row in rows] == list(product((10**7, 10**8), (1, 2, 4)))
    assert [row["efficiency"] for row in rows if row["devices"] == 1] == [1, 1]
    assert all(0 < row["efficiency"] <= 1 for row in rows)
