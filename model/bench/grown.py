"""The index at any length, from the keys and questions of a short text.

The idea: a text of millions of tokens takes hours to read, but what the index does with it depends on its
keys alone. Blocks of a short text are varied, each by a part of another one: the mean stays as it is,
deviations are a little larger, so that the best of millions are made ones. Only the posting lists that the
questions hash to are kept: no others are looked at.

Shape suffixes: N blocks, P pairs of (layer, key/value head), T tokens of a block, D head size, R rows (one
voting head and one token of the question each).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch

from model.context.index import Index
from model.context.retrieve import QueryRows, search
from model.context.tiers import Tiers
from model.geometry import BLOCK

K = 16
"""Blocks that are chosen."""
_OTHER = 0.3
"""Part of another block's deviations that is added to a block's own."""
_AT_ONCE = 256
_SEED = 1


@dataclass(frozen=True)
class Beside:
    """The index beside the exact scan, means over questions."""

    blocks: int
    same: float
    """Share of the scan's blocks that the index chose too."""
    visited: float
    """Blocks that the index looked at."""
    index_s: float
    scan_s: float


class Grown:
    """A context as a search sees it, of keys that were made.

    Args:
        short: index of the short text, trained.
        keys_NPTD: its blocks in bf16.
        questions: those that it may be asked.
        folder: where keys and codes lie, beyond `host_bytes` of them.
    """

    def __init__(
        self,
        short: Index,
        keys_NPTD: torch.Tensor,
        questions: Sequence[QueryRows],
        folder: Path,
        host_bytes: int = 1 << 27,
    ) -> None:
        shape = keys_NPTD.shape[1:]
        self.keys = Tiers(tuple(shape), "bfloat16", host_bytes, folder / "keys")
        self.index = Index(shape[0], shape[2], sizes=short.sizes, folder=folder / "codes")
        by_pair = zip(short.spaces, *(question.by_pair for question in questions), strict=True)
        spaces = []
        for space, *rows in by_pair:
            nearest = torch.cat([space.nearest(rows_RD @ space.into_q_DB) for rows_RD in rows])
            spaces.append(replace(space, directions_CB=space.directions_CB[sorted(set(nearest.tolist()))]))
        self.index.begin(spaces)
        self.short_NPTD, self.mean = keys_NPTD, keys_NPTD.float().mean((0, 2), keepdim=True)
        self.random = torch.Generator().manual_seed(_SEED)

    @property
    def blocks(self) -> int:
        """Blocks so far."""
        return len(self.keys)

    def tail_keys(self) -> torch.Tensor:
        """No token is behind the last block."""
        pairs, _, dims = self.short_NPTD.shape[1:]
        return torch.zeros(pairs, 0, dims)

    def grow(self, tokens: int) -> None:
        """Add blocks until there are so many tokens; the short text's own ones come first."""
        while (fresh := min(_AT_ONCE, tokens // BLOCK - self.blocks)) > 0:
            own = self.short_NPTD[self.blocks : self.blocks + fresh]
            keys_NPTD = own if len(own) else self._mixed(fresh)
            self.keys.append(keys_NPTD)
            self.index.add(keys_NPTD)

    def measure(self, questions: Sequence[QueryRows]) -> Beside:
        """Ask all questions both ways."""
        pairs = [(search(self, rows, K, "index"), search(self, rows, K, "exact")) for rows in questions]
        return Beside(
            blocks=self.blocks,
            same=fmean(len(set(fast.blocks) & set(exact.blocks)) / K for fast, exact in pairs),
            visited=fmean(fast.visited for fast, _ in pairs),
            index_s=fmean(fast.seconds for fast, _ in pairs),
            scan_s=fmean(exact.seconds for _, exact in pairs),
        )

    def _mixed(self, count: int) -> torch.Tensor:
        one, other = (torch.randint(len(self.short_NPTD), (count,), generator=self.random) for _ in range(2))
        mixed_NPTD = self.short_NPTD[one] + _OTHER * (self.short_NPTD[other].float() - self.mean)
        return mixed_NPTD.to(torch.bfloat16)
