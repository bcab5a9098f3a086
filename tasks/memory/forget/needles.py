"""What is searched for after an erasure: words of the documents that stand nowhere else, and their hashes.

The idea: a few runs of plain words from all over a document find any copy of it, whatever was done to its
white space, quotes or markup. They are held by the running command only, and never written.
"""

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.parse import read_spans
from tasks.memory.reader import memories, quoted
from tasks.runs.ledger import Row

EACH, ALL = 8, 64
"""Needles of a document, and of all."""
FEWEST_WORDS, MOST_WORDS = 5, 12
FEWEST_OF_TITLE = 3
CANDIDATES = 40
"""Of a document that are looked up in the others."""
MOST_CHARS = 40
_PLAIN = re.compile(r"[^\W_]+(?:[ \t]+[^\W_]+)*")
_WITHOUT_BLANKS = re.compile(r"[\u0e00-\u0eff\u2e80-\U0003ffff]{8}")
"""Words of scripts that put no blanks between them."""
_SPACE = r"(?:\s|\\n)+"


@dataclass(frozen=True)
class Needles:
    """What must not be found."""

    words: tuple[str, ...]
    """Runs of words, one blank between two."""
    documents: tuple[str, ...]
    """Hashes of the texts."""

    @cached_property
    def pattern(self) -> str:
        """A regular expression (RE2) of all of them."""
        runs = (_SPACE.join(map(re.escape, one.split())) for one in self.words)
        return "|".join([*runs, *self.documents])


def needles(home: Path, rows: Iterable[Row], documents: Collection[str]) -> Needles:
    """Titles of documents, and runs of their words as long as their parsed text is there.

    None that another document ever held.
    """
    texts: dict[str, Row] = {}
    for row in rows:
        if row["parsed"] and (home / row["parsed"]).is_file():
            texts.setdefault(row["document"], row)
    drafts = {document: list(_spread(_runs(home, row))) for document, row in texts.items()}
    titles = _titles(home, documents)
    shared = _elsewhere(home, documents, titles.union(*drafts.values()))
    each = max(1, min(EACH, ALL // max(1, len(drafts))))
    chosen = [_few([one for one in some if one not in shared], each) for some in drafts.values()]
    words = dict.fromkeys([*sorted(titles - shared), *(one for some in chosen for one in some)])
    return Needles(tuple(words), tuple(sorted(documents)))


def _titles(home: Path, documents: Collection[str]) -> set[str]:
    """Their titles in any version, as many of them as are plain words."""
    where = f"level = 'document' AND document IN ({quoted(sorted(documents))})"
    rows = (row for memory in memories(home) for row in memory.rows(where, ["title"]))
    found = (match.group() for row in rows for match in _PLAIN.finditer(row.get("title", "")))
    return {" ".join(one.split()) for one in found if len(one.split()) >= FEWEST_OF_TITLE}


def _runs(home: Path, row: Row) -> Iterator[str]:
    for span in read_spans(home, row["parsed"], row["part"]):
        for match in _PLAIN.finditer(span.text):
            words = match.group().split()
            if len(words) >= FEWEST_WORDS:
                yield " ".join(words[:MOST_WORDS])
            elif _WITHOUT_BLANKS.search(match.group()):
                yield match.group()[:MOST_CHARS]


def _spread(runs: Iterator[str]) -> list[str]:
    """At most CANDIDATES of these, evenly from all of them."""
    return _few(list(dict.fromkeys(runs)), CANDIDATES)


def _few(runs: list[str], most: int) -> list[str]:
    step = max(1.0, len(runs) / most)
    return [runs[int(at * step)] for at in range(min(most, len(runs)))]


def _elsewhere(home: Path, documents: Collection[str], drafts: Collection[str]) -> set[str]:
    """Those of the drafts that passages or titles of other documents hold too, in any version."""
    left, found, own = set(drafts), set[str](), pa.array(sorted(documents))
    for memory in memories(home) if drafts else ():
        for batch in memory.batches("level = 'passage'", ["document", "text"]):
            others = batch.filter(pc.invert(pc.is_in(batch["document"], own)))
            text = " ".join(" ".join(others["text"].to_pylist()).split())
            found |= {one for one in left if one in text}
            left -= found
        rows = memory.rows(f"level = 'document' AND document NOT IN ({quoted(own.to_pylist())})", ["title"])
        named = "\n".join(" ".join(row.get("title", "").split()) for row in rows)
        found |= {one for one in left if one in named}
        left -= found
    return found


def holds(texts: pa.Array, found: Needles) -> bool:
    """Whether any of these strings, or binaries, holds a needle."""
    return bool(len(texts)) and bool(pc.any(pc.match_substring_regex(texts, found.pattern)).as_py())


def flat(text: str) -> str:
    """A text without the escapes of JSON, Markdown and HTML."""
    with suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return html.unescape(text.replace("\\n", " ").replace("\\", ""))


def counts(found: Needles) -> Mapping[str, int]:
    """How much is searched for, for the receipt."""
    return {"runs of words": len(found.words), "hashes": len(found.documents)}
