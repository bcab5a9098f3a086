"""What comes before an answer, in steps: its blocks are chosen, and the question is put behind them.

The idea: every pass over the model makes others wait, so what prepares an answer is a generator that stops
after each. And most of the time to the first token goes into reading candidates again, so few are: one where
the heads' votes and the question's own words agree on it, else the one that the words lead to, and those with
most votes.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from model.context import answer, lines, retrieve
from model.context.answer import ATTENDED_TOKENS
from model.context.context import Context
from model.context.continuous import Answer
from model.context.ending import Ending
from model.context.opening import completing
from model.context.question import Question
from model.context.retrieve import Chosen
from model.context.wording import Wording
from model.geometry import BLOCK
from model.reader import greedy

TOGETHER = 4
"""Candidates that are recomputed in one pass: some hundred tokens, for which others wait."""
_VOTED = 16
"""Blocks with most votes, in which the question's words are looked for."""


@dataclass(frozen=True)
class Selected:
    """Blocks for a question, in document order, and what heads voted for them."""

    blocks: list[int]
    votes: dict[int, float]


Steps = Generator[None, None, Selected]
"""Stops after every pass over the model; its value comes at the end."""


def selecting(
    context: Context,
    questions: Sequence[Sequence[int]],
    k: int,
    least: float = 0.0,
    wording: Wording | None = None,
) -> Steps:
    """The blocks that questions are answered from, in steps.

    Without the model's words they are those of `answer.select`.

    Args:
        questions: their tokens; several are given less room each.
        k: candidates that are compared for each, at most.
        least: share of the best one's votes that a candidate has at least.
    """
    budget = ATTENDED_TOKENS * 2 // (len(questions) + 1) // BLOCK * BLOCK
    chosen, votes, recompute = set[int](), dict[int, float](), context.recompute
    stop = -(-len(context) // BLOCK)
    for asked in questions:
        found = retrieve.choose(context, asked, max(k, _VOTED))
        votes |= {
            block: max(vote, votes.get(block, 0.0))
            for block, vote in zip(found.blocks, found.votes, strict=True)
        }
        yield
        near = answer.candidates(len(context), found.blocks[:k], budget)
        if len(near) <= budget // BLOCK:
            chosen |= set(near)
            continue
        tried = _tried(context, found, asked, k, least, wording)
        sets = [answer.with_neighbours([block], stop) for block in tried] if len(tried) > 1 else []
        for first in range(0, len(sets), TOGETHER):
            recompute(sets[first : first + TOGETHER])  # kept for the pass that compares them all
            yield
        best = answer.ranked(context.reader, recompute, context.ids, asked, tried)
        chosen |= set(answer.with_neighbours(best, stop, budget))
        yield
    selected = Selected(sorted(chosen), votes)
    recompute([selected.blocks])
    yield
    return selected


def _tried(
    context: Context, found: Chosen, asked: Sequence[int], k: int, least: float, wording: Wording | None
) -> list[int]:
    """Candidates that are read again to be compared; a single one is not compared."""
    most = zip(found.blocks[:k], found.votes, strict=False)
    voted = [block for block, vote in most if vote >= least * found.votes[0]]
    if wording is None:
        return answer.apart([*voted, 0])
    known, stop = answer.apart([*found.blocks, 0]), -(-len(context) // BLOCK)
    sets = [answer.with_neighbours([block], stop) for block in known]
    leads = lines.nominated(context.ids, sets, wording.decode(asked), wording)
    if leads == 0:
        return known[:1]
    return answer.apart([*([known[leads]] if leads else []), *voted, 0])[:k]


def answering(
    context: Context,
    question: Question,
    prompt: Sequence[int],
    wording: Wording | None,
    most: int,
    k: int,
    least: float = 0.0,
) -> Generator[None, None, Answer]:
    """An answer from chosen blocks, ready to join a batch, in steps; the context stays as it is.

    Args:
        question: of the prompt, whose tokens they are.
        most: tokens at most.
        k, least: as `selecting` takes them.
    """
    selected = yield from selecting(context, question.votes(prompt, wording), k, least, wording)
    stops = frozenset(context.reader.stops | question.stops(wording))
    quote = lines.quoted(context.ids, selected.blocks, question.text, wording) if wording else ""
    asked = question.asked(prompt, wording, len(context) == 0, quote)
    return Answer(
        context.recompute([selected.blocks])[0],
        asked,
        most,
        completing(greedy, wording.tokenizer if wording else None, asked, stops),
        stops,
        Ending(wording.decode if wording and not question.rendered(wording) else None),
        selected.blocks,
        selected.votes,
    )
