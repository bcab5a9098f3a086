"""Looking into the memory: a record by its id, with the places that it cites."""

from dataclasses import asdict
from pathlib import Path

from tasks.errors import InvalidInput
from tasks.memory.corrections import standing
from tasks.memory.reader import open_memory, published, quoted
from tasks.recall.citation import format_citation
from tasks.recall.corrected import concerning, corrected
from tasks.recall.hit import cite
from tasks.recall.related import as_amended, told
from tasks.runs.ledger import Row


def record(home: Path, ident: str) -> Row:
    """A record of the published memory, with its citations and the sources that hold its document.

    Raises:
        InvalidInput: if there is none of this id.
    """
    memory = open_memory(home)
    found = memory.records([ident])
    if not found:
        raise InvalidInput(
            f"{ident!r} is neither a run nor a record, and no such source was read: `nightread runs`, "
            f"`nightread documents` and `recall --json` list what there is"
        )
    cited = [{"text": one.text, "citation": format_citation(one)} for one in cite(memory, found[0])]
    sources = [row["uri"] for row in memory.sources_of(found[0]["document"])]
    said = [corrected(one) for one in concerning(standing(memory), found[0], set())]
    relations = [asdict(one) for one in told(memory, found)[0]]
    return {**found[0], "citations": cited, "sources": sources, "relations": relations, "corrections": said}


def found_by(home: Path, run: str, most: int) -> list[Row]:
    """What a run found out by comparing: kind, what was said before, what is said now, and where."""
    if not published(home):
        return []
    memory = open_memory(home)
    if "related" not in memory.columns:
        return []
    where = f"run = {quoted([run])} AND level = 'passage' AND array_length(related) > 0"
    names = {"changes": "changed", "supersedes": "superseded", "contradicts": "conflicting"}
    found = (as_amended(one) for row in memory.rows(where, ["relations"]) for one in row["relations"])
    made = [
        {
            "kind": names[one["kind"]],
            "before": one["other"]["text"],
            "now": one["quote"]["text"],
            "source": one["quote"]["uri"],
        }
        for one in found
        if one["kind"] in names
    ]
    return made[:most]
