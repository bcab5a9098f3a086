"""A document cut into shards that are read independently, several at a time as rows of one batch.

The idea: what a token owes to text before its window it owes through many layers, a little in each. So a
shard is read like the whole: first the document's own sinks, whose keys depend on nothing before them, then a
lead-in of chunks that stand before the shard and are thrown away, then its own. After the lead-in every row's
cache has one geometry, sinks and one chunk, the first shard's after its first chunks too: they go on together
whatever they are, until each comes to its end.

Shape suffixes: B rows, Q tokens of a chunk, E hidden.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from model.attention import SINKS, StreamingCache
from model.stream import Reader

MOST = 256
"""Shards of a document."""
LEAD = 2
"""Chunks of lead-in: one window."""


@dataclass(frozen=True)
class Shard:
    """Consecutive tokens of a document."""

    start: int
    stop: int
    lead: int
    """The first token of the lead-in."""


@dataclass(frozen=True)
class Piece:
    """A chunk of a shard that has just been read."""

    shard: Shard
    start: int
    """Its first token in the document."""
    hidden_QE: torch.Tensor
    cache: StreamingCache
    """[sinks | chunk before | itself], valid until the next piece is asked for."""


def cut(tokens: int, stride: int, most: int = MOST, lead: int = LEAD) -> list[Shard]:
    """A document as at most `most` shards of whole chunks, of which only the last may end in a part of one.

    Every shard takes as many chunks to read as any other, or one more: the first has no lead-in.

    Raises:
        ValueError: if a number cannot be.
    """
    if most < 1 or lead < 2:
        raise ValueError(f"most={most}, lead={lead}: give at least 1 shard and 2 chunks of lead-in, a window")
    chunks = -(-tokens // stride)
    count = max(1, min(most, chunks - lead))
    starts = [0, *(lead + (chunks - lead) * number // count for number in range(1, count)), chunks]
    bounds = [min(chunk * stride, tokens) for chunk in starts]
    return [Shard(start, stop, max(start - lead * stride, 0)) for start, stop in pairwise(bounds)]


def read(
    reader: Reader, ids: Sequence[int], shards: Sequence[Shard], rows: int = 8, layers: int | None = None
) -> Iterator[Piece]:
    """Every chunk of some shards of a document, in order within a shard.

    Args:
        ids: all tokens of the document.
        rows: shards that are read at a time.
        layers: run the first ones only.
    """
    for first in range(0, len(shards), rows):
        yield from _Batch(reader, ids, shards[first : first + rows], layers).read()


class _Batch:
    """Shards that are read together."""

    def __init__(
        self, reader: Reader, ids: Sequence[int], shards: Sequence[Shard], layers: int | None
    ) -> None:
        self.reader, self.ids, self.shards, self.layers = reader, ids, list(shards), layers
        self.at = [shard.start for shard in shards]
        """Of each row, its next token."""

    def read(self) -> Iterator[Piece]:
        caches = []
        if self.shards[0].start == 0:
            alone = self.reader.start(self.layers)
            while self.at[0] < min(LEAD * self.reader.stride, self.shards[0].stop):
                yield self._alone(0, alone)
            caches.append(alone)
        if led := [shard for shard in self.shards if shard.start]:
            caches.append(self._led(led))
        for cache in caches:
            cache.slide(self.reader.stride)
        yield from self._together(_joined(caches))

    def _led(self, shards: Sequence[Shard]) -> StreamingCache:
        """Sinks and lead-ins of shards, as rows."""
        cache, stride = self.reader.start(self.layers), self.reader.stride
        self.reader.read_rows(cache, [self.ids[:SINKS]] * len(shards))
        cache.read = shards[0].lead  # models that ask are read in single rows
        for offset in range(0, shards[0].start - shards[0].lead, stride):
            leads = [shard.lead + offset for shard in shards]
            self.reader.read_rows(cache, [self.ids[lead : lead + stride] for lead in leads])
        return cache

    def _together(self, cache: StreamingCache) -> Iterator[Piece]:
        rows = list(range(len(self.shards)))
        while rows:
            left = [self.shards[row].stop - self.at[row] for row in rows]
            for place, tokens in enumerate(left):
                if 0 < tokens < self.reader.stride:  # the document's last chunk fits no batch
                    yield self._alone(rows[place], cache.rows([place]))
            going = [place for place, tokens in enumerate(left) if tokens >= self.reader.stride]
            if len(going) < len(rows):
                rows, cache = [rows[place] for place in going], cache.rows(going)
            if rows:
                yield from self._step(rows, cache)

    def _step(self, rows: Sequence[int], cache: StreamingCache) -> Iterator[Piece]:
        """The next whole chunk of each row."""
        chunks = [self.ids[self.at[row] : self.at[row] + self.reader.stride] for row in rows]
        hidden_BQE = self.reader.read_rows(cache, chunks)
        for place, row in enumerate(rows):
            yield self._piece(row, hidden_BQE[place], cache.rows(slice(place, place + 1)))

    def _alone(self, row: int, cache: StreamingCache) -> Piece:
        shard, start = self.shards[row], self.at[row]
        chunk = self.ids[start : min(start + self.reader.stride, shard.stop)]
        return self._piece(row, self.reader.read(cache, chunk), cache)

    def _piece(self, row: int, hidden_QE: torch.Tensor, cache: StreamingCache) -> Piece:
        start = self.at[row]
        self.at[row] += len(hidden_QE)
        return Piece(self.shards[row], start, hidden_QE, cache)


def _joined(caches: Sequence[StreamingCache]) -> StreamingCache:
    """Rows of caches of one length as those of one cache."""
    if len(caches) == 1:
        return caches[0]
    joined = StreamingCache(len(caches[0].layers), SINKS)
    for number, layer in enumerate(joined.layers):
        parts = [cache.layers[number] for cache in caches]
        layer.take(torch.cat([part.keys for part in parts]), torch.cat([part.values for part in parts]))
    return joined
