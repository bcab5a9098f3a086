"""Sequence parallelism: each rank runs embeddings, projections and MLP on its own tokens of a chunk.

The idea: only attention needs other ranks' tokens, and there are two ways to bring them. Over heads, an
All-to-All gives every rank all tokens of some heads, and its cache holds those heads only. Over the sequence,
every rank is given all keys and values of the chunk and attends with its own queries; the cache is the same
on all, which it may be as it is bounded. Few key/value heads are cheap to give to all, many heads or ranks
are not: the formula of `model.parallel.layout` chooses, and what was sent equals it. Any number of ranks
works with any number of heads. A text as short as a question is run by every rank.

Over heads: DeepSpeed-Ulysses, Jacobs et al. 2023, "System Optimizations for Enabling Training of Extreme Long
Sequence Transformer Models" (arXiv 2309.14509).

Shape suffixes: P ranks, B batch, H query heads, G key/value heads, Q queries, K keys, D head size, E hidden.
"""

from collections.abc import Sequence
from typing import Protocol

import torch

from model.attention.probe import Probe
from model.attention.sliding_window import StreamingCache, StreamingLayer
from model.geometry import SINKS
from model.parallel.collectives import Ranks
from model.parallel.layout import WAYS, Layout, cuts
from model.reader import OnQuery, Reader


class _Way(Protocol):
    """How one chunk's attention is shared; see `model.attention.sliding_window.Exchange` for the rest."""

    tokens: list[int] | None
    """Of the chunk, by rank; None where every rank runs all of it."""

    def keys(self, x_BGKD: torch.Tensor) -> torch.Tensor:
        """What is added to the cache, from the keys or values of this rank's tokens."""

    def own(self, x_BGKD: torch.Tensor) -> torch.Tensor:
        """What the cache holds, of all heads."""

    def complete(self, x_BGKD: torch.Tensor, groups: Sequence[int]) -> torch.Tensor:
        """These key/value heads of what the ranks' caches hold, on every rank."""

    def before(
        self, q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]: ...

    def after(self, out_BHQD: torch.Tensor) -> torch.Tensor: ...


