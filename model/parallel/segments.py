"""Segments of a document, read independently of each other, several at a time as rows of one batch.

The idea: what a token owes to text before its window it owes through many layers, a little in each. So a
segment is read like the whole: first the document's own sinks, whose keys depend on nothing before them, then
a lead-in of chunks that stand before the segment and are discarded, then its own. After the lead-in every
segment's cache has one shape, sinks and one chunk, as the first segment's has after its first chunks: so any
segments can share a batch until each comes to its end.

Shape suffixes: Q tokens of a chunk, E hidden.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from model.attention.sliding_window import StreamingCache
from model.geometry import SINKS, Segment
from model.reader import Chunk, Reader


@dataclass(frozen=True)
class Piece:
    """A chunk of a segment that has just been read."""

    segment: Segment
    start: int
    """Its first token in the document."""
    hidden_QE: torch.Tensor
    cache: StreamingCache
    """[sinks | chunk before | itself] in the batch's memory, valid until the next piece is asked for."""


def leading(
    cache: StreamingCache, sinks: Sequence[int], lead: Sequence[Sequence[int]], start: int
) -> Iterator[Chunk]:
    """What is read before a segment: the document's first tokens, then chunks from token `start` on."""
    yield Chunk(cache, sinks)
    cache.read = start  # where in the text it goes on, for models that ask
    for ids in lead:
        yield Chunk(cache, ids)


def read(
    reader: Reader, ids: Sequence[int], segments: Sequence[Segment], rows: int = 8, layers: int | None = None
) -> Iterator[Piece]:
    """Every chunk of some segments of a document, in order within a segment.

    Args:
        ids: all tokens of the document.
        rows: segments that are read at a time.
        layers: run the first ones only.
    """
    for first in range(0, len(segments), rows):
        some = segments[first : first + rows]
        for steps in zip_longest(*(_steps(reader, ids, segment, layers) for segment in some)):
            due = [(segment, *step) for segment, step in zip(some, steps, strict=True) if step is not None]
            hidden = reader.read_together([chunk for *_, chunk in due])
            for (segment, start, chunk), hidden_QE in zip(due, hidden, strict=True):
                if start >= segment.start:
                    yield Piece(segment, start, hidden_QE, chunk.cache)


def _steps(
    reader: Reader, ids: Sequence[int], segment: Segment, layers: int | None
) -> Iterator[tuple[int, Chunk]]:
    """All chunks of a segment, each with the place of its first token: -1 for what is only led in."""
    cache, stride = reader.start(layers), reader.stride
    if segment.start:
        lead = [ids[first : first + stride] for first in range(segment.lead, segment.start, stride)]
        yield from ((-1, chunk) for chunk in leading(cache, ids[:SINKS], lead, segment.lead))
    for start in range(segment.start, segment.stop, stride):
        yield start, Chunk(cache, ids[start : min(start + stride, segment.stop)])
