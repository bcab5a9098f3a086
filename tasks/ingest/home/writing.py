"""Who may write to a home in a bucket: one process at a time, as long as it is heard of.

The idea: the right to write is an entry of the home's log (`log`), so that to lose it and to be unable to
publish are one thing. While it is held, one thread says so again and again, and another sends what is
complete, so that a machine that dies loses minutes. On one machine the kernel's lock tells at once whether a
writer lives; of one on another machine its silence tells.
"""

import contextlib
import json
import logging
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from model.files import locked, write_atomic
from tasks.errors import NightreadError, Transient
from tasks.ingest.home import log, snapshot, sync
from tasks.ingest.home.log import Entry, Overtaken
from tasks.ingest.home.probe import probe
from tasks.ingest.home.remote import Remote, established, remote_of

SEND_SHARE = 10
"""From one sending to the next goes a lease's time, and so many times what the sending itself took."""
READERS_S = 10.0
"""A command that only reads holds the lock of this machine no longer than it fetches what is new."""
CLOCK_S = 1.5
"""Times of objects are whole seconds."""
BEATS = 6
"""Signs of life in the time after which a writer is given up."""

_log = logging.getLogger("nightread")
_held: dict[Path, "Writer"] = {}


def opened(home: str, storage: Any, *, with_ledger: bool = False) -> Path:
    """The working copy of the home at an s3:// URI, as it is now, for reading.

    Args:
        with_ledger: whether the ledger is wanted too, which may be large.

    Raises:
        InvalidInput: if the store refuses what only its user can change.
        Transient: if it does not answer.
    """
    remote = established(home, storage)
    if remote.folder in _held:
        return remote.folder
    with contextlib.suppress(TimeoutError), locked(remote.folder / ".writer", timeout_s=0):
        # a writer on this machine keeps the copy as it is: it knows better
        sync.refresh(remote)
        if with_ledger:
            snapshot.pull(remote)
    return remote.folder


@contextmanager
def writing(home: Path, who: str = "a command") -> Iterator[None]:
    """Hold the right to write to a home; nothing to do for a folder that is a home itself.

    Args:
        who: what people are told of who writes, such as a run.

    Raises:
        InvalidInput: if the store has no conditional PUT, or refuses what only its user can change.
        Transient: if another writer is alive, or the store does not answer.
        Overtaken: if the right was lost meanwhile.
    """
    remote = remote_of(home)
    if remote is None or remote.folder in _held:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(remote.folder / ".writer", timeout_s=READERS_S))
        except TimeoutError as error:
            raise Transient(
                f"another command on this machine writes to {remote.uri}: try again when it has ended"
            ) from error
        writer = stack.enter_context(_begun(remote, f"{who} on {socket.gethostname()}"))
        yield
        writer.send()


@contextmanager
def _begun(remote: Remote, who: str) -> Iterator["Writer"]:
    probe(remote.bucket)
    writer = Writer(remote, who)
    _held[remote.folder] = writer
    try:
        yield writer
    except BaseException:
        with contextlib.suppress(NightreadError):
            writer.send()  # what was read is kept
        raise
    finally:
        del _held[remote.folder]
        writer.end()


def publish(home: Path, pointer: dict[str, Any], files: Sequence[Path] = ()) -> None:
    """Make this {run, version, time} what readers see: the commit.

    Args:
        files: what it leads to, which is in the bucket first.

    Raises:
        Overtaken: if another machine writes now; readers see what they saw before.
    """
    if remote := remote_of(home):
        sync.send_files(remote, files)
        held(home).append(published=pointer)
    write_atomic(home / sync.PUBLISHED, json.dumps(pointer))


def saved(home: Path, *files: Path) -> None:
    """Have these files in the bucket before anything else is done; nothing to do for a folder."""
    if remote := remote_of(home):
        held(home).check()
        sync.send_files(remote, files)


def held(home: Path) -> "Writer":
    """Who writes to a home in a bucket, where that is this process."""
    return _held[home]


