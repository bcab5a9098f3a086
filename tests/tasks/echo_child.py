"""A child process for tests of `tasks.ingest.ipc`: does what each request says."""

import sys
import time
from dataclasses import dataclass

from tasks.ingest.ipc import Parent, Wire


@dataclass(frozen=True)
class Say:
    """Answer with the text, after writing it to stdout and stderr as a library would."""

    text: str


@dataclass(frozen=True)
class Hang:
    """Answer nothing any more."""


@dataclass(frozen=True)
class Fail:
    """End with an exception."""

    reason: str


@dataclass(frozen=True)
class Flood:
    """Write so many lines to stderr."""

    lines: int


@dataclass(frozen=True)
class Said:
    """The answer."""

    text: str
    sizes: tuple[int, ...] = ()


WIRE = Wire(Say, Hang, Fail, Flood, Said)


def main() -> None:
    parent = Parent(WIRE)
    while True:
        say = parent.receive(Say)
        print("printed by a library", flush=True)
        print(f"about to say {say.text[:20]}", file=sys.stderr, flush=True)
        parent.send(Said(say.text, (len(say.text),)))
        if parent.has(Flood):
            for line in range(parent.receive(Flood).lines):
                print(f"line {line} é{'.' * 90}", file=sys.stderr)
        if parent.has(Fail):
            raise ValueError(parent.receive(Fail).reason)
        if parent.has(Hang):
            time.sleep(3600)


if __name__ == "__main__":
    main()
