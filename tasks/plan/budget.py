"""Which documents a run reads when it may not spend what all of them take.

The idea: a night that is too short for a corpus reads a part of it, publishes that, and leaves the rest for
the next night. Where none fits and the model reads windows, the first is begun: its windows are kept, and the
next run goes on behind them. What alone takes more than the whole budget waits until that is raised.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tasks.infer.models import Models
from tasks.ingest.sharded import Sharded
from tasks.plan.cost import state_bytes
from tasks.plan.estimate import Estimate, estimate
from tasks.plan.left_out import LeftOut
from tasks.plan.rates import Rates
from tasks.settings import BudgetConfig

UNITS = {
    "tokens": "{:,.0f} tokens",
    "seconds": "about {:,.0f} s",
    "gpu_hours": "about {:,.2f} GPU hours",
    "megabytes": "about {:,.0f} MiB",
}
LIMITS = tuple(UNITS)
ROOM = ("megabytes",)
"""Limits that a document is under as a whole or not at all, over however many runs it is read."""


@dataclass(frozen=True)
class Fit:
    """What is read of the documents of a run, and why each of the others is left."""

    read: Sharded
    left: LeftOut


def limited(budget: BudgetConfig) -> bool:
    """Whether there is any limit."""
    return any(getattr(budget, name) for name in UNITS)


def fit(
    models: Models,
    documents: Sharded,
    chars: Callable[[str], int],
    rates: Rates | None,
    budget: BudgetConfig,
) -> Fit:
    """The first documents, in their order, that the budget holds; smaller ones behind one that it does not.

    Args:
        chars: characters of a document's text.
    """
    empty = {"tokens": 0.0, "seconds": rates.start_s if rates else 0.0, "gpu_hours": 0.0}
    empty["megabytes"] = state_bytes(models) / 2**20
    spent, read = empty, array("q")
    left = LeftOut(documents, lambda limit, amount: _over(LIMITS[limit], amount, budget))
    begun = -1
    """The first whose windows may be read as far as the budget goes: there is room for all of them."""
    for number, document in enumerate(documents):
        amounts = _amounts(models, estimate(models, [document], chars(document.document), rates), rates)
        after, whole = _sum(spent, amounts), _sum(empty, amounts)
        crossed = _crossed(after, budget)
        if not crossed:
            read.append(number)
            spent = after
            continue
        if begun < 0 and models.config.salience and not _crossed(after, budget, ROOM):
            begun = number
        # what is read over several runs needs room for all of it, and no more
        too_large = _crossed(whole, budget, ROOM if models.config.salience else LIMITS)
        share = whole[too_large] / getattr(budget, too_large) if too_large else 0.0
        amount = whole[too_large] if too_large else after[crossed]
        left.add(number, LIMITS.index(too_large or crossed), amount, share)
    if begun >= 0 and not read:
        read.append(begun)
        left.drop(begun)
    return Fit(documents.take(read), left)


def _sum(spent: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    return {name: spent[name] + amount for name, amount in more.items()}


def _crossed(spent: Mapping[str, float], budget: BudgetConfig, names: Iterable[str] = UNITS) -> str:
    """The first limit of these names that such an expense is over; "" for none."""
    return next((name for name in names if 0 < getattr(budget, name) < spent[name]), "")


def _over(name: str, amount: float, budget: BudgetConfig) -> str:
    return f"{UNITS[name].format(amount)}, over budget.{name}={getattr(budget, name):g}"


def _amounts(models: Models, cost: Estimate, rates: Rates | None) -> dict[str, float]:
    """What one document adds to what a run spends."""
    start_s = rates.start_s if rates else 0.0
    return {
        "tokens": cost.tokens,
        "seconds": max(0.0, cost.seconds - start_s),
        "gpu_hours": models.gpus * cost.read_s / 3600,
        "megabytes": (cost.bytes - state_bytes(models)) / 2**20,
    }
