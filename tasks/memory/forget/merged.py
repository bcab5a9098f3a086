"""Summaries of a corpus without the documents that are forgotten, made from what the memory itself holds.

The idea: a version of the table has every document's own record, and the ledger what a corpus is merged from.
So the nodes above a forgotten document are made again without reading anything and without a language model.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from tasks.infer.quotes import Quote
from tasks.memory.keys import Key
from tasks.memory.reader import Memory
from tasks.memory.records import EXTRACT, finished, node_record
from tasks.reduce.done import load_done
from tasks.reduce.shrunk import shrunk
from tasks.reduce.summaries import Summary
from tasks.reduce.tree import SummaryNode
from tasks.runs.ledger import Ledger, Row

Embed = Callable[[list[str]], np.ndarray]


@dataclass(frozen=True)
class Remade:
    """What takes the place of merged records in one version."""

    gone: frozenset[str] = frozenset()
    """Ids of records that told of a forgotten document."""
    records: tuple[Row, ...] = ()
    """Those made again, whole rows of schema.RECORDS."""


def remade(memory: Memory, documents: Collection[str], ledger: Ledger, run: str, embed: Embed) -> Remade:
    """The merged records of a version that used forgotten documents, and what they become.

    Args:
        run: that makes them again.
        embed: texts to unit vectors (n, 256); called only if there is one to make.
    """
    corpora = _corpora(memory)
    gone_nodes = _own(memory, documents)
    gone, made = set[str](), dict[str, Row]()
    for (key, _), rows in corpora.items():
        citing = {row["id"] for row in rows if _cites(row, documents)}
        if not citing and not any(child in gone_nodes for row in rows for child in row["children"]):
            continue
        left = _documents(memory, ledger, rows, documents)
        found = shrunk(key, [_node(row) for row in rows], left, gone_nodes)
        gone |= found.touched | citing
        common = {"skip_key": key, "run": run, "created": datetime.now(UTC), "sketch": []}
        drafts = [node_record(node, Summary(node.text, node.quotes), EXTRACT, Key()) for node in found.made]
        made |= {row["id"]: row for row in finished(drafts, embed, common)} if drafts else {}
    return Remade(frozenset(gone), tuple(made.values()))


def _corpora(memory: Memory) -> Mapping[tuple[str, str], list[Row]]:
    """Merged records by cache key and corpus."""
    columns = ["id", "corpus", "skip_key", "text", "quotes", "children"]
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in memory.rows("level = 'corpus'", columns):
        found[row["skip_key"], row["corpus"]].append(row)
    return found


def _own(memory: Memory, documents: Collection[str]) -> set[str]:
    """Ids of the documents' own records."""
    rows = memory.rows("level = 'document'", ["id", "document"])
    return {row["id"] for row in rows if row["document"] in documents}


def _cites(row: Row, documents: Collection[str]) -> bool:
    return any(quote["document"] in documents for quote in row["quotes"])


def _documents(
    memory: Memory, ledger: Ledger, rows: Sequence[Row], gone: Collection[str]
) -> dict[str, SummaryNode]:
    """Own nodes of the documents below these records that stay, by id."""
    below = {child for row in rows for child in row["children"]} - {row["id"] for row in rows}
    found = {}
    for row in memory.records(sorted(below)):
        if row["document"] not in gone and row["level"] == "document":
            done = load_done(ledger, row["skip_key"], row["document"])
            found[row["id"]] = done.node if done else _node(row)
    return found


def _node(row: Row) -> SummaryNode:
    """The node that a record was made from, as far as the record tells."""
    document = row.get("document", "")
    first, *rest = row["text"].splitlines() or [""]
    return SummaryNode(
        id=row["id"],
        level="document" if document else "corpus",
        document=document,
        corpus=row["corpus"],
        windows=(0, 0),
        chars=(0, 0),
        quotes=tuple(Quote(**quote) for quote in row["quotes"]),
        children=tuple(row["children"]),
        text=row["text"],
        title=first if document and rest else "",
    )
