"""Child processes and the one protocol they speak: typed messages over pipes, one JSON line each.

The idea: a child may hang, outgrow its memory or die at any instruction, so its parent does not rely on what
it says: it watches the exit code, the time since the last message and the resident memory. A child in turn
ends as soon as its parent is gone, whatever it is doing.

    wire = Wire(Request, Reply)                          # in a module that both sides import

    child = Child("tasks.some.module", wire)             # the parent
    child.send(Request(1))
    replies = child.receive(timeout_s=1.0)

    parent = Parent(wire)                                # the child
    parent.send(Reply(parent.receive(Request).number))
"""

import json
import os
import queue
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter

from model.hardware import resident_bytes

_TAIL = 4000
"""Characters of a child's stderr that are shown; what it wrote before them is forgotten."""
_DRAIN_S = 1.0
"""How long to wait for the last words of a child that has ended."""
_PIECE = 1 << 20

M = TypeVar("M")


class Wire:
    """The messages of one channel: frozen dataclasses, told apart by the names of their classes.

    Raises:
        KeyError: from `encode` and `decode`, for a class that was not registered.
        pydantic.ValidationError: from `decode`, if the fields are not those of the class.
    """

    def __init__(self, *types: type[Any]) -> None:
        self.types = types
        self._adapters = {kind.__name__: TypeAdapter[Any](kind) for kind in types}

    def encode(self, message: object) -> bytes:
        """One line, with its end."""
        name = type(message).__name__
        fields = self._adapters[name].dump_python(message, mode="json")
        return json.dumps({"type": name, "fields": fields}).encode() + b"\n"

    def decode(self, line: bytes) -> Any:
        """The message of one line."""
        parsed = json.loads(line)
        return self._adapters[parsed["type"]].validate_python(parsed["fields"])


class Child:
    """A process that runs a module of ours, as its parent sees it.

    Args:
        module: run as `python -m module`.
        environment: variables beside those of this process.
    """

    def __init__(
        self,
        module: str,
        wire: Wire,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.wire, self.last_heard, self._partial = wire, time.monotonic(), b""
        paths = os.pathsep.join(filter(None, sys.path))
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
            start_new_session=True,  # an interrupt is the parent's to handle
        )
        assert self.process.stderr is not None
        self._stderr = _Tail(self.process.stderr)

    def fileno(self) -> int:
        """Readable when there is something to receive, so that selectors can wait for several children."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def send(self, message: object) -> None:
        """A child that has died receives nothing: `exit_cause` tells."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(self.wire.encode(message))
            self.process.stdin.flush()

    def receive(self, timeout_s: float = 0.0) -> list[Any]:
        """Messages that are there, or come within `timeout_s`; none also where the child has died."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return []
        piece = os.read(self.fileno(), _PIECE)
        if not piece:  # its end of the pipe is closed: it is exiting
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)
            self.kill()
            return []
        *lines, self._partial = (self._partial + piece).split(b"\n")
        self.last_heard = time.monotonic()
        return [self.wire.decode(line) for line in lines]

    @property
    def silent_s(self) -> float:
        """Seconds since its last message, or since it was started."""
        return time.monotonic() - self.last_heard

    @property
    def resident(self) -> int:
        """Bytes of resident memory; 0 if it has died."""
        return resident_bytes(self.process.pid)

    @property
    def starved_s(self) -> float:
        """Seconds in which it could have run and no core was free; 0 where the kernel does not count them."""
        try:
            counted = Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        except OSError:
            return 0.0
        return int(counted[1]) / 1e9 if len(counted) > 1 else 0.0

    def exit_cause(self) -> str:
        """What ended it; "" while it runs."""
        code = self.process.poll()
        if code is None:
            return ""
        if code == -signal.SIGKILL:
            return "it was killed (SIGKILL), as the system does when memory runs out"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it failed: {(self.stderr_tail().splitlines() or [f'exit code {code}'])[-1]}"

    def stderr_tail(self) -> str:
        """The end of what it wrote to stderr."""
        ended = self.process.poll() is not None
        return self._stderr.read(_DRAIN_S if ended else 0.0)[-_TAIL:].strip()

    def kill(self) -> None:
        """At once; what it had sent can still be received."""
        self.process.kill()
        self.process.wait()

    def close(self, wait_s: float = 0.0) -> None:
        """End it by closing its pipe, or by force after `wait_s`, and give back what it holds here."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(wait_s)
        self.kill()
        self.process.stdout.close()


class _Tail:
    """The end of what a process writes to a pipe; a thread reads it, so that the process never waits."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._end = b""
        self._thread = threading.Thread(target=self._drain, args=(pipe,), daemon=True)
        self._thread.start()

    def _drain(self, pipe: IO[bytes]) -> None:
        with pipe:
            while piece := os.read(pipe.fileno(), _PIECE):
                self._end = (self._end + piece)[-4 * _TAIL :]  # a character is four bytes at most

    def read(self, wait_s: float) -> str:
        """What has come; waits so long for the rest, which a grandchild may hold back for ever."""
        self._thread.join(wait_s)
        return self._end.decode(errors="replace")


class Parent:
    """The parent, as the child sees it: at most one in a process.

    stdout belongs to the protocol: whatever libraries print goes to stderr. The process ends when the parent
    closes the pipe, or is gone.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._inbox: dict[type, queue.SimpleQueue[Any]] = {kind: queue.SimpleQueue() for kind in wire.types}
        self._replies = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            partial = b""
            while piece := os.read(0, _PIECE):  # sys.stdin's lock would abort the interpreter's exit
                *lines, partial = (partial + piece).split(b"\n")
                for message in map(self.wire.decode, lines):
                    self._inbox[type(message)].put(message)
        except Exception:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)  # the parent is gone: nothing done from here on would be used

    def send(self, message: object) -> None:
        self._replies.write(self.wire.encode(message))
        self._replies.flush()

    def receive(self, kind: type[M]) -> M:
        """The next message of this class; waits for it."""
        message: M = self._inbox[kind].get()
        return message

    def has(self, kind: type[Any]) -> bool:
        """Whether a message of this class has come."""
        return not self._inbox[kind].empty()


def free_port() -> int:
    """A TCP port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
