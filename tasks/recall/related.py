"""What became of a record: superseded, contradicted, said elsewhere too, as later documents tell of it.

The idea: a relation is stored once, with the newer record. The older one is told of it when it is recalled,
by one look-up of the records that lead to its document; so nothing published is ever rewritten.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.memory.reader import Memory, quoted
from tasks.recall.citation import Citation, format_citation
from tasks.runs.ledger import Row

OWN = {
    "changes": "was before",
    "supersedes": "supersedes",
    "contradicts": "contradicted by",
    "confirms": "also in",
    "repeats": "nearly the same as",
}
TURNED = {
    "changes": "changed to",
    "supersedes": "superseded by",
    "superseded": "supersedes",
    "contradicts": "contradicted by",
    "confirms": "also in",
    "repeats": "nearly the same as",
}
"""How a relation is told of the record that has it, and of the one that it leads to."""
SUPERSEDED = TURNED["supersedes"]
MOST = 6
"""Relations that are told of one record, the weightier first."""
_WEIGHT = ("superseded by", "contradicted by", "supersedes", "was before", "changed to", "also in")
_COLUMNS = ("id", "document", "relations")
LEADS = "related"
"""Column of the documents that a record's relations lead to."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one record is to another: "superseded by", and the words of the other with their place."""

    how: str
    record: str
    """Id of the other record, if it is the newer one."""
    text: str
    title: str
    date: str
    citation: str
    about: str
    """The words of this record that it is about."""
    document: str
    start: int
    """Where the words of the other stand."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Span = tuple[str, int, int]
"""A document, and characters [start, end) of it."""


def told(memory: Memory, records: Sequence[Row]) -> list[list[Told]]:
    """For each record (document, char_start, char_end, relations), what it is to others."""
    turned = _turned(memory, {row["document"] for row in records} - {""}, records)
    return [_weightiest([*_own(row), *_of(row, turned)]) for row in records]


def ordered(records: Sequence[Collection[str]], marks: Sequence[Sequence[Told]]) -> list[int | str]:
    """Numbers of hits in their order, but what supersedes a hit stands before it.

    Args:
        records: ids of the records of each hit.
        marks: what each hit is to others.

    Returns:
        Numbers of hits, and ids of records that supersede one and are no hit yet.
    """
    place = {one: number for number, some in enumerate(records) for one in some}
    found: dict[int | str, None] = {}
    for number, some in enumerate(marks):
        for one in some:
            if one.how == SUPERSEDED and one.record and place.get(one.record) != number:
                found.setdefault(place.get(one.record, one.record))
        found.setdefault(number)
    return list(found)


def superseded(memory: Memory, spans: Iterable[Span]) -> dict[Span, Told]:
    """Those of these spans that an amendment has put other words in the place of.

    Where several amendments did, the latest has replaced the words of the others too.
    """
    spans = list(spans)
    documents = {document for document, _, _ in spans}
    turned = _turned(memory, documents, _compared(memory, documents))
    by: dict[Span, list[Told]] = {}
    for span in spans:
        document, start, end = span
        for one in _of({"document": document, "char_start": start, "char_end": end}, turned):
            if one.how == SUPERSEDED:
                by.setdefault(span, []).append(one)
    found: dict[Span, Told] = {}
    for span, some in by.items():
        found[span] = latest = max(some, key=lambda one: one.date)
        for older in (one for one in some if one.date < latest.date):
            found |= {at: latest for at in spans if at[0] == older.document and at[1] <= older.start < at[2]}
    return found


def as_amended(one: Row) -> Row:
    """A relation (schema.RELATION) as the amendment tells it, where the agreement was read after it."""
    if one["kind"] != "superseded":
        return one
    return {"kind": "supersedes", "quote": one["other"], "other": one["quote"]}


def _compared(memory: Memory, documents: set[str]) -> list[Row]:
    """Passages of these documents that have relations."""
    if not documents or LEADS not in memory.columns:
        return []
    where = f"level = 'passage' AND document IN ({quoted(sorted(documents))}) AND array_length(related) > 0"
    return memory.rows(where, ["document", "relations"])


def _turned(
    memory: Memory, documents: set[str], records: Sequence[Row]
) -> Mapping[str, list[tuple[str, Row]]]:
    """Relations that lead to these documents, by document, each with the id of the record that has it, or
    would have it if the agreement had been read before its amendment.

    Args:
        records: of these documents.
    """
    found: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    if not documents or LEADS not in memory.columns:
        return found
    # a condition on the level would go through most records
    for row in memory.holding(LEADS, documents, [*_COLUMNS, "level"]):
        for one in row["relations"]:
            has_it, other = "document" if one["kind"] == "repeats" else "passage", one["other"]["document"]
            if row["level"] == has_it and other in documents:
                found[other].append((row["id"], one))
    for ident, one in _amendments(memory, records):
        found[one["other"]["document"]].append((ident, one))
    return found


def _amendments(memory: Memory, records: Sequence[Row]) -> list[tuple[str, Row]]:
    """What amendments that were read before have put in the place of these records' words, each with the id
    of the amendment's passage; none of one that memory does not hold any more."""
    some = [
        as_amended(one)
        for row in records
        for one in row.get("relations") or ()
        if one["kind"] == "superseded"
    ]
    places = {(one["quote"]["document"], one["quote"]["start"]) for one in some}
    if not places:
        return []
    at = " OR ".join(
        f"(document = {quoted([document])} AND char_start <= {start} AND char_end > {start})"
        for document, start in sorted(places)
    )
    rows = memory.rows(f"level = 'passage' AND ({at})", ["id", "document", "char_start", "char_end"])
    return [
        (row["id"], one)
        for one in some
        for row in rows
        if row["document"] == one["quote"]["document"]
        and row["char_start"] <= one["quote"]["start"] < row["char_end"]
    ]


def _own(row: Row) -> list[Told]:
    return [
        _told(OWN[one["kind"]], "", one["other"], one["quote"])
        for one in row.get("relations") or ()
        if one["kind"] in OWN
    ]


def _of(row: Row, turned: Mapping[str, list[tuple[str, Row]]]) -> list[Told]:
    return [
        _told(TURNED[one["kind"]], ident, one["quote"], one["other"])
        for ident, one in turned.get(row["document"], ())
        if one["kind"] != "repeats" or row.get("level") == "document"
        if one["other"]["start"] < row["char_end"] and row["char_start"] < one["other"]["end"]
    ]


def _told(how: str, record: str, other: Row, about: Row) -> Told:
    at = Citation(other["uri"], other["place"], other["start"], other["end"], other["text"])
    where = format_citation(at)
    return Told(
        how,
        record,
        other["text"],
        other["title"],
        other["date"],
        where,
        about["text"],
        other["document"],
        other["start"],
    )


def _weightiest(some: Sequence[Told]) -> list[Told]:
    unique = {(one.how, one.citation): one for one in some}.values()
    weight = {how: place for place, how in enumerate(_WEIGHT)}
    return sorted(unique, key=lambda one: weight.get(one.how, len(weight)))[:MOST]
