"""Recall inside a context: choose the blocks that a question needs, then answer from them.

The idea: the calibrated heads vote. A query's score of a block is its greatest product with one of the
block's keys, so one matching token is enough, and all of the question's queries add up (see `model.vote`).
What they vote for is alike, eight harbours' pass keys where one is asked for, so the whole model then reads
each candidate again and says behind which the question is likeliest. One block set serves all layers, and
the model answers from it as from a short text.

Shape suffixes: N blocks, P pairs of (layer, key/value head), T tokens of a block, K tokens, R rows (one
voting head and one token of the question each), H voting heads, x keys and values, D head size.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.attention import SINKS, StreamingCache
from model.context import Context
from model.index import BLOCK, greatest
from model.stream import Chunk, Reader
from model.vote import Usual, standing, usual, votes

PATHS = ("auto", "exact", "codes", "index")
WAYS = ("auto", "replay", "kv")
NOMINATED = 256
"""Blocks that the index proposes and that are then scored exactly."""
ROOM = 512
"""Tokens of chosen blocks and their neighbours that are attended; more of them distract a small model."""
SHARE = 0.75
"""Part of the best candidate's vote that another needs to be attended too."""
FEW = 5
"""Candidates among which one can stand out."""
QUESTION = 64
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
    """The `k` blocks that the calibrated heads vote for; block 0 is the sinks and always attended.

    Args:
        question: token ids; they leave no trace in the context.
        path: "exact" looks at every key, "codes" at every code, "index" at the lists that the question hashes
            to; the last two scan a context exactly that has no index, as short ones have none. "auto" is
            "exact". What is usual in the document is seen from all its blocks, or from the index's sample of
            them where there is one, on every path.

    Raises:
        ValueError: if the question is empty or the path unknown.
    """
    if not question:
        raise ValueError("an empty question: give at least one token")
    if path not in PATHS:
        raise ValueError(f"path={path!r}: choose one of {', '.join(PATHS)}")
    rows = Rows.asked(context, question)
    started = time.perf_counter()
    if path in ("auto", "exact") or not context.index.ready:
        blocks_N, vote_N = _scan(context, rows)
        visited = len(blocks_N)
    else:
        blocks_N, vote_N, visited = _search(context, rows, flat=path == "codes")
    best = vote_N.argsort(descending=True, stable=True)[:k]
    return Chosen(blocks_N[best].tolist(), vote_N[best].tolist(), visited, time.perf_counter() - started)


class Rows:
    """The question's queries of every voting head, by pair, and which of the pair's heads each belongs to."""

    def __init__(self, by_pair: list[torch.Tensor], heads: list[torch.Tensor]) -> None:
        self.by_pair, self.heads = by_pair, heads

    @classmethod
    def asked(cls, context: Context, question: Sequence[int]) -> "Rows":
        """Behind the context's window."""
        caught = context.reader.queries(context.cache, question)
        rows = cls([], [])
        for pair in context.heads.pairs:
            heads = context.heads.of(pair)
            q_HKD = caught[pair[0]][heads, -QUESTION:].float()
            rows.by_pair.append(q_HKD.flatten(0, 1).cpu())
            rows.heads.append(torch.arange(len(heads)).repeat_interleave(q_HKD.shape[1]))
        return rows

    def best(self, keys_NPTD: torch.Tensor) -> list[torch.Tensor]:
        """Per pair, every row's greatest product with a key of each block, (R, N)."""
        pairs = zip(self.by_pair, keys_NPTD.unbind(1), strict=True)
        return [greatest(rows_RD.to(keys_NTD.device), keys_NTD).cpu() for rows_RD, keys_NTD in pairs]

    def vote(self, scores: list[torch.Tensor], whole: list[Usual]) -> torch.Tensor:
        """Votes of blocks (N,) from their scores, beside what is usual in the document."""
        by_pair = zip(scores, whole, self.heads, strict=True)
        return torch.cat([standing(scores_RN, *pair, heads) for scores_RN, pair, heads in by_pair]).sum(0)


