"""Means with their standard errors: a difference is only shown beside what chance alone would make."""

import math
from collections.abc import Iterable


def mean(values: Iterable[float]) -> float:
    """Mean to four digits; 0 of nothing."""
    some = list(values)
    return round(sum(some) / len(some), 4) if some else 0.0


def standard_error(values: Iterable[float]) -> float:
    """Standard error of the mean to four digits; 0 of fewer than two."""
    some = list(values)
    if len(some) < 2:
        return 0.0
    middle = sum(some) / len(some)
    return round(math.sqrt(sum((one - middle) ** 2 for one in some) / (len(some) - 1) / len(some)), 4)


def share_error(pairs: Iterable[tuple[float, float]]) -> float:
    """Standard error to four digits of a ratio of sums over clusters (found, of how many), such as documents,
    whose items are not independent of each other (Cochran 1977)."""
    some = list(pairs)
    whole = sum(size for _, size in some)
    if len(some) < 2 or not whole:
        return 0.0
    ratio = sum(found for found, _ in some) / whole
    spread = sum((found - ratio * size) ** 2 for found, size in some)
    return round(math.sqrt(spread * len(some) / (len(some) - 1)) / whole, 4)
