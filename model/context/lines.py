# ruff: noqa: RUF001 - punctuation of other languages is meant
"""Lines of a text that speak for a question by its own words: told without a pass over the model.

The idea: among facts of one form the one that is asked for has a name that the others lack, so the likelihood
of the question's tokens in each line (Ponte & Croft 1998, "A language modeling approach to information
retrieval") often names the block before any is read again. The line itself is put once more right before the
question, as people quote what they ask about: of a dozen lines of one form a small model takes the last,
whichever is asked for. Where no line leads clearly, nothing is said.
"""

import re
from collections.abc import Iterator, Sequence

from model.context.recompute import runs
from model.context.scoring import query_likelihood
from model.context.wording import Wording
from model.geometry import BLOCK

LEAD = 1.0
"""Nats by which the question must be likelier in a line than in any other: of two lines of equal length, one
has a token that the other lacks."""
_LEAST, _MOST = 12, 600
"""Characters of a line: what is shorter is part of the next one, what is longer is not quoted."""
_END = re.compile(r"""\n+|[.!?]["'”’)\]]*(?=\s)|[。！？]""")


def quoted(ids: Sequence[int], blocks: Sequence[int], question: str, wording: Wording) -> str:
    """The line of these blocks of a text that leads; "" where none does, or where it holds special tokens,
    which in a message would end it and begin another.

    Args:
        ids: the text's tokens. A line that begins or ends beyond the blocks is quoted whole.
        blocks: in document order.
        question: its words.
    """
    lines = list(dict.fromkeys(line for run in runs(blocks) for line in _lines(ids, run, wording)))
    best = _leading(lines, question, wording)
    return best if best is not None and len(best) <= _MOST and not wording.marks_in(best) else ""


def nominated(
    ids: Sequence[int], sets: Sequence[Sequence[int]], question: str, wording: Wording
) -> int | None:
    """Which of several sets of blocks holds the line that leads; None where none does.

    A line of several sets, as of their overlap, speaks for the first of them.
    """
    of: dict[str, int] = {}
    for number, blocks in enumerate(sets):
        for run in runs(blocks):
            for line in _lines(ids, run, wording):
                of.setdefault(line, number)
    best = _leading(list(of), question, wording)
    return None if best is None else of[best]


def _leading(lines: Sequence[str], question: str, wording: Wording) -> str | None:
    if len(lines) < 2:
        return None
    nats = query_likelihood([_tokens(line, wording) for line in lines], _tokens(question, wording))
    best, second = sorted(range(len(lines)), key=nats.__getitem__, reverse=True)[:2]
    return lines[best] if nats[best] - nats[second] >= LEAD else None


def _tokens(text: str, wording: Wording) -> list[int]:
    """Tokens of words, whatever their case and wherever they stand in a line."""
    return wording.encode(f" {text.casefold()}")


def _lines(ids: Sequence[int], run: range, wording: Wording) -> Iterator[str]:
    """Lines and sentences of consecutive blocks, with what of the first and the last lies beyond them."""
    before, own, behind = (
        wording.decode(ids[max(first, 0) * BLOCK : stop * BLOCK])
        for first, stop in ((run.start - 1, run.start), (run.start, run.stop), (run.stop, run.stop + 1))
    )
    text, first, last = before + own + behind, len(before), len(before) + len(own)
    begin = 0
    for end in (*(match.end() for match in _END.finditer(text)), len(text)):
        if len(line := text[begin:end].strip()) >= _LEAST or end == len(text):
            if line and begin < last and end > first:
                yield line
            begin = end
