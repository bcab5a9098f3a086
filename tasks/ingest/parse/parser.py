"""A parser process, as those see it who have it parse: reused, watched, replaced when it failed or grew.

The idea: every thread that parses borrows one for as long as a source takes; what happens in the process
becomes the outcome of that source, and of no other.
"""

import atexit
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tasks.errors import BadDocument, Transient, unwritable
from tasks.ingest.ipc import Child
from tasks.ingest.parse.confined import ALL
from tasks.ingest.parse.messages import WIRE, Parsed, ParseRequest, Ready, Refused, Unable, Working
from tasks.settings import ParseConfig

POLL_S = 0.05
"""How often the parser's memory is looked at."""
_log = logging.getLogger("nightread")
START_S = 120.0
"""Loading what every format needs may take so long."""
MOST_SOURCES = 5_000
"""Sources after which a process makes room for a fresh one."""
_SLACK = 6 << 30
"""Address space beyond the resident cap: mapped libraries and allocator reserves are not memory."""


class Crashed(Exception):
    """The process has ended by itself, or was killed by somebody else."""


class Parser:
    """A parser process for one home, started when it is needed."""

    def __init__(self, folder: Path, config: ParseConfig) -> None:
        self.key = parser_of(folder, config)
        self.cap, self.most_bytes = config.memory_mb << 20, max(1 << 30, config.max_mb << 21)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=".parsing-", dir=folder))
        """The only one that the process may write to; empty between two sources."""
        self.enforced: tuple[str, ...] = ()
        self._child: Child | None = None
        self._served = 0

    def stop(self) -> None:
        """Kill the process, if there is one."""
        if self._child is not None:
            self._child.close()
        self._child = None

    def close(self) -> None:
        """Kill the process and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def parse(self, request: ParseRequest, size: int) -> list[dict[str, Any]]:
        """Parts of a source of `size` bytes.

        A process that ends under a source may have been killed for another's sake: it gets a second one.

        Raises:
            BadDocument: with what the parser says of it, or with why the parser was killed.
            InvalidInput: if the disk is full, or too many files are open.
            Transient: if the process does not start.
        """
        limit_s, source = request.config.timeout_s * (1 + size / (16 << 20)), Path(request.path)
        for again in (True, False):
            try:
                child = self._started(source)
                child.send(request)
                reply = self._reply(child, limit_s)
                break
            except Crashed as error:
                self._renew(source)
                if not again:
                    raise BadDocument("corrupt", "the parser crashed on it") from error
            except BadDocument:
                self._renew(source)
                raise
        self._served += 1
        if isinstance(reply, Refused):
            raise BadDocument(reply.outcome, reply.reason)
        if isinstance(reply, Unable):
            raise unwritable(self.folder.parent, reply.reason)
        assert isinstance(reply, Parsed)
        return reply.parts

    def _started(self, source: Path) -> Child:
        # what earlier documents left behind would be counted against the next one
        child = self._child
        if child and (child.exit_cause() or child.resident > self.cap // 2 or self._served >= MOST_SOURCES):
            self._renew(source)
        if self._child is None:
            arguments = [str(self.cap + _SLACK), str(self.folder), str(self.most_bytes)]
            environment = {"TMPDIR": str(self.folder), "OMP_NUM_THREADS": "1"}
            self._child = Child("tasks.ingest.parse.child", WIRE, arguments, environment)
            self._served = 0
            try:
                ready = self._reply(self._child, START_S)
            except BadDocument as error:
                self.stop()
                if error.outcome != "timeout":
                    raise
                raise Transient(
                    f"a parser did not start within {START_S:g} s, which says nothing of any document: the "
                    f"same command tries again; look whether this machine has too much to do"
                ) from error
            assert isinstance(ready, Ready)
            self.enforced = ready.enforced
            _warn(tuple(what for what in ALL if what not in ready.enforced))
        return self._child

    def _renew(self, source: Path) -> None:
        """Without the process, and without what it left in its folder, where the source may lie as a copy."""
        self.stop()
        self.tidy(source)

    def tidy(self, but: Path | None = None) -> None:
        """Remove what a source has left in its folder."""
        for left in self.folder.iterdir():
            if left == but:
                continue
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)

    def _reply(self, child: Child, limit_s: float) -> Ready | Parsed | Refused | Unable:
        """The next message of the parser, which is watched meanwhile.

        The time in which it waits for a core is not counted: a busy machine makes no source a bad one.
        """
        deadline, starved = time.monotonic() + limit_s, child.starved_s
        while True:
            for message in child.receive(POLL_S):
                if isinstance(message, Working):
                    deadline = max(deadline, time.monotonic() + message.seconds + limit_s)
                    continue
                reply: Ready | Parsed | Refused | Unable = message
                return reply
            if child.exit_cause():
                raise Crashed
            if (used := child.resident) > self.cap:
                megabytes = f"{used >> 20} MiB of memory, over the cap of {self.cap >> 20}"
                raise BadDocument("out_of_memory", f"the parser took {megabytes}, and was killed")
            if time.monotonic() > deadline and time.monotonic() > deadline + child.starved_s - starved:
                raise BadDocument("timeout", f"the parser took longer than {limit_s:g} s and was killed")


@cache
def _warn(missing: tuple[str, ...]) -> None:
    """Say once what the kernel does not keep parsers from."""
    if missing:
        _log.warning("parse: this kernel cannot enforce that a parser has %s", " or ".join(missing))


def parser_of(folder: Path, config: ParseConfig) -> tuple[str, int, int]:
    """What a parser process must have been started for, to serve these."""
    return str(folder), config.memory_mb, config.max_mb


class _Idle:
    """Parsers that nobody uses at the moment, of this process."""

    def __init__(self) -> None:
        self._lock, self._parsers, self._pid = threading.Lock(), list[Parser](), os.getpid()
        atexit.register(self.keep, 0)

    def take(self, folder: Path, config: ParseConfig) -> Parser:
        key = parser_of(folder, config)
        with self._lock:
            fitting = [one for one in self._parsers if one.key == key and one.folder.is_dir()]
            if fitting:
                self._parsers.remove(fitting[-1])
                return fitting[-1]
            other = self._parsers.pop(0) if self._parsers else None
        if other is not None:  # of another home: not more processes than are used at a time
            other.close()
        return Parser(folder, config)

    def give(self, parser: Parser) -> None:
        with self._lock:
            self._parsers.append(parser)

    def keep(self, count: int) -> None:
        """End all but so many of them."""
        if self._pid != os.getpid():
            return
        with self._lock:
            ended, self._parsers = self._parsers[count:], self._parsers[:count]
        for parser in ended:
            parser.close()


@cache
def _idle(_pid: int) -> _Idle:
    """This process's parsers; a fork gets its own."""
    return _Idle()


@contextmanager
def borrowed(folder: Path, config: ParseConfig) -> Iterator[Parser]:
    """A parser for as long as the block runs, which nobody else uses meanwhile; it works in `folder`."""
    idle = _idle(os.getpid())
    parser = idle.take(folder, config)
    try:
        yield parser
    finally:
        parser.tidy()
        idle.give(parser)


def end_idle(keep: int = 1) -> None:
    """End the parsers that nobody uses, all but so many."""
    _idle(os.getpid()).keep(keep)
