"""Answer from chosen blocks: re-rank the candidates, then decode behind the best of them.

The idea: heads vote alike for what is alike, eight harbours' pass keys where one is asked for. So candidates
are re-ranked by query likelihood: the whole model reads the question behind each of them, and each token of
the question speaks for the candidates behind which it is likelier than behind others, or in which it stands.
One block set serves all layers, and the model answers from it as from a short text. Blocks come back either
way, to be re-ranked and to answer from: as stored keys and values, or recomputed from their tokens.

Shape suffixes: N blocks, L layers, x keys and values, G key/value heads, K keys, T tokens of a block,
Q tokens of the question, V vocabulary, E hidden size, D head size.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import torch

from model.attention.sliding_window import StreamingCache
from model.context import WAYS
from model.context.context import Context
from model.context.opening import completing
from model.context.recompute import SINK
from model.context.retrieve import QUESTION_TOKENS
from model.context.scoring import evidence
from model.geometry import BLOCK, SINKS
from model.reader import Chunk, Reader, greedy

ATTENDED_TOKENS = 512
"""Tokens of chosen blocks and their neighbours that are attended; more of them distract a small model."""
MIN_SCORE_RATIO = 0.85
"""Candidates scoring below this fraction of the best are dropped: what is alike misleads a small model."""

Fetch = Callable[[Sequence[Sequence[int]]], list[StreamingCache]]
"""Sets of blocks, each in document order, as caches of [sink | blocks] with the document behind them."""


def answer(
    context: Context,
    question: Sequence[int],
    blocks: Sequence[int],
    new_tokens: int = 16,
    way: str = "recompute",
    budget: int = ATTENDED_TOKENS,
) -> list[int]:
    """Greedy continuation of the question, attending [sink | blocks in document order | question].

    The text's end is attended only if it was chosen, as any other block: an unrelated text right before the
    question misleads a small model.

    Args:
        blocks: candidates, best first; if they and their neighbours are more than `budget` tokens, they are
            re-ranked and the best are attended (see `rerank`).
        way: "recompute" reads the blocks' tokens again; "kv" takes their keys and values from the tiers,
            which is quicker and worse: they were computed with other text in the window.

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
    fetch = partial(fetched_kv, context) if way == "kv" else context.recompute
    return answer_from(reader, fetch, context.ids, question, blocks, new_tokens, budget)


def answer_from(
    reader: Reader,
    fetch: Fetch,
    ids: Sequence[int],
    question: Sequence[int],
    blocks: Sequence[int],
    new_tokens: int,
    budget: int = ATTENDED_TOKENS,
) -> list[int]:
    """`answer` from a document of these tokens, whose blocks `fetch` brings back."""
    shown = selected_cache(reader, fetch, ids, question, blocks, budget)
    pick = completing(greedy, reader.tokenizer, question, reader.stops)
    written = islice(reader.decode(shown, question, pick), new_tokens)
    return [token for token in written if token not in reader.stops]


def selected_cache(
    reader: Reader,
    fetch: Fetch,
    ids: Sequence[int],
    question: Sequence[int],
    blocks: Sequence[int],
    budget: int = ATTENDED_TOKENS,
) -> StreamingCache:
    """The cache that the answer is decoded behind."""
    return fetch([select(reader, fetch, ids, question, blocks, budget)])[0]


def fetched_kv(context: Context, sets: Sequence[Sequence[int]]) -> list[StreamingCache]:
    """Sets of blocks as their stored keys and values, brought up from disk meanwhile."""
    context.prefetch(sorted({block for blocks in sets for block in blocks}))
    caches = []
    for blocks in sets:
        whole = [block for block in blocks if block < context.blocks]
        tail = len(context) - context.blocks * BLOCK if len(whole) < len(blocks) else 0
        caches.append(assembled(context, whole, tail, 0 if 0 in whole else SINK))
    return caches


