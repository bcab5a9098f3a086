"""Manifests: files that name documents which belong together, so that none is read before all are there.

The idea: `name.manifest.json` lies beside them and holds a list of names, or {"files": [...]} of names or of
{"name": ...}, relative to its own folder. It is waited for, never relied on: what it names and does not come
holds the others up for a limited time.
"""

import json
import posixpath
import re
import tempfile
from pathlib import Path
from typing import Any

from tasks.errors import BadDocument, InvalidInput
from tasks.ingest.storage import Found, fetch
from tasks.ingest.uris import S3
from tasks.settings import StorageConfig

_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON may hold and a name may not."""
LARGEST = 16 << 20
"""Bytes of a manifest."""


def named(manifest: Found, config: StorageConfig) -> list[str]:
    """Uris of the documents that a manifest names; none where it is gone by now.

    Raises:
        InvalidInput: if it is no manifest.
        Transient: if a store does not answer.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "manifest"
        try:
            fetch(manifest, copy, LARGEST, config)
        except BadDocument as error:
            if error.outcome in ("vanished", "unreadable"):
                return []
            raise InvalidInput(f"{manifest.uri}: {error.reason}") from error
        names = _names(manifest.uri, copy.read_bytes())
    scheme, rest = (S3, manifest.uri[len(S3) :]) if manifest.uri.startswith(S3) else ("", manifest.uri)
    return [scheme + posixpath.normpath(posixpath.join(posixpath.dirname(rest), name)) for name in names]


def _names(uri: str, content: bytes) -> list[str]:
    try:
        held: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{uri}: no JSON ({error}); it is not waited for") from error
    files = held.get("files") if isinstance(held, dict) else held
    listed = files if isinstance(files, list) else [None]
    names = [one.get("name") if isinstance(one, dict) else one for one in listed]
    plain = [name for name in names if isinstance(name, str) and not _HALVES.search(name)]
    if len(plain) < len(names):
        raise InvalidInput(f'{uri}: no list of names, and no {{"files": [...]}}; it is not waited for')
    return plain
