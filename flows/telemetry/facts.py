"""What there is to count of each stage's result, and which documents it is about."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flows.telemetry.events import Fact

Facts = dict[str, Fact]


def _documents(result: Any) -> Facts:
    tokens, windows = (sum(getattr(one, name) for one in result) for name in ("tokens", "windows"))
    return {"documents": len(result), "tokens": tokens, "windows": windows}


def _planned(work: Any) -> Facts:
    cost = work.cost
    return {
        "documents": len(work.documents),
        "tokens": cost.tokens,
        "windows": cost.windows,
        "planned_seconds": round(cost.seconds, 2),
        "postponed": len(work.postponed),
    }


_OF: dict[str, Callable[[Any], Facts]] = {
    "discover": lambda found: {"sources": len(found)},
    "parse": lambda rows: {"sources": len(rows), **Counter(str(row["outcome"]) for row in rows)},
    "shard": _documents,
    "plan": _planned,
    "infer": lambda read: {"windows": read.windows, "tokens": read.tokens, "refused": len(read.refused)},
    "reduce": lambda tree: {"nodes": len(tree.nodes)},
    "embed": lambda staged: {"embedded": staged.embedded, "reused": staged.reused},
    "relate": lambda related: {"compared": len(related.compared)},
    "remember": lambda done: {"added": done.added, "retired": done.retired, "version": done.version},
    "report": lambda outcome: {
        name: outcome[name] for name in ("status", "documents", "read", "windows", "tokens")
    },
}


def facts(stage: str, result: Any) -> Facts:
    """Counts of a stage's result."""
    return _OF[stage](result)


def documents(stage: str, arguments: Sequence[Any], result: Any) -> Iterator[Facts]:
    """What a stage has settled of single documents: those that cannot be read, and those it remembered."""
    if stage == "parse":
        for row in result:
            if row["outcome"] not in ("ok", "forgotten"):
                yield {"content": row["content"], "outcome": row["outcome"]}
    if stage == "remember":
        _models, _seen, read, *_ = arguments
        for one in read:
            yield {
                "document": one.document,
                "outcome": "remembered",
                "windows": one.windows,
                "tokens": one.tokens,
            }
