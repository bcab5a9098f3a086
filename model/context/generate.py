"""`generate(..., memory_key="...")`: a context that outlives the call and the model's window.

The idea: every key names a context (see `model.context.context`). A call reads its prompt into it and decodes
behind [sinks | retrieved blocks | window]; what was written is read into the context too, so the next call
continues. A prompt may instead ask about something else than the text right before it, which then misleads a
small model. The model itself tells which it is: a short prompt, or the end of a long one, that is likelier
behind the blocks that `model.context.answer` selects than behind the window is answered from those blocks.
Where the question begins in a long prompt is found by change detection: Page 1954, "Continuous inspection
schemes".
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationMixin, LogitsProcessorList
from transformers.generation import (
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model.attention import sliding_window as attention
from model.attention.sliding_window import StreamingCache
from model.context import answer, checkpoint, heads, retrieve
from model.context.context import Context, Memory
from model.context.disk import StaleContext
from model.files import inside
from model.geometry import BLOCK, SINKS
from model.hardware import free_bytes
from model.reader import Pick, Reader, greedy

_PROCESSORS: dict[str, Callable[[Any], Any]] = {
    "repetition_penalty": lambda value: RepetitionPenaltyLogitsProcessor(float(value)),
    "no_repeat_ngram_size": NoRepeatNGramLogitsProcessor,
}
"""What changes the likelihood of tokens, in transformers' order."""
_WARPERS: dict[str, Callable[[Any], Any]] = {
    "temperature": lambda value: TemperatureLogitsWarper(float(value)),
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
}
"""What else does before one is drawn."""
_OPTIONS = ("max_new_tokens", "do_sample", "streamer", "attention_mask", *_PROCESSORS, *_WARPERS)
_DEFAULTS = {"max_new_tokens": 20, "top_k": 50}
"""transformers' own, where neither the model nor the caller says anything."""
RETRIEVE_EVERY = 256
"""Tokens written behind the window before blocks are retrieved again, by what was written last."""
MIN_GAIN = 0.25
"""Nats per token that a question must be likelier behind retrieved blocks than behind the window."""
MIN_LATE_GAIN = 4.0
"""Nats beyond `MIN_GAIN`, in all, by which the end of a longer prompt must be likelier."""
_plain = GenerationMixin.generate
_HELD = "_nightread_contexts"
"""Attribute of a model that holds its contexts: they go when it goes."""


@wraps(GenerationMixin.generate)
def generate(self: Any, inputs: Any = None, *args: Any, memory_key: str | None = None, **options: Any) -> Any:
    if memory_key is None:
        return _plain(self, inputs, *args, **options)
    if args:
        raise ValueError(f"with memory_key, give generate's options by name; not {type(args[0]).__name__}")
    prompt = inputs if inputs is not None else options.pop("input_ids", None)
    try:
        return _generate(self, prompt, memory_key, options)
    except StaleContext:
        getattr(self, _HELD).pop(memory_key).close()  # a call after this one opens what was saved
        raise


def install() -> None:
    """Add the argument `memory_key` to transformers' `generate`. May be called again."""
    GenerationMixin.generate = generate


class _Held(dict[str, Context]):
    """Contexts by key; a copy of the model begins with none."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _Held, ()


def context_of(model: Any, key: str) -> Context:
    """The context that `key` names for this model; a new one at first.

    With `config.memory_levels` 3 and a `config.memory_folder` it lies there and outlives the process.

    Raises:
        ValueError: if the model does not use this package's attention, or its heads were never calibrated.
    """
    kept: _Held = model.__dict__.setdefault(_HELD, _Held())
    folder = _folder(model.config.get_text_config(), key)
    if key not in kept:
        kept[key] = _fresh(model, key, folder)
    elif (lies := kept[key].memory.folder) != folder:
        raise ValueError(
            f"memory_key={key!r} was begun in {lies or 'memory'}, config.memory_folder now puts it in "
            f"{folder or 'memory'}: give another key, or set that back"
        )
    return kept[key]


def _fresh(model: Any, key: str, folder: Path | None) -> Context:
    config = model.config.get_text_config()
    if config._attn_implementation != attention.NAME:
        raise ValueError(
            f"memory_key={key!r} needs attn_implementation={attention.NAME!r}, "
            f"this model was loaded with {config._attn_implementation!r}"
        )
    reader = Reader.around(model, attention.stride_of(config))
    if folder is not None and checkpoint.exists(folder):
        context = checkpoint.open_context(reader, folder)
        if context.kv is None:
            context.close()
            raise ValueError(
                f"memory_key={key!r}: the context in {folder} keeps no keys and values: "
                "read it with Memory(kv=True), or give another key"
            )
        return context
    voting = heads.load(Path(config._name_or_path), config)
    memory = Memory(storage="bfloat16", kv=True, folder=folder)
    if folder is None:  # then there is nothing else for what the budget does not hold
        memory = replace(memory, host_bytes=max(memory.host_bytes, free_bytes(torch.device("cpu")) // 2))
    return Context(reader, voting, memory)


CONTEXT = "context"
"""Folder of a key's own, beside what else is kept of the dialogue that it names."""


def _folder(config: Any, key: str) -> Path | None:
    """Where a key's context lies on disk, if it does."""
    folder, levels = getattr(config, "memory_folder", None), attention.levels_of(config)
    if folder is None or levels < 3:
        return None
    own = inside(Path(folder), key)
    return own if checkpoint.exists(own) else own / CONTEXT  # as earlier versions saved it, or now


