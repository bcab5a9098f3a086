"""Dead letters: a copy of every document that could not be read, with its reason as JSON beside it.

The idea: whoever dropped a document finds there what became of it, under the name that it had. The document
itself stays where it is. The reason is written last: a copy without one is not complete. No two names meet:
what of a name would lead elsewhere, or be the name of a reason or of another document, is encoded.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from model.files import replace_file, write_atomic
from tasks.errors import BadDocument, writing
from tasks.ingest.storage import SPECIAL, Found, answered, code_of, fetch, split
from tasks.ingest.uris import S3, Place, path_of
from tasks.runs.ledger import Row, now
from tasks.settings import StorageConfig

NO_LIMIT = 1 << 62
REASON = ".reason.json"
"""Ends the name of a reason, and of no copy."""
_CODES = {"": "%2F", ".": "%2E", "..": "%2E%2E"}
GONE = ("NoSuchKey", "404", "PreconditionFailed", "412")
"""How a store says that this version is not there any more."""


def put_aside(rows: Sequence[Row], at: Place, target: str, config: StorageConfig) -> str:
    """Copy a document into `target`, a canonical URI; returns where it lies there.

    Args:
        rows: of the quarantine, all of one source.

    Raises:
        InvalidInput: if `target` cannot be written, or its store refuses.
        Transient: if a store does not answer.
    """
    first = rows[0]
    found = Found(first["uri"], first["version"], 0)
    place = f"{target}/{name_in(at, found.uri)}"
    reasons = [{name: row[name] for name in ("label", "outcome", "reason", "run")} for row in rows]
    told = {"uri": found.uri, "version": found.version, "time": now()}
    text = json.dumps({**told, "failures": reasons}, indent=1)
    if target.startswith(S3):
        _send(found, place, config)
        bucket, key = split(f"{place}{REASON}")
        with answered(place, config) as store:
            store.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
        return place
    path = Path(path_of(place))
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        _keep(found, path, config)
        write_atomic(path.with_name(f"{path.name}{REASON}"), text)
    return place


def name_in(at: Place, uri: str) -> str:
    """The name of a source below its place, which no other source and no reason has.

    Encoded are parts that are dots or nothing, the end of a reason's name, and "%2", which begins a code.
    """
    under = uri.removeprefix(at.base).removeprefix("/")
    if not under:  # the place itself: an object of the name of a prefix
        return f"%2F{uri.rpartition('/')[2]}"
    parts = [_CODES.get(part, part) for part in under.replace("%2", "%252").split("/")]
    name = "/".join(parts)
    return name.removesuffix(REASON) + REASON.replace(".", "%2E") if name.endswith(REASON) else name


def _send(found: Found, place: str, config: StorageConfig) -> None:
    """Into a bucket; from a bucket within the store."""
    bucket, key = split(place)
    with tempfile.TemporaryDirectory() as scratch, answered(place, config) as store:
        if found.uri.startswith(S3):
            source = dict(zip(("Bucket", "Key"), split(found.uri), strict=True))
            try:
                store.copy(source, bucket, key, ExtraArgs={"CopySourceIfMatch": found.version})
            except store.exceptions.ClientError as error:
                if code_of(error) not in GONE:
                    raise
            return
        copy = Path(scratch) / "copy"
        if _fetched(found, copy, config):
            with copy.open("rb") as content:
                store.put_object(Bucket=bucket, Key=key, Body=content)


def _keep(found: Found, path: Path, config: StorageConfig) -> None:
    """Into a folder."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".dead-letter-") as scratch:
        copy = Path(scratch) / "copy"
        if _fetched(found, copy, config):
            os.chmod(copy, 0o600)
            replace_file(copy, path)


def _fetched(found: Found, copy: Path, config: StorageConfig) -> bool:
    """Whether the bytes of this version could be had."""
    if found.version.startswith(SPECIAL):
        return False
    try:
        fetch(found, copy, NO_LIMIT, config)
    except BadDocument:
        return False
    return True
