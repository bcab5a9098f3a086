"""What a record is searched by beside its own words: where it stands, and what stands before it.

The idea: a passage rarely names what it is about. Its document's title, its section, its date and the passage
before it do, so they are searched with it and never shown as its words.
"""

import hashlib
import re
from calendar import month_name
from dataclasses import dataclass

from tasks.memory.names import names
from tasks.text.dates import dates
from tasks.text.labels import labels
from tasks.text.speakers import opening

BEFORE_CHARS = 400
"""Of the passage before that go into the context, its last ones."""


@dataclass(frozen=True)
class Key:
    """Where a record stands."""

    title: str = ""
    section: str = ""
    date: str = ""
    """ISO, as much of it as is known."""
    speaker: str = ""
    """Who says it."""
    before: str = ""
    """Text of the passage before; "" for the first, and at other levels."""
    position: int = -1
    """Number of a passage in its document."""

    def context(self, text: str) -> str:
        """The context-rich key of a record whose words are `text`: a line for each part there is."""
        said = f"{self.speaker}: {text}" if self.speaker and not opening(text) else text
        parts = (self.title, self.section, spoken(self.date), self.before[-BEFORE_CHARS:], said)
        return "\n".join(part for part in parts if part)

    def columns(self, text: str) -> dict[str, object]:
        """The columns of schema.RECORDS that this key fills, but for the vector."""
        return {
            "title": self.title,
            "section": self.section,
            "context": self.context(text),
            "position": self.position,
            "dates": list(dict.fromkeys(filter(None, (self.date, *(found.iso for found in dates(text)))))),
            "entities": list(dict.fromkeys(filter(None, (self.speaker, *names(text))))),
            "labels": labelled(text, self.title, self.position),
        }


def labelled(text: str, title: str, position: int) -> list[str]:
    """Labels of a record: those of a passage alone are of its words, others have their title with them."""
    return labels(text if position >= 0 else f"{title}\n{text}")


def spoken(date: str) -> str:
    """A date as people write and ask for it: "5 March 2024" for 2024-03-05."""
    year, *rest = date.split("-")
    month = [month_name[int(rest[0])]] if rest else []
    return " ".join([*(str(int(day)) for day in rest[1:]), *month, year])


_DATE_LINE = re.compile(r"(?:\d{1,2} )?(?:[A-Z][a-z]+ )?\d{4}\n")


def own_context(context: str, title: str, section: str) -> str:
    """A context without what it has from the whole document, its title and its date."""
    rest = context.removeprefix(f"{title}\n").removeprefix(f"{section}\n")
    return f"{section}\n{rest[found.end() :] if (found := _DATE_LINE.match(rest)) else rest}"


def text_hash(text: str) -> int:
    """A number that texts of the same words share, whatever their case and the space between them."""
    flat = " ".join(text.casefold().split())
    return int.from_bytes(hashlib.blake2b(flat.encode(), digest_size=8).digest(), signed=True)
