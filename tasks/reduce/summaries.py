"""Summaries of the tree's nodes: their extracts, or what a model wrote in place of one, kept in the ledger.

What is written is keyed by the sentences it was written from, so it is written once, whichever run it is for.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tasks.infer.cache_key import identity
from tasks.infer.quotes import Quote
from tasks.reduce.tree import SummaryNode
from tasks.runs.ledger import Ledger

if TYPE_CHECKING:
    from tasks.infer.models import Models
    from tasks.reduce.writing import Earlier


@dataclass(frozen=True)
class Summary:
    """What is stored as a node's summary."""

    text: str
    quotes: tuple[Quote, ...]
    """What it consists of, or what supports it."""
    generated: bool = False
    grounding: float = 1.0
    dropped: int = 0


def summarise(
    nodes: Sequence[SummaryNode], models: "Models", ledger: Ledger, earlier: "Earlier | None" = None
) -> int:
    """Write over the extracts of nodes, where the model is one that writes; returns for how many it did.

    Args:
        earlier: what memory holds that is near to a text, for the model to understand it by.
    """
    from tasks.reduce.writing import Author, Material  # here: it loads torch, of no use to who only reads

    wanted = {_key(models.key, node): node for node in nodes if node.spans}
    done = ledger.has_many(wanted)
    missing = {name: node for name, node in wanted.items() if name not in done}
    materials = [
        Material(name, node.level, node.kind, node.title, node.spans) for name, node in missing.items()
    ]
    written = Author(models, ledger, earlier).write(materials)
    items = []
    for name, text in written.items():
        titled = "\n".join(filter(None, (missing[name].title, text.text)))
        summary = Summary(titled, text.quotes, True, 1.0, text.dropped)
        items.append((name, "summary", json.dumps(asdict(summary)).encode()))
    ledger.put_many(items)
    return len(items)


def _key(key: str, node: SummaryNode) -> str:
    """Key of what is written for a node: of the sentences that it is written from."""
    spans = ((span.document, span.start, span.end) for span in node.spans)
    return identity(key, identity("summary", node.level, *spans))


def load_summary(ledger: Ledger, key: str, node: SummaryNode) -> Summary:
    """The summary of a node: what was written for it, or its extract."""
    payload = ledger.get(_key(key, node)) if node.spans else None
    if payload is None:
        return Summary(node.text, node.quotes)
    kept = json.loads(payload)
    return Summary(**{**kept, "quotes": tuple(Quote(**quote) for quote in kept["quotes"])})
