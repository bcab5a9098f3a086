"""A source parsed as the parser process does it, and what its text says where."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.ingest.parse import place_of, read_text
from tasks.ingest.parse.child import parse_file
from tasks.settings import ParseConfig


@dataclass(frozen=True)
class Read:
    """A document of a source."""

    home: Path
    parsed: str
    row: dict[str, Any]

    @property
    def text(self) -> str:
        """All of its text."""
        return read_text(self.home, self.parsed, self.row["part"], 0, self.row["chars"])

    @property
    def omitted(self) -> dict[str, int]:
        """What is left out of it, by kind."""
        return {one["kind"]: one["count"] for one in self.row["omitted"]}

    def place(self, words: str) -> str:
        """Where words of it stand, which a citation of them has to the character."""
        start = self.text.index(words)
        assert read_text(self.home, self.parsed, self.row["part"], start, start + len(words)) == words
        return place_of(self.home, self.parsed, self.row["part"], start)


def documents(path: Path, config: ParseConfig | None = None) -> dict[str, Read]:
    """The documents of a source by their label."""
    target = path.with_name(f"{path.name}.text.parquet")
    rows = parse_file(path, path.name, target, config or ParseConfig())
    return {row["label"]: Read(path.parent, target.name, row) for row in rows}


def document(path: Path, config: ParseConfig | None = None) -> Read:
    """The one document of a source."""
    [read] = documents(path, config).values()
    return read
