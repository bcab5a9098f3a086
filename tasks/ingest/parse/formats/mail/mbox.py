"""Mailboxes (mbox), streamed mail by mail: each is a document, and so is each of its attachments.

A line "From ..." begins a mail only behind a blank line and with a date, since people write such lines too;
the standard library's mailbox takes each of them for a mail.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted
from tasks.ingest.parse.formats.mail.eml import documents
from tasks.ingest.parse.formats.mail.message import read
from tasks.ingest.parse.formats.mail.quoted import Said
from tasks.ingest.parse.members import Container
from tasks.settings import ParseConfig

_FROM = re.compile(rb"From (?:\S+|\S+ at \S+|) ?.*\b\d{4}(?: [+-]\d{4})?\s*$")
_ESCAPED = re.compile(rb">+From ")
_MOST_BYTES = 256 << 20
"""Of one mail."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Mails in order, called "mail 1", "mail 2" ...; quotations of earlier ones are left out and counted."""
    container, said = Container(config), Said()
    with path.open("rb") as file:
        for number, content in enumerate(_mails(file), 1):
            label = f"mail {number}"
            try:
                mail = read(content, config)
            except BadDocument as error:
                yield container.refused(label, error)
                continue
            mail.body, quoted = said.once(mail.body)
            if quoted:
                mail.omitted.append(Omitted("quoted line of an earlier mail", quoted))
            yield from documents(mail, label, container)


def _mails(file: IO[bytes]) -> Iterator[bytes]:
    """Bytes of each mail without the line that begins it."""
    lines: list[bytes] = []
    size, blank, begun = 0, True, False
    for line in file:
        if blank and line.startswith(b"From ") and _FROM.match(line):
            if begun:
                yield b"".join(lines)
            lines, size, begun = [], 0, True
        elif begun:
            lines.append(line[1:] if _ESCAPED.match(line) else line)
            size += len(line)
            if size > _MOST_BYTES:
                raise BadDocument("too_large", f"a mail of more than {_MOST_BYTES:,} bytes in the mailbox")
        blank = not line.strip()
    if begun:
        yield b"".join(lines)
