"""One call on its way through the engine: when it must be done, whether anybody still waits, who is told.

The idea: a call is a generator that stops after each pass over the model, so the thread that computes can
look at other calls, at deadlines and at those who went away, however long it takes.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tasks.serve.door import Name


class Step(Enum):
    """What a call did, and waits for now."""

    WORKED = "it has run the model or waited for the disk, and goes on"
    WRITES = "its answer is a row of the batch"
    WAITS = "nothing can be done for it: its text has not come, or another one reads into its context"


Steps = Generator[Step, None, None]
END = object()
"""What comes last into an inbox."""


@dataclass
class Inbox:
    """What a caller gives to be read, while it is read; it holds a little, so that callers wait."""

    most_chars: int = 1 << 16
    items: "deque[object]" = field(default_factory=deque)
    chars: int = 0
    came: float = field(default_factory=time.monotonic)
    """When something came last."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def offer(self, item: "str | Sequence[int] | object") -> bool:
        """Take an item, or END; False where it is full: offer it again in a moment."""
        with self.lock:
            if self.chars > self.most_chars and item is not END:
                return False
            self.items.append(item)
            self.chars += _size(item)
            self.came = time.monotonic()
            return True

    def take(self) -> object | None:
        """The oldest item, if there is one."""
        with self.lock:
            if not self.items:
                return None
            item = self.items.popleft()
            self.chars -= _size(item)
            return item


def _size(item: object) -> int:
    return 4 * len(item) if isinstance(item, list | tuple) else len(item) if isinstance(item, str) else 0


@dataclass
class Job:
    """One call.

    `deliver` is called by the computing thread with whatever comes back, also an error, and must not wait.
    """

    name: Name
    deliver: Callable[[object], None]
    until: float | None
    """When it must be done, on the monotonic clock."""
    inbox: Inbox | None = None
    """Of one that reads."""
    began: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    """Nobody waits for it any more."""
    steps: Steps | None = None
    step: Step = Step.WORKED
    """What it said last."""

    @property
    def late(self) -> bool:
        return self.until is not None and time.monotonic() > self.until
