"""Passages, the unit of verbatim search: whole sentences up to a size.

Every character that is not white space is in exactly one passage. Long documents are cut from a stream,
whatever its pieces are.
"""

import re
from collections.abc import Iterable, Iterator

from tasks.text.sentences import SENTENCE_CHARS, sentences

Placed = tuple[int, str]
"""Where a piece of a text begins, and the piece; consecutive, from character 0 on."""


def stream_passages(
    pieces: Iterable[Placed], max_chars: int, longest: int = 0
) -> Iterator[tuple[int, int, str]]:
    """Passages (start, end, text) of a document given as consecutive pieces (char_start, text).

    Sentences are packed while they fit in `max_chars`; a passage half full ends with its paragraph. Only a
    passage of one sentence, of up to `longest` characters, is longer. What comes out does not depend on where
    the pieces are cut, and memory is bounded by a piece, a passage and a paragraph.

    Raises:
        ValueError: if `max_chars` is below 1.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars={max_chars} must be at least 1")
    held, base = "", 0  # everything from the open passage's first character on
    start, end = -1, -1  # the open passage inside `held`; -1 for none
    for at, paragraph in paragraphs(pieces):
        held, base, offset = (held + paragraph, base, len(held)) if start >= 0 else (paragraph, at, 0)
        for first, last in sentences(paragraph, min(max(max_chars, longest), SENTENCE_CHARS)):
            if start >= 0 and offset + last - start > max_chars:
                yield base + start, base + end, held[start:end]
                start = -1
            start, end = (offset + first if start < 0 else start), offset + last
        if start >= 0 and end - start > max_chars // 2:
            yield base + start, base + end, held[start:end]
            start = -1
        elif start > 0:
            held, base, start, end = held[start:], base + start, 0, end - start
    if start >= 0:
        yield base + start, base + end, held[start:end]


_PARAGRAPH_CHARS = 1 << 16
"""A paragraph without an end is cut here, after a line if there is one."""
_PARAGRAPH = re.compile(r"(?<=\S)[^\S\n]*+\n[^\S\n]*+\n\s*+(?=\S)")


def paragraphs(pieces: Iterable[Placed]) -> Iterator[tuple[int, str]]:
    """(char_start, text) of each paragraph with the white space after it."""
    pending, base = "", 0
    for _, piece in pieces:
        pending += piece
        if len(pending) >= 2 * _PARAGRAPH_CHARS:
            at = 0
            while at + _PARAGRAPH_CHARS <= len(pending):
                end = _paragraph_end(pending, at)
                yield base + at, pending[at:end]
                at = end
            pending, base = pending[at:], base + at
    at = 0
    while at < len(pending):
        end = _paragraph_end(pending, at)
        yield base + at, pending[at:end]
        at = end


def _paragraph_end(text: str, start: int) -> int:
    """Where the paragraph at `start` ends, by its next _PARAGRAPH_CHARS characters (or the last ones)."""
    limit = start + _PARAGRAPH_CHARS
    match = _PARAGRAPH.search(text, start + 1, limit)  # + 1: never match what lies before `start`
    if match:
        return match.end()
    if limit >= len(text):
        return len(text)
    return text.rfind("\n", start, limit) + 1 or limit
