"""A document read as segments that do not know each other: a question goes to all of them.

The idea: each segment keeps the calibrated heads' keys of its own tokens, as a context of its own. A question
is asked behind the document's end, where the last segment's window is, and its queries are scored against
every segment. Scores are compared over a baseline of the whole document, so the best blocks are those that
one context with the same keys would choose. The answer is by KV recomputation, from token ids alone.

Shape suffixes: R rows of all voting heads, N blocks.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import torch

from model.context import retrieve
from model.context.answer import ATTENDED_TOKENS, answer_from
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.context.recompute import RecomputeCache
from model.context.retrieve import Chosen, QueryRows
from model.context.scoring import baseline, total_votes
from model.geometry import BLOCK, MAX_SEGMENTS, cut
from model.parallel import segments
from model.reader import Reader


class SegmentedContext:
    """One document as contexts of its segments.

    Args:
        reader: the model that reads.
        heads: its calibrated heads.
        ids: all tokens of the document, at least one.
        memory: budgets for all segments together.
        most: segments at most.

    Raises:
        ValueError: if the document is empty, or keys and values are to be kept: segments recompute them.
    """

    def __init__(
        self,
        reader: Reader,
        heads: Heads,
        ids: Sequence[int],
        memory: Memory | None = None,
        most: int = MAX_SEGMENTS,
    ) -> None:
        memory = memory or Memory()
        if not ids:
            raise ValueError("an empty document: give at least one token")
        if memory.kv:
            raise ValueError("kv=True: segments recompute keys and values: read with kv=False")
        self.reader, self.heads, self.ids = reader, heads, array("i", ids)
        self.plan = cut(len(ids), reader.stride, most)
        self.parts = [
            Context(reader, heads, _share(memory, len(self.plan), n)) for n in range(len(self.plan))
        ]
        self.recompute = RecomputeCache(reader, self.ids, memory.recompute_cache_bytes)

    def read(self, rows: int = 8, progress: Callable[[int], None] | None = None) -> None:
        """Read the document, `rows` segments at a time."""
        contexts = dict(zip(self.plan, self.parts, strict=True))
        for piece in segments.read(self.reader, self.ids, self.plan, rows, self.heads.depth):
            chunk = self.ids[piece.start : piece.start + len(piece.hidden_QE)]
            context = contexts[piece.segment]
            context.take(piece.cache, chunk)
            ends = piece.start + len(chunk) == len(self.ids)  # a question is asked behind the document's end
            context.cache = piece.cache.copy(None if ends else 0)
            if progress:
                progress(len(chunk))

    def choose(self, question: Sequence[int], k: int = 16) -> Chosen:
        """The `k` blocks that the calibrated heads vote for, as `model.context.retrieve.choose` finds them
        without an index.

        Raises:
            ValueError: if the question is empty.
        """
        if not question:
            raise ValueError("an empty question: give at least one token")
        rows = QueryRows.asked(self.parts[-1], question)
        started = perf_counter()
        found = [torch.cat(retrieve.scored(part, rows)) for part in self.parts]
        starts = [segment.start // BLOCK for segment in self.plan]
        numbers = [torch.arange(at, at + x_RN.shape[1]) for at, x_RN in zip(starts, found, strict=True)]
        blocks_N, scores_RN = torch.cat(numbers)[1:], torch.cat(found, 1)[:, 1:]  # without the sinks
        if len(blocks_N) < 2:
            return Chosen([], [], len(blocks_N), perf_counter() - started)
        vote_N = total_votes(scores_RN, *baseline(scores_RN))
        best = vote_N.argsort(descending=True, stable=True)[:k]
        seconds = perf_counter() - started
        return Chosen(blocks_N[best].tolist(), vote_N[best].tolist(), len(blocks_N), seconds)

    def answer(
        self,
        question: Sequence[int],
        blocks: Sequence[int],
        new_tokens: int = 16,
        budget: int = ATTENDED_TOKENS,
    ) -> list[int]:
        """Greedy continuation of the question behind the best of some blocks."""
        return answer_from(self.reader, self.recompute, self.ids, question, blocks, new_tokens, budget)

    def close(self) -> None:
        """Close files and threads."""
        for part in self.parts:
            part.close()


def _share(memory: Memory, count: int, number: int) -> Memory:
    """One segment's part of the budgets."""
    return replace(
        memory,
        host_bytes=memory.host_bytes // count,
        device_bytes=memory.device_bytes // count,
        folder=memory.folder / f"segment-{number:03}" if memory.folder else None,
        index=False,  # a question scans every segment
    )
