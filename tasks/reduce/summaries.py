"""Summaries of the tree's nodes: what the model wrote from their quotes, or the best of those, in the ledger.

A summary is keyed by the quotes it is made from, so it is made once, whichever run and node it is for.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from tasks.infer.cache_key import identity
from tasks.infer.models import Models
from tasks.ledger import Ledger
from tasks.reduce.tree import SummaryNode
from tasks.reduce.writing import Author, Material
from tasks.run import Counted
from tasks.text.sentences import sentences


@dataclass(frozen=True)
class Summary:
    """What is stored as a node's summary."""

    text: str
    generated: bool
    grounding: float
    dropped: int


def summary_key(node: SummaryNode) -> str:
    """Key of a summary: a single child's summary is its parent's, so the key is that of the quotes."""
    return identity("summary", *((quote.document, quote.start, quote.end) for quote in node.quotes))


def summarise(nodes: Sequence[SummaryNode], models: Models, ledger: Ledger, progress: Counted) -> int:
    """Make the summaries that the ledger does not hold yet; returns how many were made."""
    wanted = {identity(models.key, summary_key(node)): node for node in nodes}
    done = ledger.has_many(wanted)
    missing = {name: node for name, node in wanted.items() if name not in done}
    written = Author(models, ledger).write([_material(name, node) for name, node in missing.items()])
    items = []
    for name, node in missing.items():
        best = max(node.quotes, key=lambda quote: quote.salience).text
        text = written.get(name)
        summary = Summary(text.text, True, 1.0, text.dropped) if text else Summary(best, False, 1.0, 0)
        items.append((name, "summary", json.dumps(asdict(summary)).encode()))
    ledger.put_many(items)
    progress(len(wanted), len(wanted))
    return len(missing)


def _material(name: str, node: SummaryNode) -> Material:
    spans = [
        replace(quote, text=quote.text[start:end], start=quote.start + start, end=quote.start + end)
        for quote in node.quotes
        for start, end in sentences(quote.text)
    ]
    return Material(name, node.level, "", "", tuple(spans))


def load_summary(ledger: Ledger, key: str, node: SummaryNode) -> Summary:
    """The summary `summarise` wrote for this node."""
    payload = ledger.get(identity(key, summary_key(node)))
    assert payload is not None, f"no summary of {node.level} {node.id}"
    return Summary(**json.loads(payload))
