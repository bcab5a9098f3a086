"""Summaries of the tree's nodes: written from their quotes, grounded, and kept in the ledger.

A summary is keyed by the quotes it was written from, so it is written once, whichever run and node it is for.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tasks.infer.cache_key import identity
from tasks.infer.models import Models
from tasks.ledger import Ledger
from tasks.reduce.grounding import ground
from tasks.reduce.tree import SummaryNode
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
    """Write the summaries that the ledger does not hold yet; returns how many were decoded.

    Batches are drawn from all nodes, done or not, so a run that resumes decodes the very same batches;
    nodes of like length share one, so that little is spent on padding.
    """
    wanted = sorted(
        {identity(models.key, summary_key(node)): node for node in nodes}.items(),
        key=lambda item: (sum(len(quote.text) for quote in item[1].quotes), item[0]),
    )
    done = ledger.has_many([name for name, _ in wanted])
    decoded = 0
    for start in range(0, len(wanted), models.config.summary_batch_size):
        batch = wanted[start : start + models.config.summary_batch_size]
        missing = {name for name, _ in batch} - done
        if missing:
            items = [item for item in _decode(batch, models) if item[0] in missing]
            ledger.put_many(items)
            decoded += len(items)
        progress(len(batch), len(wanted))
    return decoded


def _decode(batch: Sequence[tuple[str, SummaryNode]], models: Models) -> Iterator[tuple[str, str, bytes]]:
    """Grounded summaries of a batch, as ledger items."""
    drafts = models.writer.write(["\n".join(quote.text for quote in node.quotes) for _, node in batch])
    for (name, node), draft in zip(batch, drafts, strict=True):
        spans = [q.text[slice(*span)] for q in node.quotes for span in sentences(q.text)]
        kept = ground(draft, spans, models.config.ground)
        best = max(node.quotes, key=lambda quote: quote.salience).text
        text, support = (kept.summary, kept.support) if kept.summary else (best, 1.0)
        summary = Summary(text, bool(kept.summary), support, kept.dropped)
        yield name, "summary", json.dumps(asdict(summary)).encode()


def load_summary(ledger: Ledger, key: str, node: SummaryNode) -> Summary:
    """The summary `summarise` wrote for this node."""
    payload = ledger.get(identity(key, summary_key(node)))
    assert payload is not None, f"no summary of {node.level} {node.id}"
    return Summary(**json.loads(payload))
