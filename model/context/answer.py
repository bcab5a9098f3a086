"""Answer from chosen blocks: which of them the question is about, and what the model says behind those.

The idea: what heads vote for is alike, eight harbours' pass keys where one is asked for. So the whole model
looks at every candidate, and each token of the question votes for the one behind which it stands out. One
block set serves all layers, and the model answers from it as from a short text. Blocks come back in either
way, for ranking as for the answer: as stored keys and values, or read again from their tokens.

Shape suffixes: N blocks, L layers, x keys and values, G key/value heads, K keys, T tokens of a block,
Q tokens of the question, V vocabulary, E hidden size, D head size.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch

from model.attention.sliding_window import StreamingCache
from model.context import WAYS
from model.context.context import Context
from model.context.retrieve import QUESTION
from model.context.scoring import together, usual
from model.geometry import BLOCK, SINKS
from model.reader import Chunk, Reader

ROOM = 512
"""Tokens of chosen blocks and their neighbours that are attended; more of them distract a small model."""
SHARE = 0.75
"""Part of the best candidate's vote that another needs to be attended too."""
FEW = 5
"""Candidates among which one can stand out."""

Bring = Callable[[Sequence[Sequence[int]]], list[StreamingCache]]
"""Sets of blocks, each in document order, as caches of [sinks | blocks] with the document behind them."""


def answer(
    context: Context,
    question: Sequence[int],
    blocks: Sequence[int],
    new_tokens: int = 16,
    way: str = "recompute",
    room: int = ROOM,
) -> list[int]:
    """Greedy continuation of the question, attending [sinks | blocks in document order | question].

    What the text ends with is attended where it was chosen, as any other block: text right before the
    question that has nothing to do with it leads a small model astray.

    Args:
        blocks: candidates, best first; where they and their neighbours are more than `room` tokens, the
            likeliest of them are attended (see `likeliest`).
        way: "recompute" reads the blocks' tokens again; "kv" takes their keys and values from the tiers,
            which is quicker and worse: those carry what else the window held when they were made.

    Raises:
        ValueError: if the way is unknown, or "kv" is asked of a context that keeps no keys and values.
    """
    if way == "replay":
        raise ValueError("way='replay': is called recompute now")
    if way not in WAYS:
        raise ValueError(f"way={way!r}: choose one of {', '.join(WAYS)}")
    if way == "kv" and context.kv is None:
        raise ValueError(
            "way='kv': this context keeps no keys and values: read it with kv=True, or recompute"
        )
    reader = context.reader
    bring = partial(recalled, context) if way == "kv" else context.recompute
    return tell(reader, bring, len(context), question, blocks, new_tokens, room)


def tell(
    reader: Reader,
    bring: Bring,
    tokens: int,
    question: Sequence[int],
    blocks: Sequence[int],
    new_tokens: int,
    room: int = ROOM,
) -> list[int]:
    """`answer` of a document of so many `tokens`, whose blocks come back as `bring` does it."""
    shown = looked_up(reader, bring, tokens, question, blocks, room)
    return reader.continue_from(shown, question, new_tokens)


def looked_up(
    reader: Reader,
    bring: Bring,
    tokens: int,
    question: Sequence[int],
    blocks: Sequence[int],
    room: int = ROOM,
) -> StreamingCache:
    """What an answer to the question is given behind."""
    return bring([attended(reader, bring, tokens, question, blocks, room)])[0]


def recalled(context: Context, sets: Sequence[Sequence[int]]) -> list[StreamingCache]:
    """Sets of blocks as their stored keys and values, brought up from disk meanwhile."""
    context.expect(sorted({block for blocks in sets for block in blocks}))
    caches = []
    for blocks in sets:
        whole = [block for block in blocks if block < context.blocks]
        tail = len(context) - context.blocks * BLOCK if len(whole) < len(blocks) else 0
        caches.append(assembled(context, whole, tail))
    return caches


def candidates(tokens: int, blocks: Sequence[int], room: int = ROOM) -> list[int]:
    """Blocks of a text that an answer may see behind the sinks', in document order: all where they have room.

    Else those that are given and their neighbours. The text's last one may be a part of a block.
    """
    stop = -(-tokens // BLOCK)
    return list(range(1, stop)) if stop - 1 <= room // BLOCK else around(blocks, stop, stop * BLOCK)


def attended(
    reader: Reader,
    bring: Bring,
    tokens: int,
    question: Sequence[int],
    blocks: Sequence[int],
    room: int = ROOM,
) -> list[int]:
    """Blocks of a text that an answer sees: all candidates, or the likeliest where they have no room."""
    near = candidates(tokens, blocks, room)
    if len(near) <= room // BLOCK:
        return near
    stop = -(-tokens // BLOCK)
    return around(likeliest(reader, bring, stop, question, blocks), stop, room)


def likeliest(
    reader: Reader, bring: Bring, stop: int, question: Sequence[int], blocks: Sequence[int]
) -> list[int]:
    """The blocks behind which the question is likeliest, best first: with `SHARE` of the best one's vote.

    Each stands between the sinks and the question with its neighbours, of which there are none from `stop`
    on; one that is a neighbour of a better one is not tried by itself. Every token of the question but its
    first votes by how likely it is behind each, beside what is usual behind all (see
    `model.context.scoring`): a sum of log-likelihoods falls for a place that suits any question. Fewer than
    `FEW` are put in order by that sum, for among them little stands out, and all are given.

    Ranking by the likelihood of a query is Ponte & Croft 1998, "A language modeling approach to information
    retrieval"; with a pretrained decoder and no training, Sachan et al. 2022, "Improving passage retrieval
    with zero-shot question generation". Theirs is the question's mean over tokens.
    """
    asked, apart = list(question[-QUESTION:]), list[int]()
    for block in blocks:
        if all(abs(block - better) > 1 for better in apart):
            apart.append(block)
    if len(apart) < 2 or len(asked) < 2:
        return apart
    nats_QN = likelihood(reader, bring([around([block], stop) for block in apart]), asked)
    few = len(apart) < FEW
    vote_N = nats_QN.sum(0) if few else together(nats_QN, *usual(nats_QN))
    order = vote_N.argsort(descending=True, stable=True)
    return [apart[place] for place in order.tolist() if few or vote_N[place] >= SHARE * vote_N.max()]


@torch.inference_mode()
def likelihood(reader: Reader, caches: Sequence[StreamingCache], asked: Sequence[int]) -> torch.Tensor:
    """Log-probability (Q - 1, N), in nats, of each token but the first, behind each of N contexts.

    All tokens but the last are read into the contexts, which can be continued with that one.
    """
    ids_Q1 = torch.tensor(asked[1:], device=reader.device)[:, None]
    nats = []
    for hidden_QE in reader.extend_together([Chunk(cache, asked[:-1]) for cache in caches]):
        logits_QV = reader.model.get_output_embeddings()(hidden_QE).float()
        nats.append(logits_QV.log_softmax(-1).gather(1, ids_Q1)[:, 0].cpu())
    return torch.stack(nats, 1)


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
