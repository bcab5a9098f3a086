"""Which heads and tokens each rank has, and how many bytes that moves: the formula beside what is counted.

The idea: heads and tokens are cut as evenly as they go, so any number of ranks works with any number of them;
a key/value head is held by every rank that has one of its query heads.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

WAYS = ("heads", "sequence")


def cuts(count: int, parts: int) -> list[range]:
    """`count` things as consecutive parts whose sizes differ by one at most."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return [range(*pair) for pair in pairwise(bounds)]


def gather_bytes(world: int, part: int) -> int:
    """What a rank sends in an all-gather, by ring or directly: P - 1 parts."""
    return (world - 1) * part


def reduce_bytes(world: int, total: int) -> int:
    """What a rank sends in a ring all-reduce: P - 1 of P pieces to reduce, and as many to tell the result.

    Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations".
    """
    return 2 * (world - 1) * total // world


@dataclass(frozen=True)
class Layout:
    """Which heads of a layer each of P ranks attends with, over heads."""

    heads: int
    groups: int
    dims: int
    world: int

    @classmethod
    def of(cls, config: Any, dims: int, world: int) -> "Layout":
        """From a decoder's configuration."""
        return cls(config.num_attention_heads, config.num_key_value_heads, dims, world)

    @property
    def heads_of(self) -> list[range]:
        return cuts(self.heads, self.world)

    @property
    def groups_of(self) -> list[range]:
        """Key/value heads that those need; one whose heads are parted is held twice."""
        size = self.heads // self.groups
        return [range(own.start // size, -(-own.stop // size)) if own else range(0) for own in self.heads_of]

    @property
    def sender_of(self) -> list[int]:
        """The first rank that holds each key/value head."""
        return [next(p for p, own in enumerate(self.groups_of) if g in own) for g in range(self.groups)]

    def bytes(self, way: str, tokens: int, itemsize: int) -> list[int]:
        """What each rank sends for a chunk in one layer.

        Numbers over heads, of queries, keys and values, and outputs, where rank p has T_p of T tokens, H_p
        heads and needs G_p of keys: T_r D (H - H_r) + 2 T_r D sum_p!=r G_p + (T - T_r) D H_r.
        Over the sequence: 2 (P - 1) ceil(T / P) G D.
        """
        mine = [len(own) for own in cuts(tokens, self.world)]
        if way == "sequence":
            return [gather_bytes(self.world, 2 * max(mine) * self.groups * self.dims * itemsize)] * self.world
        heads, groups = [[len(own) for own in of] for of in (self.heads_of, self.groups_of)]
        return [
            itemsize * self.dims * (t * (self.heads - h) + 2 * t * (sum(groups) - g) + (tokens - t) * h)
            for t, h, g in zip(mine, heads, groups, strict=True)
        ]

    def best(self) -> str:
        """The way that moves fewer bytes in all; over the sequence where they are equal: it sends once."""
        tokens = 64 * self.world
        return min(reversed(WAYS), key=lambda way: sum(self.bytes(way, tokens, 1)))

    def __str__(self) -> str:
        each = {way: sum(self.bytes(way, self.world, 1)) // self.world for way in WAYS}
        moved = ", ".join(f"over {way} {numbers:,}" for way, numbers in each.items())
        return (
            f"{self.heads} heads, {self.groups} of keys, {self.world} ranks: over {self.best()} "
            f"(numbers moved per token and layer: {moved})"
        )
