"""How a text is divided: sinks, blocks, chunks of half a window, and segments. Arithmetic alone.

The idea: reading, costing and retrieving must agree on where everything begins, so the sizes stand here once,
and importing them costs nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

SINKS = 64
"""Tokens of a text's start that are attended from everywhere in it."""
BLOCK = 64
"""Tokens of a block: the unit of retrieval and of tiering."""
MAX_SEGMENTS = 256
"""Segments of a document."""
LEAD_IN = 2
"""Chunks that are read before a segment, one window, so that its first tokens see what came before."""


class TooLong(ValueError):
    """More tokens are attended at a time than a reader has positions for."""


@dataclass(frozen=True)
class Segment:
    """Consecutive tokens of a document that are read by one worker or as one row of a batch."""

    start: int
    stop: int
    lead: int
    """The first token of the lead-in."""


def cut(tokens: int, stride: int, most: int = MAX_SEGMENTS, lead: int = LEAD_IN) -> list[Segment]:
    """A document as at most `most` segments of whole chunks, of which only the last may end in part of one.

    Every segment takes as many chunks to read as any other, or one more: the first has no lead-in.

    Raises:
        ValueError: if there is no segment, or the lead-in is shorter than a window.
    """
    if most < 1 or lead < 2:
        raise ValueError(f"most={most}, lead={lead}: give at least 1 segment and 2 chunks of lead-in")
    total = -(-tokens // stride)
    count = max(1, min(most, total - lead))
    starts = [0, *(lead + (total - lead) * number // count for number in range(1, count)), total]
    bounds = [min(chunk * stride, tokens) for chunk in starts]
    return [Segment(start, stop, max(start - lead * stride, 0)) for start, stop in pairwise(bounds)]


def chunks(tokens: int, stride: int, sinks: int = SINKS) -> Iterator[tuple[int, int, int]]:
    """Chunks of a stream: tokens, tokens before them that are attended, and how many such there are."""
    past, left = 0, tokens
    while left:
        chunk = min(stride, left)
        # once the window is full every whole chunk sees equally many
        times = left // stride if past == sinks + stride and chunk == stride else 1
        yield chunk, past, times
        past, left = min(past + chunk, sinks + stride), left - times * chunk