def _scan(context: Context, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Every block but the sinks', exactly, and the tail behind the last whole block."""
    scores = [scores_RN[:, 1:] for scores_RN in scored(context, rows)]
    if not scores or scores[0].shape[1] < 2:
        return torch.zeros(0, dtype=torch.long), torch.zeros(0)
    whole = _sampled(context, rows) if context.index.ready else list(map(usual, scores))
    return torch.arange(1, scores[0].shape[1] + 1), rows.vote(scores, whole)


def scored(context: Context, rows: Rows) -> list[torch.Tensor]:
    """Per pair, every row's score of each block and of the tail behind the last whole one, (R, N)."""
    parts = [rows.best(keys_NPTD) for _, keys_NPTD in context.keys.scan(_SCAN)]
    parts += _tail(context, rows)
    return [torch.cat(pair, 1) for pair in zip(*parts, strict=True)]


def _search(context: Context, rows: Rows, flat: bool) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Nominated blocks and the tail, exactly."""
    whole = _sampled(context, rows)
    nominated = context.index.nominate(rows.by_pair, whole, rows.heads, NOMINATED, flat)
    blocks_N = nominated.blocks[nominated.blocks > 0]
    parts = [rows.best(context.keys.gather(blocks_N)), *_tail(context, rows)]
    scores = [torch.cat(pair, 1) for pair in zip(*parts, strict=True)]
    if len(parts) > 1:
        blocks_N = torch.cat([blocks_N, torch.tensor([context.blocks])])
    return blocks_N, rows.vote(scores, whole), nominated.visited


def _sampled(context: Context, rows: Rows) -> list[Usual]:
    """Per pair, what scores of the document's blocks are like, from its sample, whichever path is asked."""
    return list(map(usual, rows.best(context.index.sample.keys_NPTD)))


def _tail(context: Context, rows: Rows) -> list[list[torch.Tensor]]:
    tail_PKD = context.tail_keys()
    return [rows.best(tail_PKD[None])] if tail_PKD.shape[1] else []


def answer(
    context: Context,
    question: Sequence[int],
    blocks: Sequence[int],
    new_tokens: int = 16,
    way: str = "auto",
    room: int = ROOM,
) -> list[int]:
    """Greedy continuation of the question, attending [sinks | blocks in document order | question].

    What the text ends with is attended where it was chosen, as any other block: text right before the
    question that has nothing to do with it leads a small model astray.

    Args:
        blocks: candidates, best first; where they and their neighbours are more than `room` tokens, the
            likeliest of them are attended (see `likeliest`).
        way: "kv" takes the blocks' keys and values from the tiers, "replay" reads their tokens again;
            "auto" is "kv" where the context keeps them.

    Raises:
        ValueError: if the way is unknown, or "kv" is asked of a context that keeps no keys and values.
    """
    if way not in WAYS:
        raise ValueError(f"way={way!r}: choose one of {', '.join(WAYS)}")
    if way == "kv" and context.kv is None:
        raise ValueError("way='kv': this context keeps no keys and values: read it with kv=True, or replay")
    if way == "auto":
        way = "replay" if context.kv is None else "kv"
    if way == "kv":
        context.expect(candidates(len(context), blocks, room))  # while they are read again
    chosen = attended(context.reader, context.ids, question, blocks, room)
    if way == "kv":
        whole = [block for block in chosen if block < context.blocks]
        tail = len(context) - context.blocks * BLOCK if len(whole) < len(chosen) else 0
        return context.reader.continue_from(assembled(context, whole, tail), list(question), new_tokens)
    return replay(context.reader, context.ids, question, chosen, new_tokens)


def replay(
    reader: Reader, ids: Sequence[int], question: Sequence[int], blocks: Sequence[int], new_tokens: int
) -> list[int]:
    """`answer` from a text's token ids alone; `blocks` in document order, with their neighbours."""
    cache = replayed(reader, ids, [0, *blocks] if len(ids) else [])
    cache.read = len(ids)
    return reader.continue_from(cache, question, new_tokens)


def replayed(reader: Reader, ids: Sequence[int], blocks: Sequence[int]) -> StreamingCache:
    """A cache of a text's `blocks`, in document order and read again, each where it stands in the text."""
    cache = reader.start()
    for run in _runs(blocks):
        cache.read = run.start * BLOCK
        reader.extend(cache, ids[run.start * BLOCK : run.stop * BLOCK])
    return cache


def _runs(blocks: Sequence[int]) -> list[range]:
    """Ascending numbers as ranges without a gap."""
    runs: list[range] = []
    for block in blocks:
        start = runs.pop().start if runs and runs[-1].stop == block else block
        runs.append(range(start, block + 1))
    return runs


def candidates(tokens: int, blocks: Sequence[int], room: int = ROOM) -> list[int]:
    """Blocks of a text that an answer may see behind the sinks', in document order: all where they have room.

    Else those that are given and their neighbours. The text's last one may be a part of a block.
    """
    stop = -(-tokens // BLOCK)
    return list(range(1, stop)) if stop - 1 <= room // BLOCK else around(blocks, stop, stop * BLOCK)


def attended(
    reader: Reader, ids: Sequence[int], question: Sequence[int], blocks: Sequence[int], room: int = ROOM
) -> list[int]:
    """Blocks of a text that an answer sees: all candidates, or the likeliest where they have no room."""
    near = candidates(len(ids), blocks, room)
    if len(near) <= room // BLOCK:
        return near
    return around(likeliest(reader, ids, question, blocks), -(-len(ids) // BLOCK), room)


@torch.inference_mode()
def likeliest(
    reader: Reader, ids: Sequence[int], question: Sequence[int], blocks: Sequence[int]
) -> list[int]:
    """The blocks behind which the question is likeliest, best first: with `SHARE` of the best one's vote.

    Each is read again between the sinks and the question, with its neighbours; one that is a neighbour of a
    better one is not tried by itself. Candidates are rows of a batch. Every token of the question votes by
    how likely it is behind each, beside what is usual behind all (see `model.vote`): a sum of
    log-likelihoods falls for a place that suits any question. Fewer than `FEW` are put in order by that sum,
    for among them little stands out, and all are given.

    Ranking by the likelihood of a query is Ponte & Croft 1998, "A language modeling approach to information
    retrieval"; with a pretrained decoder and no training, Sachan et al. 2022, "Improving passage retrieval
    with zero-shot question generation". Theirs is the question's mean over tokens.
    """
    asked, apart = list(question[-QUESTION:]), list[int]()
    for block in blocks:
        if all(abs(block - better) > 1 for better in apart):
            apart.append(block)
    if len(apart) < 2:
        return apart
    caches = [reader.start() for _ in apart]
    reader.extend_together([Chunk(cache, ids[:BLOCK]) for cache in caches])
    chunks = []
    for block, cache in zip(apart, caches, strict=True):
        cache.read = max(block - 1, 1) * BLOCK
        chunks.append(Chunk(cache, [*ids[cache.read : (block + 2) * BLOCK], *asked]))
    hidden = reader.extend_together(chunks)
    nats_QN = torch.stack([_likelihood(reader, hidden_QE, asked) for hidden_QE in hidden], 1)
    if few := len(apart) < FEW:
        vote_N = nats_QN.sum(0)
    else:
        vote_N = votes(nats_QN, nats_QN, torch.zeros(len(asked), dtype=torch.long))[0]
    order = vote_N.argsort(descending=True, stable=True)
    return [apart[place] for place in order.tolist() if few or vote_N[place] >= SHARE * vote_N.max()]


def _likelihood(reader: Reader, hidden_QE: torch.Tensor, last: Sequence[int]) -> torch.Tensor:
    """Log-probability (Q,), in nats, of each of a text's last tokens behind those before it."""
    logits_QV = reader.model.get_output_embeddings()(hidden_QE[-len(last) - 1 : -1]).float()
    ids_Q1 = torch.tensor(last, device=logits_QV.device)[:, None]
    nats_Q: torch.Tensor = logits_QV.log_softmax(-1).gather(1, ids_Q1)[:, 0].cpu()
    return nats_Q


def around(blocks: Sequence[int], stop: int, room: int = ROOM) -> list[int]:
    """Blocks below `stop` with their neighbours, in document order, at most `room` tokens of them."""
    kept: list[int] = []
    for block in blocks:
        for near in (block, block + 1, block - 1):
            if 0 < near < stop and near not in kept and len(kept) < room // BLOCK:
                kept.append(near)
    return sorted(kept)


def window(context: Context) -> StreamingCache:
    """A cache of what the context's window holds, for decoding that leaves the context as it is."""
    cache = context.reader.start(len(context.cache.layers))
    if len(context):
        cache.restore(context.cache.state(), len(context))
    return cache


def assembled(context: Context, blocks: list[int], recent: int) -> StreamingCache:
    """A cache of [sinks | blocks | recent] from the window and the tiers."""
    assert context.kv is not None
    cache = context.reader.start()
    kv_NLxGTD = context.kv.gather(torch.tensor(blocks, dtype=torch.long)).to(context.reader.dtype)
    state = {}
    for index, layer in enumerate(context.cache.layers):
        keys, values = layer.whole()
        for name, held, part in (("k", keys, 0), ("v", values, 1)):
            length = held.shape[2]
            recalled_GKD = kv_NLxGTD[:, index, part].transpose(0, 1).flatten(1, 2)
            sinks, last = held[:, :, : min(SINKS, length - recent)], held[:, :, length - recent :]
            state[f"{name}{index}"] = torch.cat([sinks, recalled_GKD[None], last], dim=2)
    cache.restore(state, len(context))
    return cache
