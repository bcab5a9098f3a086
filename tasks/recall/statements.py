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
    for hit in hits:
        for one in _of(memory, hit, head(hit.document), hits[0].score):
            if (one.document, one.start) not in seen:
                seen.add((one.document, one.start))
                yield one


def _of(memory: Memory, hit: Hit, head: str, best: float) -> Iterator[Statement]:
    sources = memory.sources_of(hit.document)
    first = max(0, hit.char_start - AROUND_CHARS)
    around = stored(memory, sources, first, hit.char_end + AROUND_CHARS)
    at = hit.char_start - first
    stands = around[at : at + len(hit.text)] == hit.text
    if not stands:
        around, at, first = hit.text, 0, hit.char_start
    spans = _spans(around, at, at + len(hit.text), first > 0)
    for number, (start, end) in enumerate(spans):
        if at <= start < at + len(hit.text) and _states(around[start:end]):
            yield Statement(
                text=around[start:end],
                document=hit.document,
                start=first + start,
                end=first + end,
                before=around[spans[number - 1][0] : start] if number else "",
                after=around[end : spans[number + 1][1]] if number + 1 < len(spans) else "",
                passage=f"{hit.section}\n{around[: at + len(hit.text)]}",
                head=f"{hit.title}\n{head}",
                speaker=_speaker(around[:end]),
                rank=hit.score / best if best > 0 else 1.0,
                sources=sources,
                stands=stands,
            )


def _spans(around: str, start: int, end: int, cut: bool) -> list[Span]:
    """Sentences of a passage, [start, end) of the text around it, and of what is around it; whole ones only,
    so the first is left out where the text is cut there, and the last."""
    before, after = _cut(around[:start], 0), _cut(around[end:], end)[:-1]
    return [*before[int(cut) :], *_cut(around[start:end], start), *after]


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
