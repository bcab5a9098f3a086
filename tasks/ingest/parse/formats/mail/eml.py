"""A mail in a file of its own (eml)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tasks.ingest.parse.base import Item, cut
from tasks.ingest.parse.formats.mail.message import Mail, read
from tasks.ingest.parse.members import Container
from tasks.settings import ParseConfig


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """The mail is the first document, each attachment one of its own, by its name."""
    yield from documents(read(path.read_bytes(), config), "", Container(config))


def documents(mail: Mail, label: str, container: Container) -> Iterator[Item]:
    """The mail and its attachments as documents of a container."""
    part = container.parts
    container.parts += 1
    yield from cut(f"{mail.head}\n{mail.body}\n", "line", 1, part, label)
    if mail.decoded is not None:
        yield replace(mail.decoded, part=part)
    yield from (replace(one, part=part) for one in mail.omitted)
    for name, content in mail.attachments:
        yield from container.member(f"{label}/{name}" if label else name, content)
