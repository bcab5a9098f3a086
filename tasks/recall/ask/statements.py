"""Statements: the sentences of recalled passages, each with what stands around it in its document.

The idea: a sentence alone says too little to be judged. "It is due within 14 days" answers only under the
right heading, in the right contract, said by the right person. What is around a sentence is read from the
stored text, and a passage that no longer stands there, character for character, is marked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from tasks.ingest.parse.store import read_text
from tasks.memory.reader import Memory, quoted
from tasks.recall.hit import Hit
from tasks.runs.ledger import Row
from tasks.text.roles import Role, role
from tasks.text.scripts import HANGUL, UNSPACED
from tasks.text.sentences import Span, sentences
from tasks.text.speakers import is_dialogue, opening

AROUND_CHARS = 500
"""Characters before and after a passage that are read with it."""
HEAD_CHARS = 1200
"""Characters of a document's beginning, which names its parties, its authors and its subject."""

MOST_COPIES = 3
"""Other documents with the same passage that are looked at."""
TURN_CHARS = 300
"""What somebody says is one statement up to this length."""
SAY_NOTHING = (Role.HEADING, Role.MARKER, Role.NAVIGATION)
MIN_WORDS = 4
"""Words of a statement, unless it holds a number."""

Vector = npt.NDArray[np.float32]

_WORD = re.compile(r"[^\W\d_]+")
_ABOVE = re.compile(
    r"(?:#{1,6}[ \t][^\n]*\n\s*)?(?:[-*\u2022+][ \t]+|\(?\d{1,3}(?:\.\d{1,3})*[.)][ \t]+)?(?=\S)"
)
"""A heading above a sentence and the marker of a list before it: what stands around it, not what it says."""
_HEADED = re.compile(r"#{1,6}[ \t]")
_RULE = re.compile(r"\s*\n[ \t]*\|?[ \t]*:?-[\s:|-]*(?=\n|$)")
_TABLE = re.compile(
    r"^(?P<header>\|[^\n]*[^\s])[ \t]*\n[ \t]*\|[ \t]*:?-[ :|-]*(?:\n[ \t]*\|[^\n]*)+", re.MULTILINE
)
_SCRIPT = re.compile(rf"[{UNSPACED}]{{6}}|[{HANGUL}]\s[{HANGUL}]")
"""Of scripts where few words, or none that stand apart, make a statement."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, characters [start, end) of its document's text, and its surroundings.

    `passage` is the passage with what stands before it, `head` names the document, `replied` is what the
    other speaker of a dialogue said last, `rank` is the score of its passage beside the best one's, the
    cosines are those of its passage and the question, and `stands` is whether the stored text holds these
    characters. `header` is the first row, from `header_start`, of the table that it is a row of.
    """

    text: str
    document: str
    start: int
    end: int
    before: str
    after: str
    passage: str
    head: str
    speaker: str
    rank: float
    cosine: float
    cosine_context: float
    sources: Sequence[Row]
    stands: bool
    replied: str = ""
    header: str = ""
    header_start: int = 0

    @property
    def shown(self) -> str:
        """Its words in one line; of a row of a table, every cell behind the name of its column."""
        cells, names = _cells(self.text), _cells(self.header)
        if not self.header or len(cells) != len(names):
            return " ".join(self.text.split())
        return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=True))


def statements(memory: Memory, hits: Sequence[Hit], asked: Vector) -> Iterator[Statement]:
    """All sentences of the passages among `hits`, in the order of the hits, each place once.

    Args:
        asked: the question's vector, (256,); zeros where the embedder cannot read it.
    """
    alike = _cosines(memory, hits, asked) if asked.any() else {}
    seen: set[tuple[str, int]] = set()
    about = cache(lambda document: _about(memory, document))
    best = max((hit.score for hit in hits), default=0.0)
    for hit in hits:
        for passage in _passages(memory, hit):
            near = _Near(hit.score / best if best > 0 else 1.0, *alike.get(hit.id, (0.0, 0.0)))
            for one in _of(memory, passage, about(passage.document), near):
                if (one.document, one.start) not in seen:
                    seen.add((one.document, one.start))
                    yield one


@dataclass(frozen=True, slots=True)
class _Near:
    """How near a passage is to the question: its score beside the best one's, and two cosines."""

    rank: float
    cosine: float
    cosine_context: float


