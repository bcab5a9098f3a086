"""How fast and in how much memory a text is read, beside other readers and the machine's limit.

The idea: everything is measured in one run and in turns (limit, ours, limit, peer, ...), because a machine
that is shared changes its speed from minute to minute: what holds is the ratio between neighbours in time.
Nothing is extrapolated: a peer that would take too long or too much memory is not run, and that is said.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

import torch

from model.attention import rows
from model.attention.choice import Choice, choice_for
from model.attention.lookback import past_needed
from model.bench.baselines import LOADERS, Participant, Stream
from model.bench.limits import Peak, describe, held_bytes, limits, product_rate
from model.geometry import SINKS, cut
from model.hardware import free_bytes, synchronise
from model.parallel import segments
from model.reader import Reader

_EACH = 8
"""The loss is computed of one token in so many."""
PUBLISHED = {"devices": 256, "flops_per_s": 312e12, "seconds": 180, "tokens": 10_000_000}
"""A published point of a large system: 256 A100 (312 TFLOP/s in bf16 each) read 10M tokens in 3 minutes."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Effort:
    """How much is spent on a measurement."""

    repeats: int = 3
    """Turns at a length, by all."""
    short_seconds: float = 40
    """A text that takes us longer is read once."""
    max_seconds: float = 1200
    """A peer that would take longer for one text is not run."""
    max_bytes: int | None = None
    """Nor one that would take more memory; what is free by default."""
    limit_seconds: float = 0.5
    """Spent on the machine's rate before and after every turn."""


Progress = Callable[[str, int, int], None]
"""Called with a step, the tokens read in it, and all of its tokens."""


@dataclass(frozen=True)
class Turn:
    """One text, read once by one participant."""

    seconds: float
    limit: float
    """FLOP/s of the machine, before and after."""
    peak_rss: int
    rise: int
    """Most memory beyond the weights: of the device where there is one, else resident."""
    cache_bytes: int
    """Keys and values held once the text is read."""


def measure(
    reader: Reader,
    folder: Path,
    ids: Sequence[int],
    lengths: Sequence[int],
    peers: Sequence[str],
    progress: Progress,
    effort: Effort = Effort(),
) -> dict[str, Any]:
    """Read the first tokens of `ids`, once for every length, by every participant.

    Args:
        reader: ours, loaded.
        folder: the model it was loaded from.
        ids: at least `max(lengths)` tokens of text that does not repeat.
        peers: keys of `model.bench.PEERS`.

    Returns:
        {"machine", "limits", "model", "kernel", "tiles", "rows", "published"}; rates per second, memory in
        bytes.

    Raises:
        ValueError: if a peer is not installed, or cannot read this model.
    """
    assert len(ids) >= max(lengths)
    bench = _Bench(reader, [LOADERS[name](reader, folder) for name in peers], progress, effort)
    bench.warm(ids[: reader.stride])
    read = [bench.row(ids[:length]) for length in sorted(lengths)]
    return {
        "machine": describe(reader.device),
        "model": {
            "name": folder.name,
            "dtype": str(reader.precision),
            "window": 2 * reader.stride,
        },
        "limits": bench.limits,
        "kernel": asdict(_choice(reader)),
        "tiles": asdict(rows.choice(reader.tiles)),
        "rows": read,
        "published": beside_published(read[-1]),
    }


def _choice(reader: Reader) -> Choice:
    """The attention kernel that reads whole chunks."""
    config, chunk = reader.config, reader.stride
    sizes = (config.num_attention_heads, chunk), (config.num_key_value_heads, SINKS + 2 * chunk)
    q_BHQD, k_BGKD = (
        torch.empty(1, *size, reader.head_size, dtype=reader.dtype, device=reader.device) for size in sizes
    )
    return choice_for(q_BHQD, k_BGKD, reader.kernel)


