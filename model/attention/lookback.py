"""How far back a chunk has to look: a window that follows the text.

The idea: what a decoder gains from text far behind is mostly repetition, names and phrases that it has seen
there and copies. So a chunk's own tokens say beforehand what a narrower window would lose: pairs of
neighbouring tokens whose latest earlier occurrence lies beyond it. That takes no pass of the network, is the
same on every machine, and predicts the loss far better than how surprised the model is (the entropy of its
predictions does so hardly at all).

Copying of what followed a token before: Olsson et al. 2022, "In-context learning and induction heads". That
text far behind matters for what it repeats: Sun et al. 2021, "Do long-range language models actually use
long-range context?".
"""

from collections.abc import Sequence

import numpy as np

MAX_LOST = 0.03
"""Share of a chunk's tokens whose repetition may lie beyond its window."""


def past_needed(past: Sequence[int], chunk: Sequence[int], least: int) -> int:
    """Tokens of `past`, the text right before a chunk, that it has to attend: `least` times a power of two.

    The smallest beyond which at most `MAX_LOST` of the chunk's pairs have their latest earlier occurrence;
    all of `past` where it is shorter.

    Args:
        past: token ids; what lies before them is out of reach anyway.
        chunk: token ids, at least one.
        least: tokens, at least 1.
    """
    distances = _distances(np.asarray([*past, *chunk], np.int64), len(past))
    needed = least
    while needed < len(past) and (distances > needed).sum() > MAX_LOST * len(chunk):
        needed *= 2
    return min(needed, len(past))


def _distances(ids_K: np.ndarray, start: int) -> np.ndarray:
    """For tokens from `start` on: how far before `start` the pair that ends there last began, else 0.

    Pairs that repeat within the chunk itself, or not at all, need nothing from before.
    """
    pairs_K = np.unique(np.stack([ids_K[:-1], ids_K[1:]]), axis=1, return_inverse=True)[1].ravel()
    order_K = np.argsort(pairs_K, kind="stable")
    again_K = pairs_K[order_K[1:]] == pairs_K[order_K[:-1]]
    last_K = np.full(len(pairs_K), start)
    last_K[order_K[1:][again_K]] = order_K[:-1][again_K]
    distances: np.ndarray = np.maximum(start - last_K[max(start - 1, 0) :], 0)
    return distances
