"""Documents that their file names gave a title, and that have another now.

The idea: a document is known by its text, so a renamed file is not read again unless its title would be
another one. As long as a source of the old name holds the text, the title stays.
"""

from tasks.ingest.parse import read_spans
from tasks.ingest.source_rows import ByDocument, SourceRows
from tasks.ledger import Row
from tasks.memory.reader import Memory, quoted
from tasks.run import Run
from tasks.text.file_names import document_name
from tasks.text.outline import title_by

_SOME = 500
"""Documents of one query."""


def retitled(run: Run, memory: Memory, found: ByDocument) -> set[str]:
    """Those of these remembered documents, each with its first source, that a new name calls otherwise."""
    names = {row["document"]: _name(row) for row in found.rows()}
    for row in SourceRows(memory.sources.select(["document", "uri", "label"])):
        if names.get(row["document"]) == _name(row):
            del names[row["document"]]
    renamed = list(names)
    titles: dict[str, str] = {}
    for at in range(0, len(renamed), _SOME):
        some = f"level = 'document' AND document IN ({quoted(renamed[at : at + _SOME])})"
        titles |= {row["document"]: row.get("title", "") for row in memory.rows(some, ["document", "title"])}
    return {doc for doc in renamed if titles.get(doc) and titles[doc] != _title(run, found[doc])}


def _title(run: Run, row: Row) -> str:
    pieces = ((span.char_start, span.text) for span in read_spans(run.home, row["parsed"], row["part"]))
    return title_by(pieces, _name(row))


def _name(row: Row) -> str:
    return document_name(row["uri"], row["label"])
