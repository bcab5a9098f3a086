"""Looking into the memory: a record by its id, with the places that it cites."""

from pathlib import Path
from typing import Any

from tasks.errors import InvalidInput
from tasks.memory.reader import open_memory
from tasks.recall.hit import cite, format_citation

Row = dict[str, Any]


def record(home: Path, ident: str) -> Row:
    """A record of the published memory, with its citations and the sources that hold its document.

    Raises:
        InvalidInput: if there is none of this id.
    """
    memory = open_memory(home)
    found = memory.records([ident])
    if not found:
        raise InvalidInput(
            f"{ident!r} is neither a run nor a record: `nightread runs` and `recall --json` list ids"
        )
    cited = [{"text": one.text, "citation": format_citation(one)} for one in cite(memory, found[0])]
    sources = [row["uri"] for row in memory.sources_of(found[0]["document"])]
    return {**found[0], "citations": cited, "sources": sources}
