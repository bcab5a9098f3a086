"""A document that was read in shards, by one process or by many: a question goes to all of them.

The idea: each shard keeps the calibrated heads' keys of its own tokens, as a context of its own. A question
is asked behind the document's end, where the last shard's window is, and its rows go to every shard. Scores
are compared with what is usual in the whole document, of which a mean and a deviation over all shards are
enough: the best blocks are those that one context with the same keys would choose. The answer is by replay,
from token ids alone; what was saved answers without those who read it.

Shape suffixes: R rows of all voting heads, N blocks, D head size.
"""

import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter

import torch

from model import segments
from model.context import checkpoint as saved
from model.context import retrieve as recall
from model.context.answer import ROOM, tell
from model.context.context import Context, Memory
from model.context.disk import TornContext
from model.context.heads import Heads
from model.context.recompute import RecomputeCache
from model.context.retrieve import Chosen, Rows
from model.context.scoring import together
from model.files import write_atomic
from model.geometry import BLOCK, MAX_SEGMENTS, Segment, cut
from model.parallel.collectives import Ranks
from model.parallel.layout import cuts
from model.reader import Reader

_PLAN = "shards.json"


class Sharded:
    """One document in shards; every rank has made the same one and makes the same calls.

    Args:
        reader: the model that reads.
        heads: its calibrated heads.
        ids: all tokens of the document.
        plan: all its shards.
        ranks: those that share them; None where this process has all.
        parts: a context for each shard of this process, in order.
        memory: budgets of this process, for all its shards together.
    """

    def __init__(
        self,
        reader: Reader,
        heads: Heads,
        ids: Sequence[int],
        plan: Sequence[Segment],
        ranks: Ranks | None,
        parts: list[Context],
        memory: Memory,
    ) -> None:
        self.reader, self.heads, self.ranks = reader, heads, ranks
        self.ids, self.plan, self.parts = array("i", ids), list(plan), parts
        self.recompute = RecomputeCache(reader, self.ids, memory.recompute_cache_bytes)

    @property
    def own(self) -> range:
        """Numbers of the shards that this process reads and keeps."""
        if self.ranks is None:
            return range(len(self.plan))
        return cuts(len(self.plan), self.ranks.world)[self.ranks.rank]

    def choose(self, question: Sequence[int], k: int = 16) -> Chosen:
        """The `k` blocks that the calibrated heads vote for, as `model.context.retrieve.choose` does without
        an index.

        Raises:
            ValueError: if the question is empty.
        """
        if not question:
            raise ValueError("an empty question: give at least one token")
        rows = self._rows(question)
        started = perf_counter()
        blocks_N, scores_RN = self._scores(rows)
        mean_R, spread_R, total = self._usual(scores_RN)
        vote_N = together(scores_RN, mean_R, spread_R)
        blocks, votes = self._best(blocks_N, vote_N, k if total > 1 else 0)
        return Chosen(blocks, votes, total, perf_counter() - started)

    def answer(
        self, question: Sequence[int], blocks: Sequence[int], new_tokens: int = 16, room: int = ROOM
    ) -> list[int]:
        """Greedy continuation of the question, by replay; any process with the token ids can give it."""
        return tell(self.reader, self.recompute, len(self.ids), question, blocks, new_tokens, room)

    def save(self, folder: Path) -> None:
        """Write every shard's context, and the plan once all are written, where `open_sharded` finds them."""
        for number, part in zip(self.own, self.parts, strict=True):
            saved.save(part, _place(folder, number))
        if self.ranks is not None:
            self.ranks.barrier()
        if self.ranks is None or self.ranks.rank == 0:
            write_atomic(folder / _PLAN, json.dumps([asdict(shard) for shard in self.plan]))

    def close(self) -> None:
        """Give files and threads back."""
        for part in self.parts:
            part.close()

    def _sum(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.ranks is None else self.ranks.sum(x)

    def _rows(self, question: Sequence[int]) -> Rows:
        """The question's rows, from whoever keeps the document's end."""
        each = min(len(question), recall.QUESTION)
        counts = [len(self.heads.of(pair)) * each for pair in self.heads.pairs]
        rows_RD = torch.zeros(sum(counts), self.reader.head_size)
        if self.own and self.own[-1] == len(self.plan) - 1:
            rows_RD = torch.cat(Rows.asked(self.parts[-1], question).by_pair)
        rows_RD = self._sum(rows_RD.to(self.reader.device)).cpu()
        return Rows(list(torch.split(rows_RD, counts)))

    def _scores(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Numbers (N,) of this process's blocks but the sinks', and their scores (R, N)."""
        count = sum(map(len, rows.by_pair))
        blocks, scores = [torch.zeros(0, dtype=torch.long)], [torch.zeros(count, 0)]
        for number, part in zip(self.own, self.parts, strict=True):
            found_RN = torch.cat(recall.scored(part, rows))
            first = self.plan[number].start // BLOCK
            blocks.append(torch.arange(first, first + found_RN.shape[1]))
            scores.append(found_RN)
        blocks_N, scores_RN = torch.cat(blocks), torch.cat(scores, 1)
        return blocks_N[blocks_N > 0], scores_RN[:, blocks_N > 0]

    def _usual(self, scores_RN: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Mean and deviation (R,) over the whole document's blocks, and how many these are."""
        on = self.reader.device
        wide_RN = scores_RN.double()
        sums = torch.cat([wide_RN.sum(1), torch.tensor([wide_RN.shape[1]])])
        *total_R, count = self._sum(sums.to(on)).cpu()
        mean_R = torch.stack(total_R) / count
        squares_R = self._sum(((wide_RN - mean_R[:, None]) ** 2).sum(1).to(on)).cpu()
        return mean_R.float(), (squares_R / (count - 1)).sqrt().float(), int(count)

    def _best(self, blocks_N: torch.Tensor, vote_N: torch.Tensor, k: int) -> tuple[list[int], list[float]]:
        """The best of all processes' blocks; of equal ones the first in the document, as everywhere."""
        best = vote_N.argsort(descending=True, stable=True)[:k]
        found = torch.full((2, k), -1.0, dtype=torch.float64)  # a vote is never negative
        found[:, : len(best)] = torch.stack([blocks_N[best].double(), vote_N[best].double()])
        if self.ranks is not None:
            found = torch.cat(list(self.ranks.gather(found.to(self.reader.device)).cpu()), 1)
        order = found[1].argsort(descending=True, stable=True)
        found = found[:, order[found[1, order] >= 0][:k]]
        return found[0].long().tolist(), found[1].tolist()


def read_sharded(
    reader: Reader,
    heads: Heads,
    ids: Sequence[int],
    ranks: Ranks | None = None,
    memory: Memory | None = None,
    most: int = MAX_SEGMENTS,
    rows: int = 8,
    progress: Callable[[int], None] | None = None,
) -> Sharded:
    """Read a document in shards: this process its own ones, `rows` at a time.

    Args:
        ids: all tokens of the document, on every rank.
        memory: budgets of this process, for all of its shards together.
        most: shards of the document.

    Raises:
        ValueError: if the document is empty, or keys and values are to be kept: shards answer by replay.
    """
    if not ids:
        raise ValueError("an empty document: give at least one token")
    memory = memory or Memory()
    if memory.kv:
        raise ValueError("kv=True: shards keep no keys and values, they answer by replay: read with kv=False")
    whole = Sharded(reader, heads, ids, cut(len(ids), reader.stride, most), ranks, [], memory)
    for number in whole.own:
        whole.parts.append(Context(reader, heads, _share(memory, len(whole.own), number)))
    contexts = {whole.plan[number]: part for number, part in zip(whole.own, whole.parts, strict=True)}
    for piece in segments.read(reader, ids, list(contexts), rows, heads.depth):
        chunk = ids[piece.start : piece.start + len(piece.hidden_QE)]
        context = contexts[piece.segment]
        context.take(piece.cache, chunk)
        ends = piece.start + len(chunk) == len(ids)  # a question is asked behind the document's end
        context.cache = piece.cache.copy(None if ends else 0)
        if progress:
            progress(len(chunk))
    return whole


def open_sharded(reader: Reader, folder: Path, memory: Memory | None = None) -> Sharded:
    """What `Sharded.save` wrote, all of it in this process.

    Args:
        memory: budgets for all shards together; format and place are those they were saved with.

    Raises:
        ValueError: if nothing was saved there, or by another model or with another window.
        TornContext: if a file is damaged.
    """
    path = folder / _PLAN
    if not path.exists():
        raise ValueError(f"{folder}: no shards were saved here: give a folder that save() wrote")
    plan = [Segment(**shard) for shard in json.loads(path.read_text())]
    memory = memory or Memory()
    budgets = [_share(memory, len(plan), number) for number in range(len(plan))]
    parts = [saved.open_context(reader, _place(folder, n), share) for n, share in enumerate(budgets)]
    for shard, part in zip(plan, parts, strict=True):
        if len(part) != shard.stop - shard.start:
            raise TornContext(f"{path}: {len(part)} tokens of {shard} are here: read the document again")
    ids = [token for part in parts for token in part.ids]
    return Sharded(reader, parts[0].heads, ids, plan, None, parts, memory)


def _place(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:03}"


def _share(memory: Memory, count: int, number: int) -> Memory:
    """One shard's part of a memory."""
    return replace(
        memory,
        host_bytes=memory.host_bytes // count,
        device_bytes=memory.device_bytes // count,
        folder=_place(memory.folder, number) if memory.folder else None,
        index=False,  # a question scans every shard
    )
