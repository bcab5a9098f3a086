"""How long a text takes on any number of devices, from what one device does: the plan, and what limits it.

The idea: a text is cut into segments that are read independently, each with a window of lead-in, and every
device takes the next segment when it is free; or ranks share every chunk and exchange keys. The cost of each
way follows from operations (`model.cost`) and bytes (`model.parallel.layout`), the quickest is the plan, and
what limits it is the overhead without which it would be quicker still. Everything else that costs time is a
term: start-up, segments and ranks' parts that do not divide evenly, stragglers, the one writer of results,
the reduce of a question.

Nothing here was measured on the machines it speaks of: it is arithmetic on stated figures.
"""

import heapq
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, log, sqrt
from typing import Any

from model.cost import attention_flops_per_key, linear_flops_per_token, pairs, read_flops
from model.geometry import MAX_SEGMENTS, SINKS, chunks
from model.parallel.layout import Layout, gather_bytes, reduce_bytes

ROOM = 4
"""Windows of a segment at least: with fewer, most of what is read is lead-in."""
CALLS = {"heads": 3, "sequence": 1}
"""Collectives in a layer: keys with values, queries and outputs; or keys with values alone."""
TERMS = (
    "start-up",
    "lead-in",
    "uneven segments",
    "uneven ranks",
    "stragglers",
    "exchange",
    "one writer",
    "reduce",
)


@dataclass(frozen=True)
class Machine:
    """What a device does, and the links between devices.

    The defaults are those of one A100 (312 TFLOP/s in bf16 and 300 GB/s of NVLink each way, by its data
    sheet) that reaches 30 % of its products' rate, an assumption.
    """

    flops_per_s: float = 312e12
    share: float = 0.3
    """Of `flops_per_s`, reached in reading."""
    link_bytes_per_s: float = 300e9
    """What one device sends to others of its node."""
    latency_s: float = 20e-6
    """Of one collective."""
    node: int = 8
    """Devices that such links join; a chunk is shared within a node only."""
    start_s: float = 30.0
    """From a command to the first token: processes, weights."""
    jitter: float = 0.05
    """Standard deviation of a device's time, as a share of it."""
    flush_s: float = 0.002
    """Of one flush of the ledger, which a single process writes; a device has one window in it at most."""
    keep_s: float = 0.00003
    """Of the ledger, for each window in a flush."""

    @property
    def rate(self) -> float:
        """Operations a second, in reading."""
        return self.flops_per_s * self.share


@dataclass(frozen=True)
class Plan:
    """How a text is read on some devices, and the seconds that takes."""

    tokens: int
    devices: int
    segments: int
    sequence_parallel: int
    """Ranks that share every chunk of a segment; 1: none."""
    seconds: float
    parts: dict[str, float]
    """Seconds that each term adds: what the same plan would take less without it."""

    @property
    def limit(self) -> str:
        """The term that adds most; the arithmetic itself where all add little."""
        worst = max(self.parts, key=lambda name: self.parts[name])
        return worst if self.parts[worst] > 0.05 * self.seconds else "arithmetic"


def makespan(costs: Sequence[float], rates: Sequence[float]) -> float:
    """Seconds until workers of these rates are through, the costliest first to whoever is free first.

    Graham 1969, "Bounds on multiprocessing timing anomalies": at most 4/3 of the best for equal rates.
    """
    free = [(0.0, worker) for worker in range(len(rates))]
    for cost in sorted(costs, reverse=True):
        at, worker = heapq.heappop(free)
        heapq.heappush(free, (at + cost / rates[worker], worker))
    return max(at for at, _ in free)


