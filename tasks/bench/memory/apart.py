"""A part of a benchmark in a process of its own, so that its peak memory is its own.

The idea: what the child reports, and at last what it found, comes back over one queue.
"""

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

from tasks.bench.progress import Progress
from tasks.errors import NightreadError


def apart(function: Callable[..., Any], *arguments: Any, progress: Progress) -> Any:
    """What `function(*arguments, progress)` returns, run in a fresh process.

    Raises:
        NightreadError: if the process ends without an answer; its own error is on the terminal.
    """
    context = get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_child, args=(queue, function, arguments))
    process.start()
    try:
        while True:
            try:
                kind, said = queue.get(timeout=1.0)
            except Empty:
                if process.is_alive():
                    continue
                raise NightreadError(f"{function.__name__} ended with code {process.exitcode}") from None
            if kind == "found":
                return said
            progress(*said)
    finally:
        process.join(10.0)
        process.kill()


def peak_memory() -> int:
    """Most resident bytes of this process since it began; what getrusage says is its parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _child(queue: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    queue.put(("found", function(*arguments, lambda *said: queue.put(("progress", said)))))
