"""A home in a bucket as a whole: fetched to the last file, and made to hold what is here and nothing else.

The idea: an erasure works on files and is proved by a search of all of them, so all of them are fetched
first, while nobody else may write. What is not here afterwards was erased, and goes from the bucket, with the
versions that the bucket keeps of what was replaced.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.ingest.home import snapshot, sync
from tasks.ingest.home.remote import Remote, remote_of
from tasks.ingest.home.writing import held

FOLDERS = (*(f"{folder}/" for folder in sync.MADE), "memory/")
"""Where files lie that are fetched."""
REST = ("memory/records.lance/", "ledger/", "log/")
"""What lies in the bucket alone."""


def fetch_all(home: Path) -> None:
    """Have every file of a home here but those of tables; nothing to do for a folder."""
    if not (remote := remote_of(home)):
        return
    writer = held(home)
    with ThreadPoolExecutor(sync.THREADS) as pool:
        for folder in FOLDERS:
            some = (one for one in remote.bucket.list(folder) if _is_file(one.name))
            missing = (one.name for one in some if sync.differs(remote, one))
            list(pool.map(remote.fetch, missing))
    writer.is_whole = True


def mirror(home: Path) -> None:
    """Have the bucket hold what is here, and nothing else; nothing to do for a folder."""
    if remote := remote_of(home):
        writer = held(home)
        assert writer.is_whole, "what was never fetched would be taken for erased"
        writer.send()
        _delete_gone(remote)
        snapshot.prune(remote, kept=1)


def _delete_gone(remote: Remote) -> None:
    for folder in FOLDERS:
        listed = [one.name for one in remote.bucket.list(folder)]
        gone = [name for name in listed if _is_file(name) and not (remote.folder / name).exists()]
        remote.bucket.delete(gone)
        remote.index.drop(gone)


def drop_versions(home: Path) -> dict[str, int]:
    """Delete what the bucket keeps of replaced and deleted objects; for a receipt, {} for a folder.

    Raises:
        InvalidInput: if that is not allowed.
    """
    if not (remote := remote_of(home)):
        return {}
    mirror(home)
    return {"object versions dropped": remote.bucket.delete_versions()}


def elsewhere(home: Path) -> Iterator[tuple[str, Path]]:
    """Every object of a home that is not here, one at a time, as a file to be searched."""
    if remote := remote_of(home):
        with tempfile.TemporaryDirectory() as scratch:
            for folder in REST:
                for one in remote.bucket.list(folder):
                    file = Path(scratch) / Path(one.name).name
                    if remote.bucket.download(one.name, file):
                        yield one.name, file
                        file.unlink()


def _is_file(name: str) -> bool:
    return ".lance/" not in name and name not in sync.LOCAL