def exchange(
    config: Any, tokens: int, stride: int, world: int, itemsize: int, way: str = "auto"
) -> tuple[int, int]:
    """Bytes that ranks send in all, and collectives they call, to read `tokens` together.

    In every layer of a chunk its keys and what else the way needs (`Layout.bytes`), then its hidden states.
    """
    layers = config.num_hidden_layers
    layout = _layout(config, world)
    way = layout.best() if way == "auto" else way
    sent = calls = 0
    for chunk, _, times in chunks(tokens, stride, SINKS):
        hidden = gather_bytes(world, -(-chunk // world) * config.hidden_size * itemsize) * world
        sent += times * (layers * sum(layout.bytes(way, chunk, itemsize)) + hidden)
        calls += times * (layers * CALLS[way] + 1)
    return sent, calls


def busiest_flops(config: Any, tokens: int, stride: int, world: int, way: str = "auto") -> int:
    """Operations of the rank that has most to do where `world` of them read `tokens` together.

    All wait for it in every layer. Over the sequence it is the last one, whose queries see most keys; over
    heads any that has one head more than another.
    """
    layout = _layout(config, world)
    way = layout.best() if way == "auto" else way
    linear, of_key = linear_flops_per_token(config), attention_flops_per_key(config)
    most_heads, total = max(map(len, layout.heads_of)), 0
    for chunk, past, times in chunks(tokens, stride, SINKS):
        own = -(-chunk // world)
        keys = pairs(own, past + chunk - own)
        if way == "heads":
            keys = pairs(chunk, past) * most_heads // layout.heads
        total += times * (own * linear + keys * of_key)
    return total


def _layout(config: Any, world: int) -> Layout:
    heads = config.num_attention_heads
    return Layout.of(config, getattr(config, "head_dim", None) or config.hidden_size // heads, world)


def reduce_cost(config: Any, world: int, machine: Machine, question: int = 32) -> float:
    """Seconds to merge partial attention of a question over ranks, layer by layer: a ring all-reduce.

    Each layer's maximum (H Q numbers), then weights and weighted values (H Q (D + 1)), in fp32.
    """
    if world == 1:
        return 0.0
    layout = _layout(config, world)
    rows = layout.heads * question * 4
    sent = reduce_bytes(world, rows) + reduce_bytes(world, rows * (layout.dims + 1))
    latency = 2 * 2 * (world - 1) * machine.latency_s  # two reduces, each so many steps round the ring
    return float(config.num_hidden_layers * (sent / machine.link_bytes_per_s + latency))


def simulate(
    config: Any,
    tokens: int,
    devices: int,
    machine: Machine,
    stride: int,
    segments: int,
    sequence_parallel: int,
) -> Plan:
    """Seconds of one plan: a text in segments, on devices of which `sequence_parallel` share every chunk."""
    work = _Work(config, tokens, devices, stride, segments, sequence_parallel)
    whole = work.seconds(machine, frozenset())
    parts = {term: max(0.0, whole - work.seconds(machine, frozenset({term}))) for term in TERMS}
    return Plan(tokens, devices, segments, sequence_parallel, whole, parts)


@dataclass(frozen=True)
class _Work:
    config: Any
    tokens: int
    devices: int
    stride: int
    segments: int
    sequence_parallel: int

    def seconds(self, machine: Machine, without: frozenset[str]) -> float:
        """With all terms but those of `without`."""
        groups = self.devices // self.sequence_parallel
        part = self.tokens / self.segments
        lead = 0 if "lead-in" in without else 2 * self.stride
        extra = lead * (self.segments - 1) / self.segments  # the first segment has nothing before it
        even = read_flops(self.config, ceil(part + extra), self.stride, SINKS) / self.sequence_parallel
        busiest = busiest_flops(self.config, ceil(part + extra), self.stride, self.sequence_parallel)
        rounds = self.segments / groups if "uneven segments" in without else ceil(self.segments / groups)
        reading = rounds * (even if "uneven ranks" in without else busiest) / machine.rate
        if self.sequence_parallel > 1 and "exchange" not in without:
            reading += rounds * self._exchange_s(ceil(part + extra), machine)
        if self.devices > 1 and "stragglers" not in without:
            reading *= 1 + machine.jitter * sqrt(2 * log(self.devices))  # about the greatest of so many
        if "one writer" not in without:
            windows = self.tokens / self.stride
            reading = max(reading, windows * (machine.keep_s + machine.flush_s / self.devices))
        start = 0.0 if "start-up" in without else machine.start_s
        asked = 0.0 if "reduce" in without else reduce_cost(self.config, self.devices, machine)
        return start + reading + asked

    def _exchange_s(self, tokens: int, machine: Machine) -> float:
        sent, calls = exchange(self.config, tokens, self.stride, self.sequence_parallel, 2)
        return sent / self.sequence_parallel / machine.link_bytes_per_s + calls * machine.latency_s


def best_plan(config: Any, tokens: int, devices: int, machine: Machine, stride: int) -> Plan:
    """The quickest of all ways to cut a text and to share its chunks."""
    most = max(1, min(MAX_SEGMENTS, tokens // (ROOM * 2 * stride)))
    sizes = [n for n in (1, 2, 4, 8) if devices % n == 0 and n <= machine.node]
    plans = [
        simulate(config, tokens, devices, machine, stride, segments, size)
        for size in sizes
        for segments in sorted({min(most, max(1, devices // size) * rows) for rows in (1, 2, 4)} | {most})
    ]
    return min(plans, key=lambda plan: (plan.seconds, plan.sequence_parallel, plan.segments))


def table(
    config: Any, lengths: Sequence[int], devices: Sequence[int], machine: Machine, stride: int
) -> list[dict[str, Any]]:
    """A row for every length and number of devices; efficiency is that beside one device."""
    rows = []
    for tokens in lengths:
        alone = best_plan(config, tokens, 1, machine, stride).seconds
        for count in devices:
            plan = best_plan(config, tokens, count, machine, stride)
            efficiency = alone / (count * plan.seconds)
            rows.append({**asdict(plan), "efficiency": efficiency, "limited_by": plan.limit})
    return rows
