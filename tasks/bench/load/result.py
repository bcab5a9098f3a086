"""Figures of a load: times by kind of request, and errors by kind and whether asking again helps."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tasks.bench.load.traffic import KINDS, Request

_PERCENT = {"p50": 50, "p95": 95, "p99": 99}


def by_kind(done: Sequence[Request]) -> list[dict[str, Any]]:
    """Times of what was answered, in seconds, and what the answers held, by kind of request."""
    return [_figures(kind, [one for one in done if one.kind == kind]) for kind in KINDS]


def _figures(kind: str, all_: Sequence[Request]) -> dict[str, Any]:
    answered = [one for one in all_ if not one.error]
    many = max(1, len(answered))
    first = [one.first_s for one in answered if one.first_s]
    return {
        "kind": kind,
        "requests": len(all_),
        "failed": len(all_) - len(answered),
        **percentiles([one.seconds for one in answered]),
        **({f"first_{name}": value for name, value in percentiles(first).items()} if first else {}),
        "cited": sum(one.cited for one in answered) / many,
        "found": sum(one.found for one in answered) / many,
        "answered": sum(one.answered for one in answered) / many,
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """The nearest rank of each, the least that so many percent do not exceed; 0 where there are none."""
    ordered = sorted(seconds)
    return {
        name: ordered[-(-percent * len(ordered) // 100) - 1] if ordered else 0.0
        for name, percent in _PERCENT.items()
    }


def errors(done: Sequence[Request]) -> list[dict[str, Any]]:
    """How often each error came, by kind of request, and what the first one said."""
    counted = Counter((one.kind, one.error, one.retryable) for one in done if one.error)
    first = {(one.kind, one.error): one.said for one in reversed(done) if one.error}
    return [
        {
            "kind": kind,
            "error": error,
            "retryable": retryable,
            "count": count,
            "said": first[kind, error],
        }
        for (kind, error, retryable), count in counted.most_common()
    ]
