"""What differs between the memory of two runs: documents by title and place, records by level, summaries.

The idea: a document is followed by its place. At one place another text is a change, the same text read in
another way is read again; a text at another place only has moved.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tasks.memory.reader import Memory
from tasks.memory.sources import part_name
from tasks.runs.ledger import Row
from tasks.text.markup import readable
from tasks.text.sentences import sentences


@dataclass(frozen=True)
class Item:
    """A document that is in one memory and not in the other, or in both in different ways."""

    status: str
    """new, changed, read again, moved or gone."""
    title: str
    place: str
    """Where it is; where it was, if it is gone."""
    before: str = ""
    """Where a moved document was."""
    removed: tuple[str, ...] = ()
    """Sentences of its summary that are there no more."""
    added: tuple[str, ...] = ()
    """Sentences of its summary that were not there before."""


@dataclass(frozen=True)
class Diff:
    """What differs from the memory of one run to that of another."""

    before: str
    after: str
    documents: tuple[Item, ...]
    """In the order of their places, those that are gone last."""
    added: dict[str, int]
    """Records that only `after` has, by level."""
    retired: dict[str, int]
    """Records that only `before` has, by level."""


@dataclass(frozen=True)
class _Summary:
    title: str = ""
    key: str = ""
    sentences: tuple[str, ...] = ()


def diff(before: Memory, after: Memory) -> Diff:
    """Compare two published memories; the older one is usually `before`."""
    old, new = _levels(before), _levels(after)
    added = Counter(level for ident, level in new.items() if ident not in old)
    retired = Counter(level for ident, level in old.items() if ident not in new)
    found = tuple(_items(before, after))
    return Diff(before.run, after.run, found, dict(sorted(added.items())), dict(sorted(retired.items())))


def _levels(memory: Memory) -> dict[tuple[str, str], str]:
    """Level of every record, by its id and the run that made it."""
    batches = memory.batches(columns=["id", "run", "level"])
    return {(row["id"], row["run"]): row["level"] for batch in batches for row in batch.to_pylist()}


def _items(before: Memory, after: Memory) -> Iterator[Item]:
    was, now = _places(before), _places(after)
    places = {document: place for place, document in reversed(was.items())}
    old, new = _summaries(before), _summaries(after)
    for place, document in now.items():
        title = _title(new, document, place)
        if place not in was and document not in places:
            yield Item("new", title, place)
        elif place not in was and places[document] not in now:
            yield Item("moved", title, place, places[document])
        elif place in was:
            first, second = old.get(was[place], _Summary()), new.get(document, _Summary())
            if status := _status(was[place] == document, first, second):
                yield Item(status, title, place, "", *_differing(first.sentences, second.sentences))
    there = set(now.values())
    for place, document in was.items():
        if place not in now and document not in there:
            yield Item("gone", _title(old, document, place), place)


def _status(same: bool, before: _Summary, after: _Summary) -> str:
    """What became of the document at a place that both memories have; "" if nothing did."""
    if not same:
        return "changed"
    return "read again" if before.key != after.key else ""


def _places(memory: Memory) -> dict[str, str]:
    """Documents by their places, in the order of these."""
    rows = (row for row in memory.sources.to_pylist() if row["outcome"] == "ok")
    return {part_name(row): row["document"] for row in rows}


def _summaries(memory: Memory) -> dict[str, _Summary]:
    """Of every document that has one."""
    columns = ["document", "title", "skip_key", "summary", "generated", "quotes"]
    rows = memory.rows("level = 'document'", columns)
    return {row["document"]: _Summary(row.get("title", ""), row["skip_key"], _said(row)) for row in rows}


def _said(row: Row) -> tuple[str, ...]:
    """The sentences of a summary: those it quotes, unless a model wrote it."""
    texts = [row["summary"]] if row["generated"] else [readable(quote["text"]) for quote in row["quotes"]]
    return tuple(" ".join(text[start:end].split()) for text in texts for start, end in sentences(text))


def _title(summaries: dict[str, _Summary], document: str, place: str) -> str:
    found = summaries.get(document)
    return (found and found.title) or place.rpartition("/")[2]


def _differing(before: Iterable[str], after: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences that only the first has, and those that only the second has."""
    old, new = tuple(before), tuple(after)
    return tuple(one for one in old if one not in new), tuple(one for one in new if one not in old)
