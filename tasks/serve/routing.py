"""Which reader is asked for a context: its holder, else one that all gateways agree on.

The idea: rendezvous hashing. Every reader draws a number for the context, the largest one gets it; where a
reader comes or goes, only what it holds moves. A busy reader's numbers are smaller (`score` of weight
1 / (1 + requests a slot)), so contexts that nobody holds yet go where there is room, and stay there.
"""

import math
from collections.abc import Mapping
from hashlib import blake2b

from tasks.serve.directory.base import Load
from tasks.serve.door import Name


def ranked(name: Name, nodes: Mapping[str, Load]) -> list[str]:
    """Addresses, the one to ask first first."""
    return sorted(nodes, key=lambda node: -score(name, node, 1 / (1 + nodes[node].busy)))


def score(name: Name, node: str, weight: float) -> float:
    """-weight / ln u for u uniform in (0, 1): the largest of several is this one's with a chance in
    proportion to its weight (Schindelhauer and Schomaker 2005)."""
    drawn = blake2b("\0".join((node, *name)).encode(), digest_size=8).digest()
    uniform = (int.from_bytes(drawn, "big") + 1) / (2**64 + 2)
    return -weight / math.log(uniform)
