"""What a record is searched by beside its own words: where it stands, and what stands before it.

The idea: a passage rarely names what it is about. Its document's title, its section, its date and the passage
before it do, so they are searched with it and never shown as its words.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.memory.names import names

BEFORE_CHARS = 400
"""Of the passage before that go into the context, its last ones."""


@dataclass(frozen=True)
class Key:
    """Where a record stands."""

    title: str = ""
    section: str = ""
    date: str = ""
    """ISO, as much of it as is known."""
    before: str = ""
    """Text of the passage before; "" for the first, and at other levels."""
    position: int = -1
    """Number of a passage in its document."""

    def context(self, text: str) -> str:
        """The context-rich key of a record whose words are `text`: a line for each part there is."""
        parts = (self.title, self.section, self.date, self.before[-BEFORE_CHARS:], text)
        return "\n".join(part for part in parts if part)

    def columns(self, text: str, dates: Iterable[str] = ()) -> dict[str, object]:
        """The columns of schema.RECORDS that this key fills, but for the vector."""
        return {
            "title": self.title,
            "section": self.section,
            "context": self.context(text),
            "position": self.position,
            "dates": sorted({date for date in (self.date, *dates) if date}),
            "entities": names(text),
        }
