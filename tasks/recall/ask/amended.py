"""Answers that an amendment has changed: what holds now comes first, older words say what replaced them."""

from collections.abc import Sequence

from tasks.memory.reader import Memory
from tasks.recall.ask.support import THRESHOLD, Judged
from tasks.recall.related import Told, superseded

Over = dict[tuple[str, int], Told]
"""What replaced a statement, by its document and its first character."""


def current(memory: Memory, judged: Sequence[Judged]) -> tuple[list[Judged], Over]:
    """Statements in their order, answers that an amendment replaced behind the others; what replaced them."""
    spans = [(one.statement.document, one.statement.start, one.statement.end) for one in judged]
    over = {(document, start): one for (document, start, _), one in superseded(memory, spans).items()}
    answers = [one for one in judged if one.probability >= THRESHOLD and not is_over(one, over)]
    return [*answers, *(one for one in judged if one not in answers)], over


def is_over(one: Judged, over: Over) -> bool:
    """Whether an amendment has replaced a statement."""
    return (one.statement.document, one.statement.start) in over
