"""Relate: each new document is compared with what memory held before the run, and with the run's others.

The idea: records are staged already, with their vectors, so the comparison reads the staged file, and writes
it again with what it found: how much of each record is new, and what it confirms, changes or contradicts.
"""

import logging
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from tasks.memory.reader import Memory, quoted
from tasks.memory.remember import Staged
from tasks.memory.sketch import Sketches
from tasks.memory.sources import replaced
from tasks.memory.staging import stage, staged_batches
from tasks.plan.work import Work
from tasks.reduce.reduce import Tree
from tasks.relate.compared import Comparison
from tasks.relate.found import Compared, Novelty
from tasks.relate.library import Library
from tasks.relate.recalled import Earlier
from tasks.relate.relations import from_row
from tasks.runs.ledger import Row
from tasks.runs.run import Progress, Run
from tasks.text.counted import counted

_log = logging.getLogger("nightread")

MOST_OF_A_RECORD = 20
"""Relations that one record keeps, in the order of its text."""
CHUNK = 500
"""Documents in one condition."""
_PASSAGE = ["document", "level", "text", "char_start", "char_end", "vector"]


@dataclass(frozen=True)
class Related:
    """What a run found out by comparing its documents, and its records with that in them."""

    staged: tuple[Path, ...] = ()
    compared: Mapping[str, Compared] = field(default_factory=dict)
    """By document; those that were compared."""


NOTHING = Related()
"""Of a run that compared nothing."""


def relate(
    run: Run, work: Work, memory: Memory | None, tree: Tree, staged: Staged, progress: Progress
) -> Related:
    """Compare the documents that a run has read, and keep what was found in their records.

    Args:
        memory: as it was before the run; None before the first.
    """
    if not work.documents:
        return Related(staged.paths)
    library = Library(run.home, memory, work.rows, tree.outlines)
    new = work.todo.only(lambda one: work.documents.place(one) >= 0 and one not in work.stale)
    previous = replaced(memory.sources if memory else None, new, work.gone)
    without = {*work.gone, *previous.values()}
    comparison = Comparison(
        library,
        Sketches(memory),
        Earlier(memory, without) if memory and not memory.is_empty else None,
        previous,
        [one for one in new if tree.outlines[one].kind == "contract"],
    )
    with run.timed("relate"):
        for document, passages in _passages(staged.paths, new):
            if opened := library.get(document):
                comparison.compare(opened, passages)
            progress(1)
        found = {**comparison.compared, **_kept(memory, work.stale)}
        made = stage(run.home, run.run, _with_relations(staged.paths, found))
    count = sum(len(one.relations) for one in comparison.compared.values())
    _log.info("relate: %s compared, %s", counted(len(new), "document"), counted(count, "relation"))
    return Related((made,), comparison.compared)


def _passages(staged: Sequence[Path], wanted: Container[str]) -> Iterator[tuple[str, list[Row]]]:
    """Each document's passages with their vectors, one document at a time."""
    rows = (
        row
        for batch in staged_batches(staged, _PASSAGE)
        for row in batch.to_pylist()
        if row["level"] == "passage" and row["document"] in wanted
    )
    for document, some in groupby(rows, key=itemgetter("document")):
        yield document, list(some)


def _kept(memory: Memory | None, stale: Collection[str]) -> dict[str, Compared]:
    """What was found of documents that are only read again, under other settings: their text is the same."""
    if not memory or not stale or "relations" not in memory.columns:
        return {}
    kept: dict[str, Compared] = {}
    columns = ["document", "char_start", "char_end", "novelty", "relations"]
    documents = sorted(stale)
    for at in range(0, len(documents), CHUNK):
        where = f"level = 'passage' AND document IN ({quoted(documents[at : at + CHUNK])})"
        for row in memory.rows(where, columns):
            one = kept.setdefault(row["document"], Compared())
            one.relations += [from_row(found) for found in row["relations"]]
            if row["novelty"] >= 0:
                one.novelty.append(Novelty(row["char_start"], row["char_end"], 1, 1.0 - row["novelty"]))
    return kept


def _with_relations(staged: Sequence[Path], found: Mapping[str, Compared]) -> Iterator[Row]:
    """The staged records, each with what was found of its stretch of text."""
    for batch in staged_batches(staged):
        for row in batch.to_pylist():
            if one := found.get(row["document"]):
                own = [
                    made
                    for made in one.relations
                    if row["char_start"] <= made.quote.start < row["char_end"]
                    and (row["level"] == "document" or made.kind != "repeats")
                ]
                row |= {
                    "novelty": one.new_in(row["char_start"], row["char_end"]),
                    "relations": [made.as_row() for made in own[:MOST_OF_A_RECORD]],
                    "related": sorted({made.other.document for made in own[:MOST_OF_A_RECORD]}),
                }
            yield row