class Writer:
    """The one process that may write to a home in a bucket, and the threads that say so.

    Raises:
        Transient: if another writer is alive.
    """

    def __init__(self, remote: Remote, who: str) -> None:
        self.remote, self.name = remote, f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.sign = f"{log.ALIVE}{self.name}"
        index = remote.index
        self.cache = index.note("cache") or secrets.token_hex(8)
        index.set_note("cache", self.cache)
        before = _free(remote, self.cache)
        self.lease_s = remote.storage.lease_s
        self.beat()
        try:
            self.entry = log.append(
                remote.bucket, before, writer=self.name, cache=self.cache, who=who, lease_s=self.lease_s
            )
        except Overtaken as error:
            remote.bucket.delete([self.sign])
            raise Transient(
                f"another command began to write to {remote.uri} at the same moment: try again when "
                f"it has ended"
            ) from error
        self.number = self.entry.number
        self.lost, self.is_whole = "", False
        self._sent: tuple[float, ...] = ()
        self._sending, self._ended = threading.Lock(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._start(self._beating)  # to see what a large home holds may take longer than the lease
        try:
            self._catch_up(before)
        except BaseException:
            self.end()
            raise
        self._start(self._keeping)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _catch_up(self, before: Entry) -> None:
        """Have the working copy as the writer before left the home."""
        index = self.remote.index
        sync.refresh(self.remote)
        if before.cache != self.cache or not index.note("looked"):
            sync.look(self.remote)
            index.set_note("looked", "yes")
        snapshot.pull(self.remote)

    def append(self, **changes: Any) -> None:
        """Write the next entry of the log."""
        self.check()
        try:
            self.entry = log.append(self.remote.bucket, self.entry, **changes)
        except Overtaken as error:
            self.lost = str(error)
            raise

    def check(self) -> None:
        """Refuse to go on where the right to write is lost.

        Raises:
            Overtaken: saying so.
        """
        if self.lost:
            raise Overtaken(self.lost)

    def beat(self) -> None:
        """Give a sign of life."""
        self.remote.bucket.put(self.sign, b"")
        self._beat = time.monotonic()

    def send(self) -> None:
        """Send what is complete, then the ledger that names it."""
        with self._sending:
            self.check()
            state = snapshot.state(self.remote)
            taken = snapshot.Snapshot(self.remote, self.number)
            sync.send(self.remote)
            taken.send()
            self._sent = state

    def end(self) -> None:
        """Let others write."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        bucket = self.remote.bucket
        with contextlib.suppress(NightreadError):  # others find out by our silence
            if not self.lost:
                self.append(writer="")
                log.prune(bucket, self.lease_s)
                snapshot.prune(self.remote)
        with contextlib.suppress(NightreadError):
            bucket.delete([self.sign])

    def _beating(self) -> None:
        while not self._ended.wait(self.lease_s / BEATS):
            try:
                self.beat()
            except NightreadError as error:
                if time.monotonic() - self._beat > self.lease_s:
                    self.lost = f"{self.remote.uri} was not reached for {self.lease_s:g} s: {error}"
                _log.warning("home: %s", error)

    def _keeping(self) -> None:
        pause = self.lease_s
        while not self._ended.wait(pause):
            began = time.monotonic()
            try:
                if snapshot.state(self.remote) != self._sent:
                    self.send()
            except (NightreadError, OSError, sqlite3.Error) as error:  # a full disk, a folder that just went
                _log.warning("home: %s; it is sent again later", error)
            pause = max(self.lease_s, SEND_SHARE * (time.monotonic() - began))


def _free(remote: Remote, cache: str) -> Entry:
    """The state of a home that nobody writes to: waits for the silence of a writer to last long enough.

    Raises:
        Transient: if the writer gives a sign of life.
    """
    began, first = time.monotonic(), 0.0
    while True:
        entry = log.newest(remote.bucket)
        if not entry.writer or entry.cache == cache:  # the lock of this machine was free: it is dead
            return entry
        silent = remote.bucket.age_s(f"{log.ALIVE}{entry.writer}")
        if silent is None:
            silent = remote.bucket.age_s(log.name_of(entry.number)) or 0.0
        if silent > entry.lease_s:
            return entry
        elapsed = time.monotonic() - began
        if elapsed > 1 and silent < first + elapsed - CLOCK_S:
            raise Transient(
                f"{entry.who} writes to {remote.uri}: try again when it has ended. A writer that died is "
                f"given up after {entry.lease_s:g} s (storage.lease_s)"
            )
        first = silent - elapsed if elapsed < 1 else first
        _log.info("home: waiting whether %s is alive, which writes to %s", entry.who, remote.uri)
        time.sleep(max(1.0, entry.lease_s / BEATS))
