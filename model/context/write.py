"""Read a prompt into a context and write behind it, behind [sinks | retrieved blocks | window].

The idea: a prompt may ask about something else than the text right before it, which then misleads a
small model. The model itself tells which it is: a short prompt, or the end of a long one, that is likelier
behind the blocks that `model.context.answer` selects than behind the window is answered from those blocks.
Where the question begins in a long prompt is found by change detection: Page 1954, "Continuous inspection
schemes".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from model.attention import fields
from model.attention.sliding_window import StreamingCache
from model.context import answer, retrieve
from model.context.context import Context
from model.context.options import Picker
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
    """READ where nothing was to be written, CONTINUED as a text, or ANSWERED from retrieved blocks."""


@torch.inference_mode()
def write(
    context: Context, prompt: list[int], picker: Picker, retrieve_every: int = RETRIEVE_EVERY
) -> Written:
    """Read a prompt and write behind it, as the picker's options say; all of it is in the context then.

    Args:
        retrieve_every: tokens written behind the window before blocks are retrieved again.
    """
    written, unread, way, most = list[int](), prompt, READ, picker.options.most
    while len(written) < most and not picker.ended:
        context.read(unread[: -retrieve.QUESTION_TOKENS])
        asked = unread[-retrieve.QUESTION_TOKENS :]
        left = _evicted(context, len(asked) - 1)
        blocks = retrieve.choose(context, asked).blocks if left > 1 else []
        cache = None if written else retrieved_cache(context, asked, blocks, whole=len(asked) == len(prompt))
        context.read(asked[:-1])
        if not written:
            way = CONTINUED if cache is None else ANSWERED
        if cache is None:
            cache, room = _window_and_blocks(context, blocks), retrieve_every
        else:
            room = context.reader.positions - cache.held
        tokens = context.reader.decode(cache, asked[-1:], picker, stops=())
        fresh = _streamed(context, asked[-1], islice(tokens, min(room, most - len(written))), picker)
        written += fresh
        unread = [asked[-1], *fresh]
    context.read(unread)
    return Written(written, way)


def retrieved_cache(
    context: Context, asked: Sequence[int], blocks: Sequence[int], whole: bool
) -> StreamingCache | None:
    """What answers a prompt that asks, with all but its last token behind; None for one that goes on.

    Args:
        asked: the end of the prompt, about to be read.
        blocks: candidates, best first; none where nothing has left the window.
        whole: it is all of the prompt.
    """
    if not blocks or len(asked) < 2:
        return None
    reader = context.reader
    found = answer.selected_cache(reader, context.recompute, len(context), asked, blocks)
    window = answer.window_cache(context)
    window.slide(_recent(context, len(asked) - 1))
    nats_QN = answer.likelihood(reader, [found, window], asked)
    gain_Q = nats_QN[:, 0] - nats_QN[:, 1] - MIN_GAIN
    asks = gain_Q.sum() > 0 if whole else gain_Q.flip(0).cumsum(0).max() > MIN_LATE_GAIN
    return found if asks else None


def _window_and_blocks(context: Context, blocks: Sequence[int]) -> StreamingCache:
    """What decoding attends when a text goes on: the window, and behind the sinks the retrieved blocks."""
    left = _evicted(context)
    old = answer.with_neighbours([block for block in blocks if block < left], left)
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


def _streamed(context: Context, last: int, tokens: Iterator[int], picker: Picker) -> list[int]:
    """Tokens behind the prompt's last one, streamed as they come.

    None of them is in the context yet, but if this is interrupted: then what was shown was said.
    """
    shown: list[int] = []
    try:
        for token in tokens:
            shown.append(token)
            if picker.options.streamer is not None:
                picker.options.streamer.put(torch.tensor([token]))
            if picker.ended:
                break
    except BaseException:
        context.read([last, *shown])
        raise
    return shown
