"""Embedders that took the place of others in a home: what was read before is keyed by the first of them.

The idea: to embed every record again changes no word of them, so nothing need be read again for it. The cache
key goes on naming the embedder that a home began with.

    home/memory/embedders.json   {fingerprint: the one it stands for in cache keys}
"""

import json
from pathlib import Path

from model.files import write_atomic


def keyed_as(home: Path, fingerprint: str) -> str:
    """The embedder that cache keys of a home name for one that may have taken its place."""
    return _kept(home).get(fingerprint, fingerprint)


def note_replaced(home: Path, before: str, after: str) -> None:
    """Have cache keys name for a new embedder what they named for the one before it (fingerprints)."""
    (home / "memory").mkdir(parents=True, exist_ok=True)
    known = _kept(home)
    write_atomic(_path(home), json.dumps({**known, after: known.get(before, before)}))


def _kept(home: Path) -> dict[str, str]:
    path = _path(home)
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _path(home: Path) -> Path:
    return home / "memory" / "embedders.json"
