"""Caches of what was found out about a text, which are emptied when a memory is let go.

The idea: one passage answers many questions, so what was found in it is kept for the next. But it is kept
under the whole text, and a text that was erased must be nowhere.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
_EMPTIES: list[Callable[[], None]] = []


def text_cache(most: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Keep what a function finds in a text, for as many texts as `most`."""

    def kept(function: Callable[[str], T]) -> Callable[[str], T]:
        found = lru_cache(maxsize=most)(function)
        _EMPTIES.append(found.cache_clear)
        return found

    return kept


def forget_texts() -> None:
    """Let go of all texts, and of what was found in them."""
    for empty in _EMPTIES:
        empty()
