"""Made-up dialogues, and an embedder of words that costs nothing and is the same everywhere."""

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from tasks.memory.sessions.round import Said

BEGAN = datetime(2026, 5, 3, 8, 2, tzinfo=UTC)
EMBEDDER = "words"
THINGS = "harbour piano garden ladder letter bakery lantern bicycle orchard violin".split()


@cache
def _vector(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
    return np.random.default_rng(seed).normal(size=256)


def embed(texts: list[str]) -> np.ndarray:
    """The sum of a random vector for every word, (n, 256) of length 1."""
    found = np.zeros((len(texts), 256), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            found[row] += _vector(word.strip(".,?!:[]"))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def said(number: int, text: str = "") -> Said:
    """A remark, a minute after the one before; Ann and Ben take turns."""
    thing, other = THINGS[number % 10], THINGS[number // 10 % 10]
    text = text or f"Remark {number}: the {thing} stands behind the {other}."
    return Said("Ann" if number % 2 else "Ben", text, BEGAN + timedelta(minutes=number))


def talk(count: int) -> list[Said]:
    return [said(number) for number in range(1, count + 1)]
