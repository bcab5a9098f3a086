"""Records and sources made up for tests of the memory, and runs that publish them."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tasks.memory.changes import Replaced
from tasks.memory.commit import Published
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory, published
from tasks.memory.sources import Seen
from tasks.memory.staging import stage

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
CHARS = 50


def record(document: str, number: int, text: str = "", **changes: Any) -> dict[str, Any]:
    text = (text or f"passage {number} of {document} on agreements").ljust(CHARS)[:CHARS]
    start = number * CHARS
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    quote = {"text": text, "document": document, "start": start, "end": start + CHARS, "salience": 1.0}
    row = {
        "id": f"{document}-{number}", "level": "passage", "document": document, "corpus": "",
        "window_first": 0, "window_last": 0, "char_start": start, "char_end": start + CHARS, "summary": "",
        "generated": False, "text": text, "quotes": [quote],
        "vector": np.random.default_rng(seed).normal(size=256).astype(np.float32), "grounding": 1.0,
        "dropped": 0, "model": "m", "skip_key": "s", "run": "r", "created": MOMENT, "children": [],
        "title": document, "section": "", "context": text, "position": number, "dates": [], "entities": [],
        "text_hash": 0, "sketch": [], "novelty": -1.0, "relations": [], "related": [], "labels": [],
    }  # fmt: skip
    return {"context_vector": row["vector"], **row, **changes}


def document(name: str, passages: int = 5, run: str = "r1") -> list[dict[str, Any]]:
    return [record(name, number, run=run) for number in range(passages)]


def source(uri: str, document: str, **changes: Any) -> dict[str, Any]:
    row = {
        "uri": uri, "version": "1", "content": f"c{document}", "part": 0, "label": "", "document": document,
        "chars": 10**6, "outcome": "ok", "reason": "", "parsed": f"parsed/c{document}-p.parquet",
    }  # fmt: skip
    return {**row, **changes}


def sees(*names: str, since: str = "", **changes: Any) -> Seen:
    """What a run sees that finds these documents in `docs`, and nothing else there."""
    return Seen(("/docs",), tuple(source(f"/docs/{name}.txt", name, **changes) for name in names), since)


def put(home: Path, run: str, names: Iterable[str], **replaced: Any) -> Published:
    """A run that finds documents of these names and stages all of them."""
    names = list(names)
    staged = [stage(home, run, document(name, run=run)) for name in names]
    at = published(home)
    return publish(home, run, staged, sees(*names, since=at["run"] if at else ""), Replaced(**replaced))


def content(home: Path, as_of: str | None = None) -> list[tuple[str, str, list[float]]]:
    rows = open_memory(home, as_of).rows()
    return sorted((row["id"], row["text"], row["vector"]) for row in rows)


def ids(home: Path, as_of: str | None = None) -> set[str]:
    return {row["id"] for row in open_memory(home, as_of).rows(columns=["id"])}
