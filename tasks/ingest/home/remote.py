"""A home in a bucket and its working copy: one folder of this machine's cache for each URI.

The idea: every step goes on working with a folder. The note `bucket.json` in it says of which home it is the
copy; whoever needs a file that is not here fetches it, and the table is opened in the bucket itself.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from model.files import is_filled, user_cache, write_atomic
from tasks.errors import InvalidInput, NightreadError, writing
from tasks.ingest.home.bucket import Bucket
from tasks.ingest.home.index import Index, index_of
from tasks.ingest.storage import endpoint_of, secrets_of, split, told
from tasks.ingest.uris import S3, canonical
from tasks.settings import StorageConfig

NOTE = "bucket.json"


@dataclass(frozen=True)
class Remote:
    """A home in a bucket."""

    uri: str
    """Canonical."""
    folder: Path
    """Its working copy."""
    storage: StorageConfig

    @property
    def bucket(self) -> Bucket:
        return Bucket(self.uri, self.storage)

    @property
    def index(self) -> Index:
        return index_of(self.folder)

    def fetch(self, name: str) -> bool:
        """Have a file here in the version of the bucket; False where there is none."""
        path = self.folder / name
        etag = self.bucket.download(name, path)
        if etag is None:
            return False
        status = path.stat()
        self.index.keep(name, etag, status.st_size, status.st_mtime_ns)
        return True


def established(home: str, storage: StorageConfig) -> Remote:
    """The home at an s3:// URI, with a folder for its working copy; nothing is fetched yet.

    Raises:
        InvalidInput: if the URI names no bucket or holds credentials, or the folder cannot be written.
    """
    uri, endpoint = canonical(home), endpoint_of(storage)
    if re.search(r"://[^/]*@", endpoint):
        raise InvalidInput(
            "storage.endpoint_url must not hold credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    place = f"{endpoint} {uri}"
    name = re.sub(r"[^A-Za-z0-9]+", "-", uri.removeprefix(S3)).strip("-")[:40]
    folder = _cache(storage) / "homes" / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        here = asdict(replace(storage, endpoint_url=endpoint))
        note = json.dumps({"uri": uri, "storage": here}, indent=1)
        if not (folder / NOTE).exists() or (folder / NOTE).read_text() != note:
            write_atomic(folder / NOTE, note)
    return Remote(uri, folder, storage)


def _cache(storage: StorageConfig) -> Path:
    return Path(storage.cache or user_cache()).absolute()


def remote_of(home: Path) -> Remote | None:
    """The home in a bucket that a folder is the working copy of; None for a folder that is a home itself."""
    try:
        note = json.loads((home / NOTE).read_text())
    except FileNotFoundError:
        return None
    return Remote(note["uri"], home, StorageConfig(**note["storage"]))


def shown(home: Path) -> str:
    """A home as people name it."""
    remote = remote_of(home)
    return remote.uri if remote else str(home)


def needed(home: Path, name: str) -> Path:
    """A file of a home, fetched where it is not here.

    Raises:
        Missing: if the bucket does not hold it either.
    """
    path = home / name
    if not path.exists() and (remote := remote_of(home)) and not remote.fetch(name):
        raise Missing(
            f"{remote.uri}/{name} is gone, though the memory names it: bring it back from an earlier version "
            f"of the bucket, or have its document read again: remove {remote.uri}/ledger and read its corpus"
        )
    return path


def is_kept(home: Path, name: str) -> bool:
    """Whether a home holds a file with content, here or in its bucket as far as was seen."""
    if is_filled(home / name):
        return True
    remote = remote_of(home)
    return remote is not None and remote.index.known(name) is not None


def have_folder(home: Path, name: str, marker: str) -> None:
    """Fetch the files of a small folder where the bucket holds it whole, its marker last."""
    remote = remote_of(home)
    if remote and not (home / name / marker).exists() and remote.index.known(f"{name}/{marker}"):
        for one, _ in remote.index.below(f"{name}/"):
            if one != f"{name}/{marker}" and not remote.fetch(one):
                return
        remote.fetch(f"{name}/{marker}")


def have_file(home: Path, name: str) -> None:
    """Fetch a file where the bucket holds it."""
    if not (home / name).exists() and (remote := remote_of(home)) and remote.index.known(name):
        remote.fetch(name)


class Missing(NightreadError, FileNotFoundError):
    """A file that is neither here nor in the bucket."""


@contextmanager
def reached(home: Path) -> Iterator[None]:
    """Within the block tables of a home are used; what their store answers becomes an error of ours.

    Raises:
        InvalidInput: if the store refuses what only its user can change.
        Transient: if it does not answer.
    """
    try:
        yield
    except (ValueError, RuntimeError, OSError) as error:
        remote, said = remote_of(home), str(error)
        if remote is None or 'store: "S3"' not in said:
            raise
        code = re.search(r"<Code>(\w+)</Code>", said)
        name = code[1] if code else "no connection" if "Connect" in said else "no usable answer"
        raise told(f"{remote.uri}/memory", name, bool(code), remote.storage) from error


def stored(home: Path, folder: str = "") -> int:
    """Bytes of the files in a folder of a home, or in all of it: in the bucket where the home is there."""
    if remote := remote_of(home):
        return sum(one.size for one in remote.bucket.list(f"{folder}/" if folder else ""))
    files = (path for path in (home / folder).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.lstat().st_size for path in files)


def database(home: Path) -> tuple[str, dict[str, str]]:
    """Where the tables of a home lie, and how LanceDB reaches them. The options hold secrets."""
    remote = remote_of(home)
    if remote is None:
        return str((home / "memory").resolve()), {}  # "db..." alone would be the cloud service
    return f"{remote.uri}/memory", _options(remote)


def _options(remote: Remote) -> dict[str, str]:
    config, endpoint = remote.storage, endpoint_of(remote.storage)
    is_virtual = config.addressing == "virtual" or (config.addressing == "auto" and not endpoint)
    if endpoint and is_virtual:
        endpoint = endpoint.replace("://", f"://{split(remote.uri)[0]}.", 1)
    options: dict[str, Any] = {
        "region": config.region,
        "virtual_hosted_style_request": str(is_virtual).lower(),
        "allow_http": str(endpoint.startswith("http://")).lower(),
        **({"endpoint": endpoint} if endpoint else {}),
        **({"skip_signature": "true"} if config.anonymous else {}),
        **secrets_of(config),
    }
    if bundle := config.ca_bundle or os.environ.get("AWS_CA_BUNDLE"):
        os.environ.setdefault("SSL_CERT_FILE", bundle)  # where the client of LanceDB looks for certificates
    return {f"aws_{name}" if name != "allow_http" else name: value for name, value in options.items()}