def rows_at_a_time(reader: Reader, ids: Sequence[int], rows: int, repeats: int = 3) -> Row:
    """Read a document's segments, `rows` of them, all at a time and one at a time, in turns.

    Returns:
        {"rows", "tokens_per_s", "one_tokens_per_s", "ratio"}; tokens are the document's, so lead-ins cost.
    """
    plan = cut(len(ids), reader.stride, rows)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(repeats + 1):  # the first turn only warms up
        for together, times in seconds.items():
            started = perf_counter()
            for _ in segments.read(reader, ids, plan, len(plan) if together else 1):
                pass
            synchronise(reader.device)
            times.append(perf_counter() - started)
    pairs = list(zip(seconds[True], seconds[False], strict=True))[1:]
    return {
        "rows": len(plan),
        "tokens_per_s": len(ids) / median(together for together, _ in pairs),
        "one_tokens_per_s": len(ids) / median(one for _, one in pairs),
        "ratio": median(one / together for together, one in pairs),
    }


@torch.inference_mode()
def windows(reader: Reader, ids: Sequence[int], leasts: Sequence[int], progress: Progress) -> list[Row]:
    """Read a text with windows that follow it (see `model.attention.lookback`) beside windows of one width.

    Every chunk is read by all in turn, so that what a shared machine does happens to all. The first one has
    no past and only warms up.

    Args:
        leasts: past tokens of the narrowest window; each is a row. A first row, 0, has windows of one width.

    Returns:
        Rows of {"least", "past", "tokens_per_s", "ratio", "nats", "nats_lost"}: mean tokens of the past,
        speed beside one width, and how surprised the model is per token, and more so than with one width.
    """
    stride, widths = reader.stride, [0, *leasts]
    seconds, nats, pasts = ([list[float]() for _ in widths] for _ in range(3))
    caches = [reader.start() for _ in widths]
    for start in range(0, len(ids) - stride, stride):
        before, chunk = ids[max(start - stride, 0) : start], ids[start : start + stride]
        next_Q = torch.tensor(ids[start + 1 : start + stride + 1], device=reader.device)
        for number, least in enumerate(widths):
            started = perf_counter()
            past = past_needed(before, chunk, least) if least else len(before)
            caches[number].slide(past)
            hidden_QE = reader.extend(caches[number], chunk)
            synchronise(reader.device)
            if start:
                seconds[number].append(perf_counter() - started)
                pasts[number].append(past)
                nats[number].append(_surprise(reader, hidden_QE, next_Q))
        progress("windows", start + stride, len(ids))
    return [
        {
            "least": least,
            "past": fmean(pasts[number]),
            "tokens_per_s": stride / fmean(seconds[number]),
            "ratio": sum(seconds[0]) / sum(seconds[number]),
            "nats": fmean(nats[number]),
            "nats_lost": fmean(nats[number]) - fmean(nats[0]),
        }
        for number, least in enumerate(widths)
    ]


def _surprise(reader: Reader, hidden_QE: torch.Tensor, next_Q: torch.Tensor) -> float:
    """Mean negative log-likelihood, in nats, of the next tokens, of each `_EACH`th one."""
    logits_QV = reader.model.get_output_embeddings()(hidden_QE[::_EACH]).float()
    return float(torch.nn.functional.cross_entropy(logits_QV, next_Q[::_EACH]))