def candidates(tokens: int, blocks: Sequence[int], budget: int = ATTENDED_TOKENS) -> list[int]:
    """Blocks that an answer may attend, in document order: all of a short text.

    Otherwise the given ones and their neighbours. The text's last block may be incomplete.
    """
    stop = -(-tokens // BLOCK)
    if stop <= budget // BLOCK:
        return list(range(stop))
    return with_neighbours(blocks, stop, stop * BLOCK)


def select(
    reader: Reader,
    fetch: Fetch,
    ids: Sequence[int],
    question: Sequence[int],
    blocks: Sequence[int],
    budget: int = ATTENDED_TOKENS,
) -> list[int]:
    """Blocks that an answer attends: all candidates, or the best if they exceed the budget."""
    near = candidates(len(ids), blocks, budget)
    if len(near) <= budget // BLOCK:
        return near
    return with_neighbours(rerank(reader, fetch, ids, question, blocks), -(-len(ids) // BLOCK), budget)


def rerank(
    reader: Reader,
    fetch: Fetch,
    ids: Sequence[int],
    question: Sequence[int],
    blocks: Sequence[int],
    min_ratio: float = MIN_SCORE_RATIO,
) -> list[int]:
    """Candidates by query likelihood, best first, without those scoring below `min_ratio` of the best.

    The text's first block, for which no head votes, is one of them. Each stands between the sink and the
    question with its neighbours; one that is a neighbour of a better one is not tried by itself. Every token
    of the question but its first gives its evidence (see `model.context.scoring.evidence`): a plain sum of
    log-likelihoods would favour places that suit any question.

    Ranking by the likelihood of a query is Ponte & Croft 1998, "A language modeling approach to information
    retrieval"; with a pretrained decoder and no training, Sachan et al. 2022, "Improving passage retrieval
    with zero-shot question generation". Theirs is the question's mean over tokens.
    """
    return ranked(reader, fetch, ids, question, apart([*blocks, 0]), min_ratio)


def ranked(
    reader: Reader,
    fetch: Fetch,
    ids: Sequence[int],
    question: Sequence[int],
    tried: list[int],
    min_ratio: float = MIN_SCORE_RATIO,
) -> list[int]:
    """`rerank` of just these candidates, of which none is another's neighbour."""
    asked, stop = list(question[-QUESTION_TOKENS:]), -(-len(ids) // BLOCK)
    if len(tried) < 2 or len(asked) < 2:
        return tried
    sets = [with_neighbours([block], stop) for block in tried]
    score_N = evidence(likelihood(reader, fetch(sets), asked), _shares(ids, sets, asked[1:]))
    order = score_N.argsort(descending=True, stable=True)
    return [tried[place] for place in order.tolist() if score_N[place] >= min_ratio * score_N.max()]


def apart(blocks: Sequence[int]) -> list[int]:
    """Candidates, best first, but neighbours of a better one."""
    kept: list[int] = []
    for block in blocks:
        if all(abs(block - better) > 1 for better in kept):
            kept.append(block)
    return kept


def _shares(ids: Sequence[int], sets: Sequence[Sequence[int]], asked: Sequence[int]) -> torch.Tensor:
    """How much of each set of blocks every token of a question is, (Q, N)."""
    texts = [[token for at in blocks for token in ids[at * BLOCK : (at + 1) * BLOCK]] for blocks in sets]
    counts = [(Counter(text), len(text)) for text in texts]
    return torch.tensor([[count[token] / length for count, length in counts] for token in asked])


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


def with_neighbours(
    blocks: Sequence[int], stop: int, budget: int = ATTENDED_TOKENS, first: int = 0
) -> list[int]:
    """Blocks from `first` to `stop` with their neighbours, in document order, at most `budget` tokens."""
    kept: list[int] = []
    for block in blocks:
        for near in (block, block + 1, block - 1):
            if first <= near < stop and near not in kept and len(kept) < budget // BLOCK:
                kept.append(near)
    return sorted(kept)


def window_cache(context: Context) -> StreamingCache:
    """A cache of what the context's window holds, for decoding that leaves the context as it is."""
    cache = context.reader.start(len(context.cache.layers))
    if len(context):
        cache.restore(context.cache.state(), len(context))
    return cache


def assembled(context: Context, blocks: list[int], recent: int, sinks: int = SINKS) -> StreamingCache:
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
            first, last = held[:, :, : min(sinks, length - recent)], held[:, :, length - recent :]
            state[f"{name}{index}"] = torch.cat([first, recalled_GKD[None], last], dim=2)
    cache.restore(state, len(context))
    return cache
