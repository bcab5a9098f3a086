"""A document cut into shards that are read independently, several at a time as rows of one batch.

The idea: what a token owes to text before its window it owes through many layers, a little in each. So a
shard is read like the whole: first the document's own sinks, whose keys depend on nothing before them, then a
lead-in of chunks that stand before the shard and are thrown away, then its own. After the lead-in every
shard's cache has one geometry, sinks and one chunk, the first shard's after its first chunks too: so they go
on together, whatever they are, until each comes to its end.

Shape suffixes: Q tokens of a chunk, E hidden.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import torch

from model.attention.sliding_window import SINKS, StreamingCache
from model.reader import Chunk, Reader

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
    """[sinks | chunk before | itself] in the batch's memory, valid until the next piece is asked for."""


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


def leading(
    cache: StreamingCache, sinks: Sequence[int], lead: Sequence[Sequence[int]], start: int
) -> Iterator[Chunk]:
    """What is read before a shard: the document's first tokens, then chunks from token `start` on."""
    yield Chunk(cache, sinks)
    cache.read = start  # where in the text it goes on, for models that ask
    for ids in lead:
        yield Chunk(cache, ids)


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
        some = shards[first : first + rows]
        for steps in zip_longest(*(_steps(reader, ids, shard, layers) for shard in some)):
            due = [(shard, *step) for shard, step in zip(some, steps, strict=True) if step is not None]
            hidden = reader.read_together([chunk for *_, chunk in due])
            for (shard, start, chunk), hidden_QE in zip(due, hidden, strict=True):
                if start >= shard.start:
                    yield Piece(shard, start, hidden_QE, chunk.cache)


def _steps(
    reader: Reader, ids: Sequence[int], shard: Shard, layers: int | None
) -> Iterator[tuple[int, Chunk]]:
    """All chunks of a shard, each with the place of its first token: -1 for what is only led in."""
    cache, stride = reader.start(layers), reader.stride
    if shard.start:
        lead = [ids[first : first + stride] for first in range(shard.lead, shard.start, stride)]
        yield from ((-1, chunk) for chunk in leading(cache, ids[:SINKS], lead, shard.lead))
    for start in range(shard.start, shard.stop, stride):
        yield start, Chunk(cache, ids[start : min(start + stride, shard.stop)])