def _cosines(memory: Memory, hits: Sequence[Hit], asked: Vector) -> dict[str, tuple[float, float]]:
    """Of the passages' vectors with the question's: plain, and with their context."""
    columns = [name for name in ("id", "vector", "context_vector") if name in memory.columns]
    rows = memory.rows(f"id IN ({quoted(hit.id for hit in hits)})", columns) if hits else []
    both = ((row["id"], row["vector"], row.get("context_vector") or row["vector"]) for row in rows)
    return {one: (float(asked @ plain), float(asked @ context)) for one, plain, context in both}


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of a document: who holds it, what names it, how it begins, whether people talk in it."""

    sources: Sequence[Row]
    names: str
    head: str
    dialogue: bool


def head_of(memory: Memory, document: str) -> str:
    """What names a document: the names of its sources, and how it begins."""
    about = _about(memory, document)
    return f"{about.names}\n{about.head}"


def _about(memory: Memory, document: str) -> _About:
    sources = memory.sources_of(document)
    names = [PurePosixPath(one["uri"]).name.replace("_", " ").replace("-", " ") for one in sources]
    head = stored(memory, sources, 0, HEAD_CHARS)
    return _About(sources, "\n".join([*names, *(one["label"] for one in sources)]), head, is_dialogue(head))


@dataclass(frozen=True, slots=True)
class _Passage:
    """Characters [start, end) of a document, where they stand in it, and what it is called."""

    document: str
    start: int
    text: str
    title: str = ""
    section: str = ""


def _passages(memory: Memory, hit: Hit) -> Iterator[_Passage]:
    """The passage of a hit, and those of other documents that say the same: each is about its own."""
    yield _Passage(hit.document, hit.char_start, hit.text, hit.title, hit.section)
    seen = {hit.document}
    for row in memory.records(hit.receipt.merged):
        if row["document"] not in seen and len(seen) <= MOST_COPIES:
            seen.add(row["document"])
            title, section = row.get("title", ""), row.get("section", "")
            yield _Passage(row["document"], row["char_start"], row["text"], title, section)


def _of(memory: Memory, passage: _Passage, about: _About, near: _Near) -> Iterator[Statement]:
    text, first = passage.text, max(0, passage.start - AROUND_CHARS)
    around = stored(memory, about.sources, first, passage.start + len(text) + AROUND_CHARS)
    at = passage.start - first
    stands = around[at : at + len(text)] == text
    if not stands:
        around, at, first = text, 0, passage.start
    spans = _spans(around, (at, at + len(text)), first > 0, about.dialogue)
    for number, (whole, end) in enumerate(spans):
        start = whole + len(around[whole:end]) - len(_bare(around[whole:end]))
        if at <= whole < at + len(text) and _states(around[start:end]) and not _is_header(around, start, end):
            header_start, header = _header(around, start)
            yield Statement(
                text=around[start:end],
                document=passage.document,
                start=first + start,
                end=first + end,
                before=around[spans[number - 1][0] : start] if number else "",
                after=around[end : spans[number + 1][1]] if number + 1 < len(spans) else "",
                passage=f"{passage.section}\n{around[: at + len(text)]}",
                head=f"{passage.title}\n{about.names}\n{about.head}",
                speaker=_speaker(around[:end]) if about.dialogue else "",
                rank=near.rank,
                cosine=near.cosine,
                cosine_context=near.cosine_context,
                sources=about.sources,
                stands=stands,
                replied=_replied(around[:end]) if about.dialogue else "",
                header=header,
                header_start=first + header_start,
            )


def _spans(around: str, passage: Span, cut: bool, dialogue: bool) -> list[Span]:
    """Sentences of a passage and of the text around it; whole ones only, so the first is left out where the
    text is `cut` there, and the last where it goes on."""
    start, end = passage
    split = _turns if dialogue else sentences
    parts = [(split(around[a:b]), a) for a, b in ((0, start), (start, end), (end, len(around)))]
    before, inside, after = ([(at + a, at + b) for a, b in some] for some, at in parts)
    goes_on = len(around) - end >= AROUND_CHARS
    return [*before[int(cut) :], *inside, *(after[:-1] if goes_on else after)]


def _turns(text: str) -> list[Span]:
    """What each speaker says: as a whole where that is short, else its sentences."""
    turns = [at for at, line in _lines(text) if opening(line)]
    found = []
    for start, end in pairwise(sorted({0, *turns, len(text)})):
        said = text[start:end].strip()
        first = start + text[start:end].find(said) if said else end
        whole = [(0, len(said))] if len(said) <= TURN_CHARS else sentences(said)
        found += [(first + a, first + b) for a, b in whole if a < b]
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in text.splitlines(keepends=True):
        yield at, line
        at += len(line)


def _states(sentence: str) -> bool:
    """Whether it is more than a heading, a link, a lead-in or an exclamation: some words, or a number."""
    if role(sentence) in SAY_NOTHING or sentence.endswith((":", "\uff1a")) or _HEADED.match(sentence):
        return False
    words = _WORD.findall(sentence)
    return (
        len(words) >= MIN_WORDS or any(c.isdigit() for c in sentence) or _SCRIPT.search(sentence) is not None
    )


def _bare(sentence: str) -> str:
    """A sentence without the heading above it and the marker of a list before it."""
    above = _ABOVE.match(sentence)
    return sentence[above.end() :] if above else sentence


def _is_header(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] names the columns of a table."""
    return text.startswith("|", start) and _RULE.match(text, end) is not None


def _header(text: str, start: int) -> tuple[int, str]:
    """The row that names the columns of the table that has a row at `start`, and where it begins; 0 and ""
    where there is none."""
    if not text.startswith("|", start):
        return 0, ""
    tables = [one for one in _TABLE.finditer(text) if one.start() < start < one.end()]
    return (tables[-1].start(), tables[-1]["header"]) if tables else (0, "")


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def stored(memory: Memory, sources: Sequence[Row], start: int, end: int) -> str:
    """Characters [start, end) of a document as a source's parsed text has them; "" where that is gone."""
    for source in sources:
        try:
            return read_text(memory.home, source["parsed"], source["part"], start, end)
        except (OSError, ValueError):  # the next source of an equal document may still be there
            continue
    return ""


def _speaker(text: str) -> str:
    """Who says what ends here, and when."""
    for line in reversed(text.splitlines()):
        if found := opening(line):
            return f"{found.speaker} {found.date}".strip()
    return ""


def _replied(text: str) -> str:
    """What was said before the turn that `text` ends in, by another speaker."""
    speaker, said = "", list[str]()
    for line in reversed(text.splitlines()):
        found = opening(line)
        if not speaker:
            speaker = found.speaker if found else ""
            continue
        said.append(line[found.text_at :] if found else line)
        if found and found.speaker != speaker:
            return "\n".join(reversed(said))
        if found:
            said = []
    return ""
