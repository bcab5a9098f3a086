"""Which contexts a node gives up when it needs room.

The idea: least recently used, and of two about as old the one less like what is being asked for, as
`model.context.tiers` evicts the blocks inside a context. There are far fewer contexts than blocks, so all
are ordered at once by one score, and not only the oldest eighth.
"""

from collections.abc import Sequence
from math import sqrt

from tasks.serve.directory.base import Holding, Key


def coldest(holdings: Sequence[Holding], need_bytes: int, focus: Sequence[float]) -> list[Key]:
    """Contexts that together free `need_bytes`, or all that may go if these are fewer.

    The score of context i of n is rank_i - cos(topic_i, focus), where rank_i runs from 0, the most recently
    used, to 1, the least recently used; the highest scores go first. Without a focus, or without a topic of
    the same length, the cosine is 0: least recently used. What is busy does not go.
    """
    idle = sorted((one for one in holdings if not one.busy), key=lambda one: one.idle_s)
    last = max(1, len(idle) - 1)
    score = {id(one): rank / last - cosine(one.topic, focus) for rank, one in enumerate(idle)}
    freed, going = 0, []
    for one in sorted(idle, key=lambda one: -score[id(one)]):
        if freed >= need_bytes:
            break
        freed += one.bytes
        going.append((one.claim.tenant, one.claim.key))
    return going


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """0 where the two cannot be compared."""
    if not one or len(one) != len(other):
        return 0.0
    norms = sqrt(sum(x * x for x in one)) * sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / norms if norms else 0.0
