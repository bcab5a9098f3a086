"""What a person means to forget: the documents that were ever at a place, and everything known of them.

The idea: sources are looked up in every run that was ever published, and in the ledger, so that earlier
versions of a document go with it. A document is erased only where no other source holds it now.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tasks.errors import InvalidInput
from tasks.ingest.forgotten import Forgotten
from tasks.ingest.uris import canonical, place
from tasks.memory.earlier import files
from tasks.memory.reader import open_memory
from tasks.memory.sources import part_name
from tasks.runs.ledger import Ledger, Row
from tasks.text.counted import counted

SHORTEST_HASH = 8
"""Hexadecimal digits by which a document may be named."""


@dataclass(frozen=True)
class Targets:
    """Documents that are to be forgotten."""

    documents: frozenset[str]
    named: tuple[str, ...]
    """What they were named by: canonical URIs, or documents."""
    rows: tuple[Row, ...]
    """Every row of schema.SOURCES that holds or held one of them."""

    @property
    def places(self) -> list[str]:
        """Sources and parts that hold or held them, as people find them."""
        return sorted({part_name(row) for row in self.rows})

    @property
    def uris(self) -> set[str]:
        return {row["uri"] for row in self.rows}


def resolve(home: Path, ledger: Ledger, names: Sequence[str], everywhere: bool = False) -> Targets:
    """What these URIs and documents (their hashes, or the first digits) stand for.

    Args:
        everywhere: whether copies at other places go too.

    Raises:
        InvalidInput: if one stands for nothing, or a copy at another place holds a document.
    """
    rows = list(_distinct(known_rows(home, ledger)))
    documents, meant = set[str](), list[str]()
    forgotten = Forgotten(home)
    for name in names:
        found, spelled = _found(rows, name)
        if not found:
            gone = " any more: it was forgotten" if forgotten.names(spelled) else ""
            raise InvalidInput(f"{name}: nothing that was read is called so{gone}; {_meant(rows, name)}")
        documents |= found
        meant.append(spelled)
    held = tuple(row for row in rows if row["document"] in documents)
    if not everywhere:
        _check_copies(home, held, meant)
    return Targets(frozenset(documents), tuple(meant), held)


def _meant(rows: Iterable[Row], name: str) -> str:
    """The place that ends with a name, to be given in full; how places are found where none does."""
    ends = sorted({row["uri"] for row in rows if row["uri"].endswith(f"/{name.strip('/')}")})
    more = f", or one of {len(ends) - 1:,} more" if len(ends) > 1 else ""
    return f"give the whole place: {ends[0]}{more}" if ends else "places stand below what recall shows"


def _found(rows: Sequence[Row], name: str) -> tuple[set[str], str]:
    """Documents that a name stands for, and its one spelling."""
    if len(name) >= SHORTEST_HASH and not set(name.lower()) - set("0123456789abcdef"):
        found = {row["document"] for row in rows if row["document"].startswith(name.lower())}
        if len(found) > 1:
            raise InvalidInput(f"{name} begins {counted(len(found), 'document')}: give more of its digits")
        if found:
            return found, next(iter(found))
    spelled = canonical(name)
    exact = {row["document"] for row in rows if spelled in (row["uri"], part_name(row))}
    at = place(spelled)
    return exact or {row["document"] for row in rows if at.holds(row["uri"])}, spelled


def _check_copies(home: Path, rows: Iterable[Row], meant: Sequence[str]) -> None:
    """Refuse to erase what another source holds now, unless it is named too."""
    now = open_memory(home)
    documents = {row["document"] for row in rows}
    places = [place(name) for name in meant if name not in documents]
    for document in sorted(documents - set(meant)):
        for row in now.sources_of(document):
            if not any(at.holds(row["uri"]) or at.uri == part_name(row) for at in places):
                raise InvalidInput(
                    f"the copy at {part_name(row)} still holds the text: name it too, or forget every copy "
                    f"with --all. Nothing was forgotten"
                )


def known_rows(home: Path, ledger: Ledger) -> Iterator[Row]:
    """Sources that hold or held a document: of the memory now, of every run, and of the ledger."""
    for path in files(home):
        yield from (row for row in pq.read_table(path).to_pylist() if row["document"])
    yield from (row for row in ledger.source_rows() if row["document"])


def _distinct(rows: Iterable[Row]) -> Iterator[Row]:
    seen = set[tuple[str, int, str]]()
    for row in rows:
        key = (row["uri"], row["part"], row["document"])
        if key not in seen:
            seen.add(key)
            yield row
