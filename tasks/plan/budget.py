"""Which documents a run reads when it may not spend what all of them take.

The idea: a night that is too short for a corpus reads a part of it, publishes that, and leaves the rest for
the next night. Where none fits and the model reads windows, the first is begun: its windows are kept, and the
next run goes on behind them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.infer.models import Models
from tasks.ingest.shard import ShardedDocument
from tasks.plan.cost import state_bytes
from tasks.plan.estimate import Estimate, estimate
from tasks.plan.rates import Rates
from tasks.settings import BudgetConfig

UNITS = {
    "tokens": "{:,.0f} tokens",
    "seconds": "about {:,.0f} s",
    "gpu_hours": "about {:,.2f} GPU hours",
    "megabytes": "about {:,.0f} MiB",
}


@dataclass(frozen=True)
class Fit:
    """What is read of the documents of a run, and what is left."""

    read: tuple[ShardedDocument, ...]
    left: tuple[ShardedDocument, ...] = ()
    over: str = ""
    """Why some are left: the amount and the limit, such as "12 s, over budget.seconds=10"."""


def limited(budget: BudgetConfig) -> bool:
    """Whether there is any limit."""
    return any(getattr(budget, name) for name in UNITS)


def fit(
    models: Models,
    documents: Sequence[ShardedDocument],
    chars: Mapping[str, int],
    rates: Rates | None,
    budget: BudgetConfig,
) -> Fit:
    """The first documents, in their order, that the budget holds; smaller ones behind one that it does not.

    Args:
        chars: characters of each document's text.
    """
    spent = {"tokens": 0.0, "seconds": rates.start_s if rates else 0.0, "gpu_hours": 0.0}
    spent["megabytes"] = state_bytes(models) / 2**20
    read: list[ShardedDocument] = []
    left: list[ShardedDocument] = []
    begun: ShardedDocument | None = None
    """The first whose windows may be read as far as the budget goes; it is for no room on the disk."""
    over = ""
    for document in documents:
        cost = estimate(models, [document], chars[document.document], rates)
        after = {name: spent[name] + amount for name, amount in _amounts(models, cost, rates).items()}
        crossed = next((name for name in UNITS if 0 < getattr(budget, name) < after[name]), "")
        if not crossed:
            read.append(document)
            spent = after
            continue
        limit = f"budget.{crossed}={getattr(budget, crossed):g}"
        over = over or f"{UNITS[crossed].format(after[crossed])}, over {limit}"
        left.append(document)
        if begun is None and crossed != "megabytes" and models.config.salience:
            begun = document
    if begun is not None and not read:
        read.append(begun)
        left.remove(begun)
    return Fit(tuple(read), tuple(left), over)


def _amounts(models: Models, cost: Estimate, rates: Rates | None) -> dict[str, float]:
    """What one document adds to what a run spends."""
    start_s = rates.start_s if rates else 0.0
    return {
        "tokens": cost.tokens,
        "seconds": max(0.0, cost.seconds - start_s),
        "gpu_hours": models.gpus * cost.read_s / 3600,
        "megabytes": (cost.bytes - state_bytes(models)) / 2**20,
    }
