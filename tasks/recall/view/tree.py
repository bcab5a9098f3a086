"""The tree of summaries, node by node: all documents, a document, its sections, their pages, and quotes.

The idea: a record names the records it was made from, so a tree is walked by looking up ids, a level at a
time; no node costs more because the tree below it is large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import NotFound
from tasks.memory.reader import Memory, quoted
from tasks.memory.sources import part_name
from tasks.recall.related import Told, told
from tasks.runs.ledger import Row

MOST_BELOW = 200
"""Records below one that are shown; the others are counted."""
DEEPEST = 40
"""Records above one that are looked for."""
_COLUMNS = (
    *("id", "level", "document", "corpus", "char_start", "char_end", "summary", "text", "quotes", "children"),
    *("title", "section", "generated", "grounding", "model", "run", "labels", "relations"),
)


@dataclass(frozen=True)
class Node:
    """A record as a node of the tree: a record of schema.RECORDS without its vectors."""

    row: Row

    def __getattr__(self, name: str) -> Any:
        if name in _COLUMNS:
            return self.row.get(name)
        raise AttributeError(name)

    @property
    def said(self) -> str:
        """Its words: a summary without the title above it, or a passage."""
        said, title = str(self.row["summary"] or self.row["text"]), str(self.row.get("title") or "")
        return said.removeprefix(title).strip() or said


@dataclass(frozen=True)
class Place:
    """A node with what stands above and below it."""

    node: Node
    above: tuple[Node, ...]
    """From the topmost."""
    below: tuple[Node, ...]
    more: int
    """Below it, beside those."""
    sources: tuple[str, ...]
    """That hold its document, as people find them."""
    related: tuple[Told, ...]


def roots(memory: Memory) -> list[Node]:
    """The topmost node of every corpus that was read."""
    rows = memory.rows("level = 'corpus'", _COLUMNS)
    below = {child for row in rows for child in row["children"]}
    return [Node(row) for row in sorted(rows, key=lambda row: str(row["corpus"])) if row["id"] not in below]


def node_of(memory: Memory, document: str) -> Node | None:
    """The node that is a whole document; None where memory holds none."""
    rows = memory.rows(f"level = 'document' AND document = {quoted([document])}", _COLUMNS, 1)
    return Node(rows[0]) if rows else None


def place_of_record(memory: Memory, ident: str) -> Place:
    """A record where it stands in the tree.

    Raises:
        NotFound: if memory holds none of this id.
    """
    rows = _rows(memory, [ident])
    if not rows:
        raise NotFound("memory holds no record of this id: it was replaced since, or never there")
    node, *_ = map(Node, rows)
    below, more = below_of(memory, node)
    names = tuple(dict.fromkeys(part_name(row) for row in memory.sources_of(node.document) if node.document))
    related = tuple(told(memory, rows)[0]) if node.document else ()
    return Place(node, tuple(_above(memory, node)), below, more, names, related)


def below_of(memory: Memory, node: Node) -> tuple[tuple[Node, ...], int]:
    """The nodes that one was made from, in their order, and how many there are besides."""
    children = list(node.children)
    found = tuple(map(Node, _rows(memory, children[:MOST_BELOW])))
    return found, max(0, len(children) - MOST_BELOW)


def _above(memory: Memory, node: Node) -> list[Node]:
    """Nodes that a node is part of, from the topmost; a passage is part of its document."""
    found: list[Node] = []
    while len(found) < DEEPEST and (above := _parent(memory, node)) and above.id not in {n.id for n in found}:
        found.append(above)
        node = above
    return found[::-1]


def _parent(memory: Memory, node: Node) -> Node | None:
    if node.level == "passage":
        return node_of(memory, node.document)
    inside = f"document = {quoted([node.document])} AND " if node.level in ("window", "section") else ""
    where = f"{inside}level != 'passage' AND array_has_any(children, [{quoted([node.id])}])"
    rows = memory.rows(where, _COLUMNS, 1)
    return Node(rows[0]) if rows else None


def _rows(memory: Memory, ids: Sequence[str]) -> list[Row]:
    rows = memory.rows(f"id IN ({quoted(ids)})", _COLUMNS) if ids else []
    found = {row["id"]: row for row in rows}
    return [found[one] for one in ids if one in found]
