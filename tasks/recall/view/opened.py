"""A document that opens: the sources that hold it, and whether they still do.

The idea: what opens is the stored text, named by the id of its document and never by a path. So nothing opens
that was not read into this very home, and what was cited opens as it was cited, wherever its source went.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import pyarrow.compute as pc

from tasks.errors import InvalidInput, NightreadError, NotFound
from tasks.ingest.home.remote import needed
from tasks.ingest.storage import find
from tasks.ingest.uris import S3
from tasks.memory.reader import Memory, history, sources_of_run
from tasks.memory.sources import part_name
from tasks.runs.ledger import Row
from tasks.settings import StorageConfig

EARLIER = 30
"""Published runs that are looked through, newest first, for a document that memory holds no more."""
MOST_SOURCES = 20
"""Of one document, that are looked for where they were read."""

Now = Literal["same", "changed", "gone", "unknown"]
"""What became of a source since it was read; unknown where its store does not answer."""


@dataclass(frozen=True)
class OpenDocument:
    """A document whose text is stored."""

    home: Path
    document: str
    rows: tuple[Row, ...]
    """Sources that hold it, of schema.SOURCES; one at least."""
    run: str
    """As of which they are known."""
    is_remembered: bool
    """Whether the memory that was asked holds it; else an earlier one did."""

    @property
    def chars(self) -> int:
        return int(self.rows[0]["chars"])

    @property
    def parsed(self) -> str:
        """Its stored text."""
        return str(self.rows[0]["parsed"])

    @property
    def part(self) -> int:
        return int(self.rows[0]["part"])

    @property
    def names(self) -> tuple[str, ...]:
        """Its sources, as people find them."""
        return tuple(dict.fromkeys(map(part_name, self.rows)))


def opened_document(memory: Memory, document: str) -> OpenDocument:
    """A document that this memory holds, or that an earlier one held whose text is still stored.

    Raises:
        NotFound: if there is none of this id.
        InvalidInput: if its text is stored no more.
    """
    if rows := _ok(memory.sources_of(document)):
        return _stored(OpenDocument(memory.home, document, rows, memory.run, True))
    for one in islice(history(memory.home), EARLIER):
        if rows := _held_then(memory.home, one["run"], document):
            return _stored(OpenDocument(memory.home, document, rows, one["run"], False))
    raise NotFound("no document of this id was read, or it was forgotten: search for its words")


def states(rows: Sequence[Row], storage: StorageConfig) -> list[tuple[Row, Now]]:
    """The first `MOST_SOURCES` of these, and what became of each since it was read. A file of several parts
    is asked for once, and a store that does not answer is asked no more."""
    there: dict[str, str | None] = {}
    for uri in dict.fromkeys(row["uri"] for row in rows[:MOST_SOURCES]):
        is_silent = uri.startswith(S3) and None in there.values()
        there[uri] = None if is_silent else _version(uri, storage)
    return [(row, _now(row["version"], there[row["uri"]])) for row in rows[:MOST_SOURCES]]


def _version(uri: str, storage: StorageConfig) -> str | None:
    """That of a source where it lies; "" where there is none, None where its store does not answer."""
    try:
        return next((one.version for one in find(uri, storage) if one.uri == uri), "")
    except NightreadError:
        return None


def _now(read: str, there: str | None) -> Now:
    if there is None:
        return "unknown"
    if not there:
        return "gone"
    return "same" if there == read else "changed"


def _ok(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Those that hold a text: a document without an id is none."""
    return tuple(row for row in rows if row["outcome"] == "ok" and row["document"])


def _held_then(home: Path, run: str, document: str) -> tuple[Row, ...]:
    try:
        sources = sources_of_run(home, run)
    except OSError:  # an upkeep has dropped what is known of it
        return ()
    return _ok(sources.filter(pc.equal(sources["document"], document)).to_pylist())


def _stored(found: OpenDocument) -> OpenDocument:
    try:
        is_there = needed(found.home, found.parsed).exists()
    except OSError:
        is_there = False
    if not is_there:
        raise InvalidInput(f"the text of {found.names[0]} is stored no more: read its corpus again")
    return found
