"""Answers that an amendment has changed: what holds now comes first, older words say what replaced them.

The idea: what replaces a statement answers what that one answers, however it is worded, and even where it was
not among what was recalled.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tasks.memory.reader import Memory
from tasks.recall.ask.statements import Statement
from tasks.recall.ask.support import THRESHOLD, Judged
from tasks.recall.related import Told, superseded

Over = dict[tuple[str, int], Told]
"""What replaced a statement, by its document and its first character."""
More = Callable[[Sequence[str]], Sequence[Judged]]
"""Judges the statements of more records, by their ids."""


def current(memory: Memory, judged: Sequence[Judged], more: More) -> tuple[list[Judged], Over]:
    """Statements in their order, answers that an amendment replaced behind the others; what replaced them.

    Args:
        more: asked for what replaced an answer, where it is not among the statements.
    """
    spans = [(one.statement.document, one.statement.start, one.statement.end) for one in judged]
    over = {(document, start): one for (document, start, _), one in superseded(memory, spans).items()}
    replaced = [(over[_key(one)], one) for one in judged if is_over(one, over)]
    answers = [by for by, one in replaced if one.probability >= THRESHOLD]
    missing = {by.record for by in answers if not any(_holds(one, by) for one in judged)}
    found = more(sorted(missing)) if missing else ()
    some = [*judged, *(one for one in found if any(_holds(one, by) for by, _ in replaced))]
    some = [_as_good(one, [old for by, old in replaced if _holds(one, by)]) for one in some]
    some = sorted(some, key=lambda one: (-one.probability, is_over(one, over)))
    now = [one for one in some if one.probability >= THRESHOLD and not is_over(one, over)]
    return [*now, *(one for one in some if one not in now)], over


def is_over(one: Judged, over: Over) -> bool:
    """Whether an amendment has replaced a statement."""
    return _key(one) in over


def with_older(one: Statement, whole: Statement, over: Over) -> bool:
    """Whether a statement that was completed by a sentence beside it holds words that are replaced."""
    starts = (start for document, start in over if document == whole.document and start != one.start)
    return any(whole.start <= start < whole.end for start in starts)


def _key(one: Judged) -> tuple[str, int]:
    return one.statement.document, one.statement.start


def _holds(one: Judged, by: Told) -> bool:
    """Whether a statement is what an amendment puts in the place of another one."""
    said = one.statement
    return said.document == by.document and said.start <= by.start < said.end


def _as_good(one: Judged, replaced: Sequence[Judged]) -> Judged:
    """A statement that answers at least as well as those that it replaces."""
    best = max([one, *replaced], key=lambda other: other.probability)
    return replace(one, features=best.features, probability=best.probability)
