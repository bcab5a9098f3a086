"""Statements: the sentences of recalled passages, each with what stands around it in its document.

The idea: a sentence alone says too little to be judged. "It is due within 14 days" answers only under the
right heading, in the right contract, said by the right person. What is around a sentence is read from the
stored text, and a passage that no longer stands there, character for character, is marked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from tasks.ingest.parse.store import read_text
from tasks.memory.reader import Memory, Row
from tasks.recall.hit import Hit
from tasks.text.sentences import Span, sentences

AROUND_CHARS = 500
"""Characters before and after a passage that are read with it."""
HEAD_CHARS = 1200
"""Characters of a document's beginning, which names its parties, its authors and its subject."""

MOST_COPIES = 3
"""Other documents with the same passage that are looked at."""
MIN_WORDS = 4
"""Words of a statement, unless it holds a number."""

_WORD = re.compile(r"[^\W\d_]+")
_SCRIPT = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]{6}")
_TURN = re.compile(
    r"^(?:\[([^\]\n]{1,60})\]\s*)?([^\W\d_][\w.'\u2019-]*(?: [^\W\d_][\w.'\u2019-]*){0,2}):\s", re.M
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, characters [start, end) of its document's text, and its surroundings.

    `passage` is the passage with what stands before it, `head` names the document, `rank` is the score of
    its passage beside the best one's, and `stands` is whether the stored text holds these characters.
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
    sources: Sequence[Row]
    stands: bool


def statements(memory: Memory, hits: Sequence[Hit]) -> Iterator[Statement]:
    """All sentences of the passages among `hits`, in the order of the hits, each place once."""
    seen: set[tuple[str, int]] = set()
    head = cache(lambda document: _head(memory, document))
    best = max((hit.score for hit in hits), default=0.0)
    for hit in hits:
        for passage in _passages(memory, hit):
            for one in _of(memory, passage, head(passage.document), hit.score / best if best > 0 else 1.0):
                if (one.document, one.start) not in seen:
                    seen.add((one.document, one.start))
                    yield one


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
    for cited in hit.citations:
        for document in memory.documents_at(cited.uri):
            if document not in seen and len(seen) <= MOST_COPIES:
                seen.add(document)
                yield _Passage(document, cited.start, cited.text)


def _of(memory: Memory, passage: _Passage, head: str, rank: float) -> Iterator[Statement]:
    sources, text = memory.sources_of(passage.document), passage.text
    first = max(0, passage.start - AROUND_CHARS)
    around = stored(memory, sources, first, passage.start + len(text) + AROUND_CHARS)
    at = passage.start - first
    stands = around[at : at + len(text)] == text
    if not stands:
        around, at, first = text, 0, passage.start
    spans = _spans(around, at, at + len(text), first > 0)
    for number, (start, end) in enumerate(spans):
        if at <= start < at + len(text) and _states(around[start:end]):
            yield Statement(
                text=around[start:end],
                document=passage.document,
                start=first + start,
                end=first + end,
                before=around[spans[number - 1][0] : start] if number else "",
                after=around[end : spans[number + 1][1]] if number + 1 < len(spans) else "",
                passage=f"{passage.section}\n{around[: at + len(text)]}",
                head=f"{passage.title}\n{head}",
                speaker=_speaker(around[:end]),
                rank=rank,
                sources=sources,
                stands=stands,
            )


def _spans(around: str, start: int, end: int, cut: bool) -> list[Span]:
    """Sentences of a passage, [start, end) of the text around it, and of what is around it; whole ones only,
    so the first is left out where the text is `cut` there, and the last where it goes on."""
    before, after = _cut(around[:start], 0), _cut(around[end:], end)
    goes_on = len(around) - end >= AROUND_CHARS
    return [*before[int(cut) :], *_cut(around[start:end], start), *(after[:-1] if goes_on else after)]


def _cut(text: str, at: int) -> list[Span]:
    """Sentences of a text that begins at `at`; what someone says ends before the next one speaks."""
    turns = {match.start() for match in _TURN.finditer(text)}
    found = []
    for start, end in sentences(text):
        ends = [*sorted(turn for turn in turns if start < turn < end), end]
        for first, last in zip([start, *ends[:-1]], ends, strict=True):
            found.append((at + first, at + first + len(text[first:last].rstrip())))
    return found


def _states(sentence: str) -> bool:
    """Whether it is more than a heading or an exclamation: a few words, or a number."""
    words = _WORD.findall(sentence)
    return (
        len(words) >= MIN_WORDS or any(c.isdigit() for c in sentence) or _SCRIPT.search(sentence) is not None
    )


def stored(memory: Memory, sources: Sequence[Row], start: int, end: int) -> str:
    """Characters [start, end) of a document as a source's parsed text has them; "" where that is gone."""
    for source in sources:
        try:
            return read_text(memory.home, source["parsed"], source["part"], start, end)
        except (OSError, ValueError):  # the next source of an equal document may still be there
            continue
    return ""


def _head(memory: Memory, document: str) -> str:
    """What names a document: its uris, and how it begins."""
    sources = memory.sources_of(document)
    names = [PurePosixPath(source["uri"]).name.replace("_", " ").replace("-", " ") for source in sources]
    labels = [source["label"] for source in sources]
    return "\n".join([*names, *labels, stored(memory, sources, 0, HEAD_CHARS)])


def _speaker(text: str) -> str:
    """Who says what ends here: the last "Name:" or "[date] Name:" that begins a line."""
    turns = [f"{name} {date}".strip() for date, name in _TURN.findall(text)]
    return turns[-1] if turns else ""