class OverHeads:
    """All tokens of some heads on each rank."""

    def __init__(self, ranks: Ranks, layout: Layout) -> None:
        self.ranks, self.layout = ranks, layout
        self.tokens: list[int] | None = None
        self.heads, self.groups = layout.heads_of[ranks.rank], layout.groups_of[ranks.rank]

    def keys(self, x_BGKD: torch.Tensor) -> torch.Tensor:
        return self._to_heads(x_BGKD, self.layout.groups_of)

    def own(self, x_BGKD: torch.Tensor) -> torch.Tensor:
        return x_BGKD[:, self.groups.start : self.groups.stop]

    def complete(self, x_BGKD: torch.Tensor, groups: Sequence[int]) -> torch.Tensor:
        batch, _, keys, dims = x_BGKD.shape
        sent = [[g for g in groups if self.layout.sender_of[g] == p] for p in range(self.ranks.world)]
        mine = x_BGKD[:, [g - self.groups.start for g in sent[self.ranks.rank]]]
        parts = self._swap([mine] * self.ranks.world, [(batch, len(of), keys, dims) for of in sent])
        order = [g for of in sent for g in of]
        return torch.cat(parts, 1)[:, [order.index(g) for g in groups]]

    def before(
        self, q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        q_BHQD = self._to_heads(q_BHQD, self.layout.heads_of)
        size = self.layout.heads // self.layout.groups
        group_H = [head // size - self.groups.start for head in self.heads]
        if all(group_H.count(g) * len(self.groups) == len(group_H) for g in group_H):
            return q_BHQD, k_BGKD, v_BGKD
        return q_BHQD, k_BGKD[:, group_H], v_BGKD[:, group_H]  # attention wants groups of one size

    def after(self, out_BHQD: torch.Tensor) -> torch.Tensor:
        batch, _, queries, dims = out_BHQD.shape
        counts, rank = [len(own) for own in self.layout.heads_of], self.ranks.rank
        parts = [out_BHQD] * len(counts) if self.tokens is None else torch.split(out_BHQD, self.tokens, 2)
        held = queries if self.tokens is None else self.tokens[rank]
        return torch.cat(self._swap(parts, [(batch, count, held, dims) for count in counts]), 1)

    def _to_heads(self, x_BHQD: torch.Tensor, owned: Sequence[range]) -> torch.Tensor:
        """This rank's heads of all tokens, from all heads of this rank's tokens."""
        own = owned[self.ranks.rank]
        if self.tokens is None:
            return x_BHQD[:, own.start : own.stop]
        batch, _, _, dims = x_BHQD.shape
        parts = [x_BHQD[:, of.start : of.stop] for of in owned]
        return torch.cat(self._swap(parts, [(batch, len(own), count, dims) for count in self.tokens]), 2)

    def _swap(
        self, parts: Sequence[torch.Tensor], shapes: Sequence[tuple[int, int, int, int]]
    ) -> list[torch.Tensor]:
        """Part p goes to rank p; what comes from each rank is of the given shape."""
        dims = shapes[0][-1]
        rows = [part.reshape(-1, dims) for part in parts]
        take = [batch * heads * tokens for batch, heads, tokens, _ in shapes]
        got = self.ranks.exchange(torch.cat(rows), [len(row) for row in rows], take)
        return [part.reshape(shape) for part, shape in zip(torch.split(got, take), shapes, strict=True)]


class OverSequence:
    """All keys and values on each rank, which attends with the queries of its own tokens."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.tokens: list[int] | None = None

    def keys(self, x_BGKD: torch.Tensor) -> torch.Tensor:
        return x_BGKD if self.tokens is None else gathered(self.ranks, x_BGKD, self.tokens)

    def own(self, x_BGKD: torch.Tensor) -> torch.Tensor:
        return x_BGKD

    def complete(self, x_BGKD: torch.Tensor, groups: Sequence[int]) -> torch.Tensor:
        return x_BGKD[:, list(groups)]

    def before(
        self, q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self.tokens is None:
            return q_BHQD, k_BGKD, v_BGKD
        later = sum(self.tokens[self.ranks.rank + 1 :])  # tokens of this chunk that no query here may see
        stop = k_BGKD.shape[2] - later
        return q_BHQD, k_BGKD[:, :, :stop], v_BGKD[:, :, :stop]

    def after(self, out_BHQD: torch.Tensor) -> torch.Tensor:
        return out_BHQD


def gathered(ranks: Ranks, x: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
    """Everyone's part of `x`, joined along its last dimension but one, of which rank p brings `counts[p]`."""
    room = max(counts) - x.shape[-2]
    parts = ranks.gather(torch.nn.functional.pad(x, (0, 0, 0, room)))
    return torch.cat([part[..., :count, :] for part, count in zip(parts, counts, strict=True)], -2)


class _Layer(StreamingLayer):
    """A cache's layer whose content the ranks share."""

    def __init__(self, way: _Way, groups: int) -> None:
        super().__init__()
        self.way, self.all = way, range(groups)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        # one message for both: the batch is the only dimension that no way cuts
        both = self.way.keys(torch.cat([key_states, value_states]))
        keys, values = both.chunk(2)
        return super().update(keys, values)

    def whole(self, tokens: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = self.way.complete(torch.cat(super().whole(tokens)), self.all).chunk(2)
        return keys, values

    def keys_of(self, groups: Sequence[int], tokens: int) -> torch.Tensor:
        return self.way.complete(super().whole(tokens)[0], groups)

    def take(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().take(self.way.own(keys), self.way.own(values))


class RanksReader(Reader):
    """A reader whose chunks are shared by ranks. Every rank makes the same calls and gets the same results.

    Args:
        reader: this rank's; the model is shared with it.
        ranks: all of them, on one node: the same weights on the same kind of device.
        way: "heads", "sequence", or "auto", which is what moves fewer bytes (`str(reader.layout)` says it).

    Raises:
        ValueError: if the way is unknown.
    """

    def __init__(self, reader: Reader, ranks: Ranks, way: str = "auto") -> None:
        if way not in ("auto", *WAYS):
            raise ValueError(f"way={way!r}: choose one of auto, {', '.join(WAYS)}")
        self.model, self.tokenizer, self.ranks = reader.model, reader.tokenizer, ranks
        self.kernel = reader.kernel
        self._set(reader.stride)
        self.layout = Layout.of(self.config, self.head_size, ranks.world)
        over_heads = (self.layout.best() if way == "auto" else way) == "heads"
        self.way: _Way = OverHeads(ranks, self.layout) if over_heads else OverSequence(ranks)

    def start(self, layers: int | None = None) -> StreamingCache:
        """An empty context; every rank holds its part of it."""
        make = lambda: _Layer(self.way, self.layout.groups)  # noqa: E731
        return StreamingCache(layers or self.layers, SINKS, make)

    def run(
        self,
        cache: StreamingCache,
        ids: Sequence[int],
        probe: Probe | None = None,
        on_query: OnQuery | None = None,
        shared: bool = False,
        hidden: bool = True,
    ) -> torch.Tensor:
        world = self.ranks.world
        if probe is not None or (on_query is not None and not shared) or len(ids) < world:
            self.way.tokens = None
            hooks = {"on_attention": probe, "on_query": on_query, "exchange": self.way}
            hidden_QE = self._forward(cache, [ids], hidden, **hooks)[0]
            if probe is not None:
                self._complete(probe, cache)
            return hidden_QE
        parts = cuts(len(ids), world)
        self.way.tokens = [len(part) for part in parts]
        own = parts[self.ranks.rank]
        cache.read += own.start  # where this rank's tokens stand, for models that ask
        hooks = {"on_query": on_query, "exchange": self.way}
        hidden_QE = self._forward(cache, [ids[own.start : own.stop]], hidden, **hooks)[0]
        cache.read -= own.start
        return gathered(self.ranks, hidden_QE, self.way.tokens) if hidden else hidden_QE

    def _alike(self, caches: Sequence[StreamingCache], counts: Sequence[int]) -> list[list[int]]:
        """Streams are read one by one: the ranks share the tokens of each."""
        return [[place] for place in range(len(caches))]

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """All-gather over ranks, along the first dimension."""
        sizes = self.ranks.gather(torch.tensor([len(x)], device=self.device)).flatten().tolist()
        return gathered(self.ranks, x, sizes)

    def _complete(self, probe: Probe, cache: StreamingCache) -> None:
        """A probe has seen the heads of this rank; its mean is over all."""
        if not isinstance(self.way, OverHeads):
            return
        past = cache.held - sum(probe.branches)
        seen_BNK = probe.mass_BNK
        if seen_BNK is None:
            seen_BNK = torch.zeros(1, len(probe.branches), past, device=self.device)
        probe.mass_BNK = self.ranks.sum(seen_BNK * (len(self.way.heads) / self.layout.heads))
