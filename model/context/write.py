"""Read a prompt into a context and write behind it: an answer, or how the text goes on.

The idea: a prompt may ask about something else than the text right before it, which then misleads a small
model. Where it says by its form that it asks (see `model.context.question`), it is answered behind
[sink | chosen blocks]. Else the model itself tells: a short prompt, a last paragraph or the end of a long
prompt that is likelier behind the blocks that `model.context.answer` selects than behind the window is
answered from those blocks; where the last begins is found by change detection: Page 1954, "Continuous
inspection schemes". Any other text goes on, behind [sinks | retrieved blocks | window].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch

from model.attention import fields
from model.attention.sliding_window import StreamingCache
from model.context import answer, retrieve
from model.context.answer import ATTENDED_TOKENS
from model.context.context import Context
from model.context.ending import Ending
from model.context.opening import completing
from model.context.options import Picker
from model.context.question import LIKELIHOOD, TEMPLATE, Question, found, last_paragraph
from model.context.wording import Wording
from model.geometry import BLOCK, SINKS

RETRIEVE_EVERY = 256
"""Tokens written behind the window before blocks are retrieved again, by what was written last."""
MIN_GAIN = 0.25
"""Nats per token that a question must be likelier behind retrieved blocks than behind the window."""
MIN_LATE_GAIN = 4.0
"""Nats beyond `MIN_GAIN`, in all, by which the end of a longer prompt must be likelier."""
READ, CONTINUED, ANSWERED = "read", "continued", "answered"


@dataclass(frozen=True)
class Written:
    """What was written behind a prompt."""

    tokens: list[int]
    way: str
    """READ where nothing was to be written, CONTINUED as a text, or ANSWERED as a question."""
    told: str | None = None
    """By what a question was told from the text, see `model.context.question`."""
    start: int | None = None
    """Its first token in the prompt."""


@torch.inference_mode()
def write(
    context: Context,
    prompt: list[int],
    picker: Picker,
    wording: Wording | None = None,
    question: Question | None = None,
    retrieve_every: int = RETRIEVE_EVERY,
) -> Written:
    """Read a prompt and write behind it, as the picker's options say; all of it is in the context then.

    Args:
        wording: the model's words; without them only likelihoods tell a question.
        question: the prompt's, where a caller says it.
        retrieve_every: tokens written behind the window before blocks are retrieved again.
    """
    before, options = len(context), picker.options
    if options.most == 0:
        context.read(prompt)
        return Written([], READ)
    question = question or found(prompt, wording) or _likely(context, prompt, wording)
    unread = prompt[len(context) - before :]
    if question is None:
        return Written(_continued(context, unread, picker, retrieve_every), CONTINUED)
    written = _answered(context, prompt, len(prompt) - len(unread), question, picker, wording)
    return Written(written, ANSWERED, question.told, question.start)


def _continued(context: Context, prompt: list[int], picker: Picker, retrieve_every: int) -> list[int]:
    """Read a prompt and write how it goes on."""
    written, unread = list[int](), prompt
    while len(written) < picker.options.most and not picker.ended:
        context.read(unread[: -retrieve.QUESTION_TOKENS])
        asked = unread[-retrieve.QUESTION_TOKENS :]
        blocks = _chosen(context, asked)
        context.read(asked[:-1])
        tokens = context.reader.decode(_window_and_blocks(context, blocks), asked[-1:], picker, stops=())
        some = islice(tokens, min(retrieve_every, picker.options.most - len(written)))
        fresh = _streamed(context, asked[-1:], some, picker, None)
        written += fresh
        unread = [asked[-1], *fresh]
    context.read(unread)
    return written


def _answered(
    context: Context,
    prompt: list[int],
    read: int,
    question: Question,
    picker: Picker,
    wording: Wording | None,
) -> list[int]:
    """Read the rest of a prompt and answer its question, from chosen blocks where text has left the window.

    Args:
        read: tokens of the prompt that are in the context already.
    """
    if question.told == TEMPLATE and _evicted(context, len(prompt) - read - 1) < 2:
        question = question.as_written(len(prompt))  # the conversation is at hand as it stands
    begun, last = len(context) - read, question.stop == len(prompt)
    context.read(prompt[read : question.start if last else None])
    own = () if last else range((begun + question.start) // BLOCK, (begun + question.stop - 1) // BLOCK + 1)
    blocks = _selected(context, question.votes(prompt, wording), question.stop - question.start, own)
    cache = answer.window_cache(context) if blocks is None else context.recompute([blocks])[0]
    asked = question.asked(prompt, wording, alone=len(context) == 0)
    context.read(prompt[question.start :] if last else [])
    picker.options = replace(picker.options, stops=picker.options.stops | question.stops(wording))
    words = wording.tokenizer if wording else None
    pick = completing(picker, words, asked, picker.options.stops)
    tokens = context.reader.decode(cache, asked, pick, stops=())
    room = context.reader.positions - cache.held - len(asked)
    ending = Ending(wording.decode if wording and not question.rendered(wording) else None)
    written = _streamed(context, [], islice(tokens, min(picker.options.most, room)), picker, ending)
    context.read(written)
    return written


def _selected(
    context: Context, questions: Sequence[Sequence[int]], coming: int, own: Sequence[int]
) -> list[int] | None:
    """Blocks to answer some questions from, in document order; None where all is in the window.

    Args:
        coming: tokens of the questions, which are about to be read.
        own: blocks that the questions themselves stand in.
    """
    if _evicted(context, coming - 1) < 2:
        return None
    budget = ATTENDED_TOKENS * 2 // (len(questions) + 1) // BLOCK * BLOCK
    chosen: set[int] = set()
    for asked in questions:
        blocks = [block for block in retrieve.choose(context, asked).blocks if block not in own]
        chosen |= set(answer.select(context.reader, context.recompute, context.ids, asked, blocks, budget))
    return sorted(chosen)


def _chosen(context: Context, asked: Sequence[int]) -> list[int]:
    """Blocks for tokens that are about to be read; none where nothing has left the window then."""
    return retrieve.choose(context, asked).blocks if _evicted(context, len(asked) - 1) > 1 else []


def _likely(context: Context, prompt: list[int], wording: Wording | None) -> Question | None:
    """The end of a prompt as a question, if likelihoods say so; what stands before it is read."""
    start = last_paragraph(prompt, wording)
    context.read(prompt[:start])
    if not asks(context, prompt[start:], _chosen(context, prompt[start:]), whole=start == 0):
        return None
    return Question(start, len(prompt), LIKELIHOOD)


def asks(context: Context, asked: Sequence[int], blocks: Sequence[int], whole: bool) -> bool:
    """Whether the end of a prompt is likelier behind the blocks chosen for it than behind the window.

    Args:
        asked: the end of the prompt, about to be read.
        blocks: candidates, best first; none where nothing has left the window.
        whole: it is all of the prompt.
    """
    if not blocks or len(asked) < 2:
        return False
    reader = context.reader
    found = answer.selected_cache(reader, context.recompute, context.ids, asked, blocks)
    window = answer.window_cache(context)
    window.slide(_recent(context, len(asked) - 1))
    nats_QN = answer.likelihood(reader, [found, window], asked)
    gain_Q = nats_QN[:, 0] - nats_QN[:, 1] - MIN_GAIN
    late = float(gain_Q.flip(0).cumsum(0).max())
    return float(gain_Q.sum()) > 0 if whole else late > MIN_LATE_GAIN


def _window_and_blocks(context: Context, blocks: Sequence[int]) -> StreamingCache:
    """What decoding attends when a text goes on: the window, and behind the sinks the retrieved blocks."""
    left = _evicted(context)
    old = answer.with_neighbours([block for block in blocks if block < left], left, first=1)
    return answer.assembled(context, old, _recent(context)) if old else answer.window_cache(context)


def _recent(context: Context, coming: int = 0) -> int:
    """Tokens of the window, beside the sinks, that are still attended when so many more have been read."""
    slides = context.filled + coming > context.reader.stride
    return context.filled if slides else context.cache.held - SINKS


def _evicted(context: Context, coming: int = 0) -> int:
    """Blocks that will have left the window then and may be retrieved, the sinks' among them."""
    if fields.levels_of(context.reader.config) < 2:
        return 0
    return (len(context) - _recent(context, coming)) // BLOCK


def _streamed(
    context: Context, last: list[int], tokens: Iterator[int], picker: Picker, ending: Ending | None
) -> list[int]:
    """Tokens behind the prompt's last ones, streamed as they come, up to where they end.

    None of them is in the context yet, but if this is interrupted: then what was shown was said.
    """
    shown: list[int] = []

    def show(some: Sequence[int]) -> None:
        shown.extend(some)
        if picker.options.streamer is not None:
            for token in some:
                picker.options.streamer.put(torch.tensor([token]))

    try:
        for token in tokens:
            show([token] if ending is None else ending.take(token))
            if picker.ended or (ending is not None and ending.ended):
                picker.ended = True
                break
        if ending is not None and not ending.ended:
            show(ending.release())
    except BaseException:
        context.read([*last, *shown])
        raise
    return shown