class _Bench:
    def __init__(
        self,
        reader: Reader,
        peers: Sequence[Participant],
        progress: Progress,
        effort: Effort,
    ) -> None:
        self.ours, self.peers, self.progress = Stream(reader), peers, progress
        self.effort = effort
        self.device = reader.device
        found = limits(self.device, self.effort.limit_seconds)
        self.best = found.dtype
        self.limits = {"fp32": found.fp32, "bf16": found.bf16, "bytes_per_s": found.bandwidth}
        self.speed: dict[str, float] = {}
        """FLOP/s that each participant last reached."""

    def warm(self, ids: Sequence[int]) -> None:
        """A first call loads kernels and starts threads; no later one pays for it."""
        for participant in (self.ours, *self.peers):
            self._turn(participant, ids)

    def row(self, ids: Sequence[int]) -> Row:
        """All turns at one length, as medians."""
        refused = {peer.key: why for peer in self.peers if (why := self._refusal(peer, len(ids)))}
        running = [self.ours, *(peer for peer in self.peers if peer.key not in refused)]
        turns: dict[str, list[Turn]] = {participant.key: [] for participant in running}
        while len(turns[self.ours.key]) < self.effort.repeats:
            for participant in running:
                turns[participant.key].append(self._turn(participant, ids))
            if turns[self.ours.key][0].seconds > self.effort.short_seconds:
                break
        row: Row = {"length": len(ids), "repeats": len(turns[self.ours.key])}
        for participant in running:
            row |= _figures(participant, turns[participant.key], turns[self.ours.key], len(ids))
        if {"context", "sdpa"} <= turns.keys():
            pairs = zip(turns["sdpa"], turns["context"], strict=True)
            row["context_ratio_to_sdpa"] = median(theirs.seconds / own.seconds for theirs, own in pairs)
        return row | {f"{key}_not_run": why for key, why in refused.items()}

    def _refusal(self, peer: Participant, tokens: int) -> str:
        """Why a peer is not run, or ""; by the rate it last reached."""
        if (seconds := peer.flops(tokens) / self.speed[peer.key]) > self.effort.max_seconds:
            return f"would take about {seconds:,.0f} s"
        free = free_bytes(self.device) if self.effort.max_bytes is None else self.effort.max_bytes
        needed = peer.bytes(tokens)
        if needed > free:
            return f"would take about {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free"
        return ""

    def _turn(self, participant: Participant, ids: Sequence[int]) -> Turn:
        step = f"{len(ids):,} tokens, {participant.key}"
        limit = self._limit()
        loaded = participant.load(len(ids))
        before = held_bytes(self.device)
        with Peak(self.device) as peak:
            started = perf_counter()
            loaded.read(ids, lambda done: self.progress(step, done, len(ids)))
            synchronise(self.device)
            seconds = perf_counter() - started
        self.speed[participant.key] = participant.flops(len(ids)) / seconds
        rise = peak.most - before + loaded.reserved
        return Turn(seconds, (limit + self._limit()) / 2, peak.resident, rise, loaded.cache_bytes())

    def _limit(self) -> float:
        return product_rate(self.device, self.best, self.effort.limit_seconds)


def _figures(participant: Participant, turns: list[Turn], ours: list[Turn], tokens: int) -> Row:
    """What a row says of one participant: ours without a prefix, and every peer beside ours."""
    flops = participant.flops(tokens)
    figures: Row = {
        "tokens_per_s": tokens / median(turn.seconds for turn in turns),
        "seconds": median(turn.seconds for turn in turns),
        "flops": flops,
        "limit": median(turn.limit for turn in turns),
        "share_of_limit": median(flops / turn.seconds / turn.limit for turn in turns),
        "peak_rss": max(turn.peak_rss for turn in turns),
        "rise": max(turn.rise for turn in turns),
        "cache_bytes": turns[0].cache_bytes,
    }
    if turns is ours:
        return figures
    ratio = median(turn.seconds / own.seconds for turn, own in zip(turns, ours, strict=True))
    named = {f"{participant.key}_{name}": value for name, value in figures.items()}
    return named | {f"ratio_to_{participant.key}": ratio}


def beside_published(row: Row) -> Row:
    """Tokens for every operation that the hardware could have done, ours and published."""
    ours = row["tokens_per_s"] / row["limit"]
    published = PUBLISHED["tokens"] / (PUBLISHED["seconds"] * PUBLISHED["devices"] * PUBLISHED["flops_per_s"])
    return {"length": row["length"], "ours": ours, "published": published, "ratio": ours / published}
