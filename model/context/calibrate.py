"""Calibration: which heads find an answer's block, learned from a few hidden facts without gradients.

The idea: facts are hidden in a text and asked for. For every query head, the greatest product of a question's
query with a key of each block becomes a vote (see `model.context.scoring`). Heads are then added one by one,
always the one that raises the votes of the facts' blocks furthest above the best of all other blocks.

Shape suffixes: S questions, N blocks, H query heads of all layers, K tokens, D head size.
"""

from collections.abc import Callable, Sequence

import torch

from model.context.heads import Calibrated, Heads
from model.context.hidden import Fact, facts_in_prose
from model.context.retrieve import QUESTION_TOKENS
from model.context.scoring import votes
from model.geometry import BLOCK
from model.reader import Reader

MAX_HEADS, MAX_PAIRS = 10, 6
_GAIN = 0.015
"""A head is added if it raises the mean log margin by this much."""
Progress = Callable[[int, int], None]
"""Called with the tokens that are read, and those that will be."""


def calibrated(
    reader: Reader, encode: Callable[[str], list[int]], tokens: int, progress: Progress
) -> Calibrated:
    """Heads that find the facts of `model.context.hidden` in so many tokens, and how well they do.

    Args:
        encode: the model's tokens of a text, without any that begin or end one.
    """
    ids, facts = facts_in_prose(encode, tokens)
    found, how_well = find(reader, ids, facts, progress)
    return Calibrated(
        found, {"text": "pydoc_data.topics", "tokens": len(ids), "stride": reader.stride, **how_well}
    )


def find(
    reader: Reader, ids: Sequence[int], facts: Sequence[Fact], progress: Progress
) -> tuple[Heads, dict[str, float]]:
    """Heads that find `facts` in `ids`, and how well they do together.

    Returns:
        The heads, and {"rank_first": share of questions whose fact gets the most votes, "margin": how many
        times the best other block's votes it gets, geometric mean, "questions": how many}.
    """
    layers_KD = _read(reader, ids, progress)
    z_SHN, right_SN = _scores(reader, layers_KD, facts, len(ids) // BLOCK)
    config = reader.config
    heads, group = config.num_attention_heads, config.num_attention_heads // config.num_key_value_heads
    chosen: list[int] = []
    best = -torch.inf
    while len(chosen) < MAX_HEADS:
        gains = {head: _margin(z_SHN[:, [*chosen, head]], right_SN) for head in range(z_SHN.shape[1])}
        allowed = [h for h in gains if h not in chosen and _pairs([*chosen, h], heads, group) <= MAX_PAIRS]
        head = max(allowed, key=gains.__getitem__, default=None)
        if head is None or gains[head] < best + _GAIN:
            break
        best = gains[head]
        chosen.append(head)
    found = Heads(tuple(divmod(head, heads) for head in chosen), group)
    vote_SN = z_SHN[:, chosen].sum(1)
    first = vote_SN.argmax(1, keepdim=True)
    return found, {
        "rank_first": round(float(right_SN.gather(1, first).float().mean()), 3),
        "margin": round(float(torch.tensor(best).exp()), 2),
        "questions": len(vote_SN),
    }


def _pairs(chosen: Sequence[int], heads: int, group: int) -> int:
    return len({(head // heads, head % heads // group) for head in chosen})


def _margin(z_SHN: torch.Tensor, right_SN: torch.Tensor) -> float:
    """Mean log of the vote of the right block over the best wrong one."""
    vote_SN = z_SHN.sum(1) + 1.0
    right_S = vote_SN.masked_fill(~right_SN, 0).amax(1)
    wrong_S = vote_SN.masked_fill(right_SN, 0).amax(1)
    return float((right_S / wrong_S).log().mean())


def _read(reader: Reader, ids: Sequence[int], progress: Progress) -> list[torch.Tensor]:
    """Keys before RoPE of every layer, (G, K, D) in bf16."""
    cache = reader.start()
    layers: list[list[torch.Tensor]] = [[] for _ in cache.layers]
    for start in range(0, len(ids), reader.stride):
        chunk = ids[start : start + reader.stride]
        reader.read(cache, chunk)
        for kept, layer in zip(layers, cache.layers, strict=True):
            kept.append(layer.keys[0, :, -len(chunk) :].to(torch.bfloat16).cpu())
        progress(start + len(chunk), len(ids))
    return [torch.cat(kept, 1) for kept in layers]


def _scores(
    reader: Reader, layers_GKD: Sequence[torch.Tensor], facts: Sequence[Fact], blocks: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Votes of every head for every block (S, H, N), and which blocks are right (S, N)."""
    cache, scores, right = reader.start(), [], []
    for fact in facts:
        right_N = torch.zeros(blocks, dtype=torch.bool)
        right_N[fact.start // BLOCK : (fact.stop - 1) // BLOCK + 1] = True
        for question in fact.questions:
            queries = reader.queries(cache, question)
            z_HN = torch.cat(
                [_votes(queries[layer], keys_GKD, blocks) for layer, keys_GKD in enumerate(layers_GKD)]
            )
            z_HN[:, 0] = 0.0  # the sinks are attended whatever is asked
            scores.append(z_HN)
            right.append(right_N)
    return torch.stack(scores), torch.stack(right)


def _votes(q_HQD: torch.Tensor, k_GKD: torch.Tensor, blocks: int) -> torch.Tensor:
    """Votes of one layer's heads for each block, (H, N)."""
    q_HQD = q_HQD[:, -QUESTION_TOKENS:].float().cpu()
    found = []
    for of_group_HQD, k_KD in zip(q_HQD.chunk(len(k_GKD)), k_GKD, strict=True):
        rows_RD = of_group_HQD.flatten(0, 1)
        scores_RN = (rows_RD @ k_KD[: blocks * BLOCK].float().T).reshape(-1, blocks, BLOCK).amax(2)
        heads_R = torch.arange(len(of_group_HQD)).repeat_interleave(of_group_HQD.shape[1])
        found.append(votes(scores_RN, scores_RN, heads_R))
    return torch.cat(found)
