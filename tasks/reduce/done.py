"""What the ledger keeps of a document that was read and published: enough to merge a corpus from it.

The marker is the last write of a document's life in a run; without it the next run takes the document up
again, from the windows that the ledger holds.
"""

import json
from dataclasses import asdict, dataclass, replace

from tasks.infer.quotes import Quote
from tasks.reduce.tree import SummaryNode, document_key
from tasks.runs.ledger import Ledger


@dataclass(frozen=True)
class Done:
    """A document that was read and published."""

    windows: int
    tokens: int
    node: SummaryNode
    """The document's own node, from which a corpus is merged."""
    vector: tuple[float, ...]
    """Of its summary."""
    embedder: str = ""
    """Fingerprint of the one that made the vector; "" is the one that cache keys name."""


def mark_done(ledger: Ledger, key: str, document: str, done: Done) -> None:
    """Keep the marker of a document whose records are published, less what it could be written from."""
    done = replace(done, node=replace(done.node, spans=()))
    ledger.put(document_key(key, document), "document", json.dumps(asdict(done)).encode())


def is_done(ledger: Ledger, key: str, document: str) -> bool:
    """Whether a run has finished a document under this cache key, and kept what a corpus is merged from."""
    payload = ledger.get(document_key(key, document))
    return payload is not None and bool(payload) and json.loads(payload).get("node") is not None


def load_done(ledger: Ledger, key: str, document: str) -> Done | None:
    """None for a document that no run has finished under this cache key; earlier versions kept less."""
    payload = ledger.get(document_key(key, document))
    kept = json.loads(payload) if payload else {}
    node = kept.get("node")
    if node is None:
        return None
    quotes = {name: tuple(Quote(**quote) for quote in node.get(name, ())) for name in ("quotes", "spans")}
    tuples = {name: tuple(node[name]) for name in ("windows", "chars", "children")}
    node = SummaryNode(**{**node, **tuples, **quotes})
    return Done(
        kept["windows"], kept["tokens"], node, tuple(kept.get("vector", ())), kept.get("embedder", "")
    )
