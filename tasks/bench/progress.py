"""How a measurement reports its progress."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the current activity, how many units of it are done, and of how many."""


def silent(doing: str, done: int, total: int) -> None:
    """Report nothing."""
    del doing, done, total
