"""What goes to and fro between a home in a bucket and its working copy.

The idea: small files that change (what runs published, corrections, receipts) are fetched when a command
begins; texts, shards and reports when they are asked for; all are sent when they are complete, markers last.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from model.files import write_atomic
from tasks.ingest.home import log
from tasks.ingest.home.bucket import Stored
from tasks.ingest.home.remote import Remote

THREADS = 16
"""Requests at a time: each waits for the network, not for the processor."""
MADE = ("parsed", "shards", "states")
"""Folders of files that are named by their content, fetched when they are asked for."""
SENT = (*MADE, "memory/runs", "memory/receipts")
MARKER = "_DONE"
PUBLISHED, FORGOTTEN = "memory/published.json", "memory/forgotten.json"
ERASURE = "memory/erasure.json"
"""What is being erased and how far it came: whoever writes it sends it, after everything that it tells."""
LOCAL = (PUBLISHED, "memory/.committer")
"""Not sent: the log of the home tells the one, the other is the kernel's."""


def refresh(remote: Remote) -> log.Entry:
    """Fetch what runs and people have said of the memory since; the state of the home."""
    entry = log.newest(remote.bucket)
    _point(remote, entry)
    before = remote.index.known(FORGOTTEN)
    kept = [one for one in remote.bucket.list("memory/", folder=True) if one.name not in LOCAL]
    kept += remote.bucket.list("memory/receipts/")
    _fetch(remote, [one for one in kept if differs(remote, one)])
    _drop_gone(remote, kept, lambda name: name.count("/") == 1 or name.startswith("memory/receipts/"))
    runs = list(remote.bucket.list("memory/runs/"))
    _fetch(remote, [one for one in runs if one.name.endswith("/run.json") and differs(remote, one)])
    for one in runs:
        known = remote.index.known(one.name)
        if known and known.etag != one.etag:
            _forget(remote, one.name)  # fetched when it is asked for
    _drop_gone(remote, runs, lambda name: name.startswith("memory/runs/"))
    after = remote.index.known(FORGOTTEN)
    if after and (before is None or before.etag != after.etag):
        purge(remote)  # what was forgotten on another machine must not stay here
    return entry


def _point(remote: Remote, entry: log.Entry) -> None:
    path = remote.folder / PUBLISHED
    if entry.published is None:
        path.unlink(missing_ok=True)
        return
    pointer = json.dumps(entry.published)
    if not path.exists() or path.read_text() != pointer:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, pointer)


def differs(remote: Remote, one: Stored) -> bool:
    """Whether the bucket holds another version than is here."""
    known = remote.index.known(one.name)
    return known is None or known.etag != one.etag or not (remote.folder / one.name).exists()


def _fetch(remote: Remote, some: Iterable[Stored]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda one: remote.fetch(one.name), some))


def _forget(remote: Remote, name: str) -> None:
    """Drop a file that is here and not, or in another version, in the bucket."""
    with suppress(FileNotFoundError):
        (remote.folder / name).unlink()
    remote.index.drop([name])


def _drop_gone(remote: Remote, there: Iterable[Stored], ours: Callable[[str], bool]) -> None:
    """Drop files that the bucket held once and does not hold any more."""
    names = {one.name for one in there}
    for name, _ in list(remote.index.below("memory/")):
        if ours(name) and name not in names:
            _forget(remote, name)


def purge(remote: Remote) -> None:
    """Drop every text, shard and state that is here: they are fetched again when they are asked for.

    So does the ledger. Prefect's database of this machine goes too: it holds copies of reports.
    """
    shutil.rmtree(remote.folder / "prefect", ignore_errors=True)
    for pattern in ("ledger.sqlite*", ".ledger.*"):  # the second: what a process that was killed had copied
        for path in remote.folder.glob(pattern):
            path.unlink(missing_ok=True)
    remote.index.set_note("ledger", "")
    for folder in MADE:
        shutil.rmtree(remote.folder / folder, ignore_errors=True)
        remote.index.drop([name for name, _ in remote.index.below(f"{folder}/")])


def look(remote: Remote) -> None:
    """See which texts, shards and states the bucket holds."""
    for folder in MADE:
        some: list[Stored] = []
        for one in remote.bucket.list(f"{folder}/"):
            some.append(one)
            if len(some) == 1000:
                remote.index.see(some)
                some = []
        remote.index.see(some)


def send(remote: Remote) -> None:
    """Send every complete file that the bucket does not hold as it is here, markers last."""
    first: list[Path] = []
    last: list[Path] = []
    for path in _complete(remote.folder):
        name = str(path.relative_to(remote.folder))
        with suppress(FileNotFoundError):  # a state that was of no more use
            if not remote.index.has_sent(name, path):
                (last if path.name == MARKER else first).append(path)
    for some in (first, last):
        send_files(remote, some)
    states = [name for name, known in remote.index.below("states/") if known.was_here]
    gone = [name for name in states if not (remote.folder / name).exists()]  # of documents that are published
    remote.bucket.delete(gone)
    remote.index.drop(gone)


def send_files(remote: Remote, files: Iterable[Path]) -> None:
    """Send these files."""

    def one(path: Path) -> None:
        with suppress(FileNotFoundError):  # a state that was of no more use
            status, name = path.stat(), str(path.relative_to(remote.folder))
            etag = remote.bucket.upload(path, name)
            remote.index.keep(name, etag, status.st_size, status.st_mtime_ns)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, files))


def _complete(folder: Path) -> Iterator[Path]:
    """Files that are sent; what a process is still writing is hidden, or in a folder that says so."""
    for name in SENT:
        for path in sorted((folder / name).rglob("*")):
            parts = path.relative_to(folder / name).parts
            unfinished = any(part.startswith(".") or part.endswith((".new", ".ranges")) for part in parts)
            if not unfinished and path.is_file():
                yield path
    for path in sorted((folder / "memory").glob("*")):
        is_lock = path.suffix == ".lock" or path.name.startswith(".")
        if path.is_file() and not is_lock and f"memory/{path.name}" not in (*LOCAL, ERASURE):
            yield path