@torch.inference_mode()
def _generate(model: Any, inputs: torch.Tensor, key: str, options: dict[str, Any]) -> torch.Tensor:
    prompt = _prompt(inputs, options)
    context = context_of(model, key)
    given = {**model.generation_config.to_diff_dict(), **options}
    settings = _DEFAULTS | {name: value for name, value in given.items() if value is not None}
    most, pick = int(settings["max_new_tokens"]), _pick(settings, inputs)
    if (streamer := settings.get("streamer")) is not None:
        streamer.put(inputs.cpu())
    before = len(context)
    try:
        written = write(context, prompt, most, pick, streamer)
        if streamer is not None:
            streamer.end()
        if context.memory.folder is not None:
            checkpoint.save(context, context.memory.folder)
    except Exception as error:
        if (taken := len(context) - before) and not isinstance(error, StaleContext):
            mine = min(taken, len(prompt))
            error.add_note(
                f"The context {key!r} holds {mine:,} tokens of this prompt and {taken - mine:,} "
                "written behind it: go on from there."
            )
        raise
    return torch.cat([inputs, torch.tensor([written], dtype=inputs.dtype, device=inputs.device)], dim=1)


def _prompt(inputs: torch.Tensor, options: dict[str, Any]) -> list[int]:
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise ValueError(f"with memory_key, generate takes {', '.join(_OPTIONS)}; not {', '.join(unknown)}")
    if not isinstance(inputs, torch.Tensor) or inputs.is_floating_point():
        given = inputs.dtype if isinstance(inputs, torch.Tensor) else type(inputs).__name__
        raise ValueError(f"with memory_key, a prompt is a tensor of token ids, not {given}")
    if inputs.ndim != 2 or inputs.shape[0] != 1 or inputs.shape[1] == 0:
        raise ValueError(
            f"with memory_key, a prompt is one row of tokens, not of shape {tuple(inputs.shape)}"
        )
    mask = options.pop("attention_mask", None)
    if mask is not None and not bool(mask.all()):
        raise ValueError("with memory_key, a prompt has no padding: pass the tokens without it")
    if (most := options.get("max_new_tokens")) is not None and most < 0:
        raise ValueError(f"max_new_tokens={most}: give how many to write; 0 only reads the prompt")
    ids: list[int] = inputs[0].tolist()
    return ids


@torch.inference_mode()
def write(
    context: Context,
    prompt: list[int],
    most: int,
    pick: Pick = greedy,
    streamer: Any = None,
    retrieve_every: int = RETRIEVE_EVERY,
) -> list[int]:
    """Read a prompt and write at most `most` tokens behind it; all of it is in the context then.

    Args:
        retrieve_every: tokens written behind the window before blocks are retrieved again.
    """
    written: list[int] = []
    unread = prompt
    while len(written) < most and not context.reader.stops & set(written[-1:]):
        context.read(unread[: -retrieve.QUESTION_TOKENS])
        asked = unread[-retrieve.QUESTION_TOKENS :]
        left = _evicted(context, len(asked) - 1)
        blocks = retrieve.choose(context, asked).blocks if left > 1 else []
        cache = None if written else retrieved_cache(context, asked, blocks, whole=len(asked) == len(prompt))
        context.read(asked[:-1])
        if cache is None:
            cache, room = _window_and_blocks(context, blocks), retrieve_every
        else:
            room = context.reader.positions - cache.held
        tokens = islice(context.reader.decode(cache, asked[-1:], pick), min(room, most - len(written)))
        fresh = _streamed(context, asked[-1], tokens, streamer)
        written += fresh
        unread = [asked[-1], *fresh]
    context.read(unread)
    return written


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
    if attention.levels_of(context.reader.config) < 2:
        return 0
    return (len(context) - _recent(context, coming)) // BLOCK


def _streamed(context: Context, last: int, tokens: Iterator[int], streamer: Any) -> list[int]:
    """Tokens behind the prompt's last one, streamed as they come.

    None of them is in the context yet, but if this is interrupted: then what was shown was said.
    """
    shown: list[int] = []
    try:
        for token in tokens:
            shown.append(token)
            if streamer is not None:
                streamer.put(torch.tensor([token]))
    except BaseException:
        context.read([last, *shown])
        raise
    return shown


def _pick(settings: dict[str, Any], prompt_1K: torch.Tensor) -> Pick:
    """How a token is chosen; options that cannot be are refused here, before anything is read.

    What looks back, as a penalty for repetition does, sees this call's prompt and what was written behind it.
    """
    samples = bool(settings.get("do_sample"))
    made = _PROCESSORS | (_WARPERS if samples else {})
    off = {name for name in ("top_k", "no_repeat_ngram_size") if settings.get(name) == 0}
    names = [name for name in made if name in settings and name not in off]
    processors = LogitsProcessorList([made[name](settings[name]) for name in names])
    if not samples and not processors:
        return greedy
    ids_1K = prompt_1K.long()

    def pick(logits_1V: torch.Tensor) -> int:
        nonlocal ids_1K
        ids_1K = ids_1K.to(logits_1V.device)
        scores_1V = processors(ids_1K, logits_1V)
        token_11 = torch.multinomial(scores_1V.softmax(-1), 1) if samples else scores_1V.argmax(-1)[None]
        ids_1K = torch.cat([ids_1K, token_11], dim=1)
        return int(token_11)

    return pick
