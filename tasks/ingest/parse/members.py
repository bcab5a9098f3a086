"""What lies inside a source: attachments, members of archives, each parsed as what its own bytes say.

    container = Container(config)
    yield from container.member("letters/a.docx", archive.open(entry))   # a document of its own, or several
    yield from embedded("table.html", payload, config)                   # text of the document around it

The idea: what is inside may hold others inside, and unpack to a thousand times its size; both are limited for
the source as a whole, whoever unpacks.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from tasks.errors import BadDocument
from tasks.ingest.parse.base import MACHINE, Decoded, Item, Omitted, TextSpan, as_bad
from tasks.ingest.parse.detect import detect, suffix_of
from tasks.ingest.parse.formats import format_of
from tasks.settings import ParseConfig

MOST_DEPTH = 4
"""Containers inside each other, the source itself not counted."""
MOST_RATIO, LEAST_ALLOWED = 200, 64 << 20
"""A source may unpack to so many times its size, and to so many bytes in any case."""
MOST_MEMBERS = 100_000
_PIECE = 1 << 20


class TooMuch(BadDocument):
    """A source that unpacks to more than is allowed: all of it is refused, not one member."""


@dataclass
class _Unpacked:
    """What was unpacked of the source that is being parsed in this process."""

    allowed: int = LEAST_ALLOWED
    size: int = 0
    members: int = 0
    depth: int = 0


_now = _Unpacked()


def begin(path: Path, config: ParseConfig) -> None:
    """A new source: nothing of it is unpacked yet."""
    global _now
    most = max(LEAST_ALLOWED, MOST_RATIO * path.stat().st_size)
    _now = _Unpacked(min(most, config.max_mb << 20))


def parse_member(name: str, source: bytes | Path | IO[bytes], config: ParseConfig) -> Iterator[Item]:
    """What a member says, parts numbered as it numbers them itself.

    Args:
        name: what it is called in its container; only the end of it is used, and never as a path.
        source: its bytes, a file of them, or a stream, which is read once.

    Raises:
        BadDocument: of the member; too_large where the limits of the source are reached.
    """
    _now.members += 1
    if _now.depth >= MOST_DEPTH:
        raise TooMuch("too_large", f"containers inside each other, more than {MOST_DEPTH} deep")
    if _now.members > MOST_MEMBERS:
        raise TooMuch("too_large", f"more than {MOST_MEMBERS:,} members")
    with _file(name, source) as path:
        _now.depth += 1
        try:
            yield from format_of(detect(path, path.name)).parse(path, config)
        finally:
            _now.depth -= 1


def embedded(name: str, source: bytes | Path | IO[bytes], config: ParseConfig) -> Iterator[Item]:
    """What a member says as text of the document around it: part 0, without labels; parts that cannot be
    read are left out and counted. Raises BadDocument as `parse_member` does."""
    for item in parse_member(name, source, config):
        if isinstance(item, TextSpan) and item.reason:
            yield Omitted(f"part ({item.reason})", where=item.label)
        elif isinstance(item, TextSpan):
            yield replace(item, part=0, label="")
        else:
            yield replace(item, part=0)


class Container:
    """The documents of a container, numbered through all its members."""

    def __init__(self, config: ParseConfig) -> None:
        self.config, self.parts = config, 0

    def member(self, name: str, source: bytes | Path | IO[bytes]) -> Iterator[Item]:
        """Every document of a member as a part of its own; one that cannot be read is a part with its reason.

        The label of a part is the member's name, and behind it, after "/", what the member calls it.
        """
        first, seen = self.parts, -1
        label = " ".join(name.encode("utf-8", "replace").decode().split())
        try:
            for item in parse_member(name, source, self.config):
                if isinstance(item, TextSpan):
                    seen = max(seen, item.part)
                    self.parts = first + seen + 1
                yield _moved(item, first, label)
        except (TooMuch, MemoryError):
            raise
        except Exception as error:  # a parser's own fault is this member's outcome
            if getattr(error, "errno", None) in MACHINE:
                raise
            self.parts = first + seen + 1
            yield self.refused(label, as_bad(error))
            return
        if seen < 0:
            yield self.refused(label, BadDocument("empty_text", "there is no text in it"))

    def refused(self, label: str, bad: BadDocument) -> TextSpan:
        """A member that cannot be read: a part with its reason."""
        self.parts += 1
        return TextSpan("", "member", 1, self.parts - 1, label, f"{bad.outcome}: {bad.reason}")


def _moved(item: Item, first: int, label: str) -> Item:
    if isinstance(item, TextSpan):
        inner = f"{label}/{item.label}" if item.label else label
        return replace(item, part=first + item.part, label=inner)
    if isinstance(item, Omitted | Decoded):
        return replace(item, part=first + item.part)
    raise AssertionError(item)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A file to write to, named after `name` by its suffixes alone; it is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="member-") as folder:
        yield Path(folder) / f"member{suffix_of(name)}"


def expect(size: int) -> None:
    """Refuse a source before it is unpacked, where it says itself that it unpacks to more than is allowed.

    Raises:
        BadDocument: too_large.
    """
    if _now.size + size > _now.allowed:
        raise TooMuch("too_large", f"it unpacks to more than {_now.allowed:,} bytes")


def unpack(stream: IO[bytes], target: Path) -> None:
    """Copy a stream that unpacks as it is read.

    Raises:
        BadDocument: too_large, if the source as a whole unpacks to more than is allowed.
    """
    with target.open("wb") as file:
        while piece := stream.read(_PIECE):
            expect(len(piece))
            _now.size += len(piece)
            file.write(piece)


@contextmanager
def _file(name: str, source: bytes | Path | IO[bytes]) -> Iterator[Path]:
    """The member as a file of its own, named by its suffixes."""
    if isinstance(source, Path):
        yield source
        return
    with scratch(name) as path:
        if isinstance(source, bytes):
            path.write_bytes(source)
        else:
            unpack(source, path)
        yield path
