"""Retrieval inside a context: choose the blocks that a question needs.

The idea: the calibrated heads vote. A query's score of a block is its greatest product with one of the
block's keys, so one matching token is enough, and all of the question's queries add up (see
`model.context.scoring`). One block set serves all layers (see `model.context.answer`).

Shape suffixes: N blocks, P pairs of (layer, key/value head), T tokens of a block, K tokens, R rows (one
voting head and one token of the question each), H voting heads, D head size.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from model.context.context import Context
from model.context.index import Index
from model.context.products import greatest, nearly_greatest
from model.context.scoring import Baseline, baseline, total_votes
from model.context.tiers import Tiers

PATHS = ("auto", "exact", "codes", "index")
NOMINATED = 256
"""Blocks that the index, or a scan in bf16, proposes and that are then scored exactly."""
QUESTION_TOKENS = 64
"""Tokens of a question that vote: its last ones."""
_SCAN = 512
"""Blocks that an exact scan scores at once."""


@dataclass(frozen=True)
class Chosen:
    """Blocks for a question."""

    blocks: list[int]
    """Best first. Block b covers tokens 64 b to 64 b + 63."""
    votes: list[float]
    visited: int
    """Blocks of which at least one code or key was compared."""
    seconds: float
    """Of the search, after the question was read."""


def choose(context: Context, question: Sequence[int], k: int = 16, path: str = "auto") -> Chosen:
    """The `k` blocks that the calibrated heads vote for; block 0, the sinks, joins when they are re-ranked.

    Args:
        question: token ids; they leave no trace in the context.
        path: "exact" looks at every key, "codes" at every code, "index" at the lists that the question hashes
            to; the last two scan a context exactly that has no index, as short ones have none. "auto" is
            "exact". The baseline of scores is taken over all blocks, or over the index's sample of them where
            there is one, on every path.

    Raises:
        ValueError: if the question is empty or the path unknown.
    """
    if not question:
        raise ValueError("an empty question: give at least one token")
    if path not in PATHS:
        raise ValueError(f"path={path!r}: choose one of {', '.join(PATHS)}")
    return search(context, QueryRows.asked(context, question), k, path)


def search(context: "Searched", rows: "QueryRows", k: int, path: str) -> Chosen:
    """The search of `choose`, for the queries of a question."""
    started = time.perf_counter()
    if not context.index.trained:
        blocks_N, vote_N = _scan(context, rows)
        visited = len(blocks_N)
    else:
        whole = list(map(baseline, rows.best(context.index.sample.keys_NPTD)))
        if path in ("auto", "exact"):
            nominated, visited = _scan_long(context, rows, whole, max(k, NOMINATED)), context.blocks
        else:
            found = context.index.nominate(rows.by_pair, whole, max(k, NOMINATED), flat=path == "codes")
            nominated, visited = found.blocks[found.blocks > 0], found.visited
        blocks_N, vote_N = _decide(context, rows, whole, nominated)
    best = vote_N.argsort(descending=True, stable=True)[:k]
    return Chosen(blocks_N[best].tolist(), vote_N[best].tolist(), visited, time.perf_counter() - started)


class Searched(Protocol):
    """What a search needs of a context."""

    keys: Tiers
    index: Index

    @property
    def blocks(self) -> int:
        """Blocks that are stored."""

    def tail_keys(self) -> torch.Tensor:
        """Keys (P, tokens, D) behind the last whole block."""


class QueryRows:
    """The question's queries of every voting head, by pair, (R, D) each."""

    def __init__(self, by_pair: list[torch.Tensor]) -> None:
        self.by_pair = by_pair

    @classmethod
    def asked(cls, context: Context, question: Sequence[int]) -> "QueryRows":
        """Behind the context's window."""
        caught = context.reader.queries(context.cache, question)
        return cls(
            [
                caught[pair[0]][context.heads.of(pair), -QUESTION_TOKENS:].float().flatten(0, 1).cpu()
                for pair in context.heads.pairs
            ]
        )

    def best(self, keys_NPTD: torch.Tensor) -> list[torch.Tensor]:
        """Per pair, every row's greatest product with a key of each block, (R, N)."""
        pairs = zip(self.by_pair, keys_NPTD.unbind(1), strict=True)
        return [greatest(rows_RD.to(keys_NTD.device), keys_NTD).cpu() for rows_RD, keys_NTD in pairs]

    def nearly_best(self, keys_NPTD: torch.Tensor) -> list[torch.Tensor]:
        """`best`, as precisely as bf16 where that is quicker."""
        pairs = zip(self.by_pair, keys_NPTD.unbind(1), strict=True)
        return [nearly_greatest(rows_RD.to(keys_NTD.device), keys_NTD).cpu() for rows_RD, keys_NTD in pairs]

    def vote(self, scores: list[torch.Tensor], whole: list[Baseline]) -> torch.Tensor:
        """Votes of blocks (N,) from their scores, over the document's baseline."""
        by_pair = zip(scores, whole, strict=True)
        return torch.stack([total_votes(scores_RN, *pair) for scores_RN, pair in by_pair]).sum(0)


def _scan(context: Searched, rows: QueryRows) -> tuple[torch.Tensor, torch.Tensor]:
    """Every block but the sinks', exactly, and the tail behind the last whole block."""
    scores = [scores_RN[:, 1:] for scores_RN in scored(context, rows)]
    if not scores or scores[0].shape[1] < 2:
        return torch.zeros(0, dtype=torch.long), torch.zeros(0)
    return torch.arange(1, scores[0].shape[1] + 1), rows.vote(scores, list(map(baseline, scores)))


def _scan_long(context: Searched, rows: QueryRows, whole: list[Baseline], most: int) -> torch.Tensor:
    """The blocks that most votes are for, of all but the sinks'; what they scored is not kept."""
    votes = [rows.vote(rows.nearly_best(keys_NPTD), whole) for _, keys_NPTD in context.keys.scan(_SCAN)]
    vote_N = torch.cat(votes)[1:]
    return 1 + vote_N.topk(min(most, len(vote_N))).indices


def scored(context: Searched, rows: QueryRows) -> list[torch.Tensor]:
    """Per pair, every row's score of each block and of the tail behind the last whole one, (R, N)."""
    parts = [rows.best(keys_NPTD) for _, keys_NPTD in context.keys.scan(_SCAN)]
    parts += _tail(context, rows)
    return [torch.cat(pair, 1) for pair in zip(*parts, strict=True)]


def _decide(
    context: Searched, rows: QueryRows, whole: list[Baseline], blocks_N: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Nominated blocks and the tail, exactly."""
    parts = [rows.best(context.keys.gather(blocks_N)), *_tail(context, rows)]
    scores = [torch.cat(pair, 1) for pair in zip(*parts, strict=True)]
    if len(parts) > 1:
        blocks_N = torch.cat([blocks_N, torch.tensor([context.blocks])])
    return blocks_N, rows.vote(scores, whole)


def _tail(context: Searched, rows: QueryRows) -> list[list[torch.Tensor]]:
    tail_PKD = context.tail_keys()
    return [rows.best(tail_PKD[None])] if tail_PKD.shape[1] else []
