"""What a run leaves unread since its budget is spent: for the next run, or until the budget is raised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.text.counted import counted


@dataclass(frozen=True)
class Left:
    """Why a document is not read in this run."""

    over: str
    """The amount and the limit, such as "12 s, over budget.seconds=10"."""
    share: float = 0.0
    """How many times the budget the document takes alone, where no run can read it; else 0."""

    @property
    def why(self) -> str:
        """For people, beside the name of the document."""
        return f"{'takes more than the whole budget' if self.share else 'for the next run'}: {self.over}"


def figures(left: Mapping[str, Left]) -> dict[str, Any]:
    """How many documents are left, and why: `over` of those that the next run may read, `largest` of those
    that none can, `oversize` many."""
    over, oversize, largest = "", 0, Left("")
    for one in left.values():
        oversize += bool(one.share)
        over = over or ("" if one.share else one.over)
        largest = max(largest, one, key=lambda some: some.share)
    return {
        "postponed": len(left),
        "over": over,
        "oversize": oversize,
        "largest": largest.over if oversize else "",
    }


def told(found: Mapping[str, Any]) -> list[str]:
    """What `figures` say, a line each."""
    large = found.get("oversize", 0)
    left = found.get("postponed", 0) - large
    lines = [f"{counted(left, 'document')} left for the next run: {found['over']}"] if left else []
    if large:
        alone = "each take" if large > 1 else "takes"
        most = "; the largest takes" if large > 1 else ":"
        lines.append(
            f"{counted(large, 'document')} {alone} more than the whole budget, not read before it is raised"
            f"{most} {found['largest']}"
        )
    return lines
