"""Documents that their file names gave a title, and that have another now.

The idea: a document is known by its text, so a renamed file is not read again unless its title would be
another one. As long as a source of the old name holds the text, the title stays.
"""

from collections.abc import Iterator
from itertools import islice

from tasks.ingest.by_document import ByDocument
from tasks.ingest.names import Names
from tasks.ingest.parse import read_spans
from tasks.ingest.source_rows import SourceRows
from tasks.memory.reader import Memory, quoted
from tasks.runs.ledger import Row
from tasks.runs.run import Run
from tasks.text.file_names import document_name
from tasks.text.outline import title_by

_SOME = 500
"""Documents of one query."""


def retitled(run: Run, memory: Memory, found: ByDocument) -> Iterator[str]:
    """Those of these remembered documents, each with its first source, that a new name calls otherwise."""
    before = Names(map(_named, SourceRows(memory.sources.select(["document", "uri", "label"]))))
    renamed = (row for row in found.rows() if _named(row) not in before)
    while some := {row["document"]: row for row in islice(renamed, _SOME)}:
        where = f"level = 'document' AND document IN ({quoted(some)})"
        titles = {row["document"]: row.get("title", "") for row in memory.rows(where, ["document", "title"])}
        yield from (doc for doc, row in some.items() if titles.get(doc) and titles[doc] != _title(run, row))


def _title(run: Run, row: Row) -> str:
    pieces = ((span.char_start, span.text) for span in read_spans(run.home, row["parsed"], row["part"]))
    return title_by(pieces, _name(row))


def _named(row: Row) -> str:
    """A document under the name of a source of its."""
    return f"{row['document']} {_name(row)}"


def _name(row: Row) -> str:
    return document_name(row["uri"], row["label"])
