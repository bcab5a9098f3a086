"""How well a passage is predicted behind a stream of growing length: is the state that it goes on from sound?

The idea: the whole model reads the text on, as far as the time allows, and at each doubling of its length
predicts a passage that stands nowhere in it. Every length predicts the same tokens, so nothing but what was
read before differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from model.attention.sliding_window import StreamingCache
from model.context.answer import likelihood
from model.hardware import synchronise
from model.reader import Chunk, Reader
from tasks.bench.million.hidden import tokens
from tasks.bench.progress import Progress


@dataclass(frozen=True)
class Predicted:
    """The passage behind so many tokens."""

    tokens: int
    nats: float
    """Mean negative log-likelihood of a token of its second half; the first is only read."""
    seconds: float
    """Spent on reading so far."""


def predicted(
    reader: Reader, ids: Path, length: int, passage: Sequence[int], limit_s: float, progress: Progress
) -> list[Predicted]:
    """Read on until the text or the time is at its end; the first length, two chunks, in any case.

    Args:
        ids: file of token ids, such as `tasks.bench.million.hidden.hide` writes.
        length: of the text, in tokens.
        passage: at most a stride of tokens.
    """
    cache, stride, rows, spent = reader.start(), reader.stride, list[Predicted](), 0.0
    mark, over = 2 * stride, False
    while cache.read < length and not over:
        started = perf_counter()
        reader.read_together([Chunk(cache, tokens(ids, cache.read, stride))], hidden=False)
        synchronise(reader.device)
        spent += perf_counter() - started
        over = spent >= limit_s and cache.read >= 2 * stride
        if cache.read >= mark or cache.read == length or over:
            rows.append(Predicted(cache.read, nats(reader, cache.fork(), passage), spent))
            mark *= 2
        progress("passage predicted", cache.read, length)
    return rows


def nats(reader: Reader, cache: StreamingCache, passage: Sequence[int]) -> float:
    """Mean negative log-likelihood of a token of a passage's second half, behind a stream of all layers and
    the first half; the stream is used up."""
    nats_Q1 = likelihood(reader, [cache], passage)
    return -float(nats_Q1[len(passage) // 2 :].mean())
