"""`generate(..., memory_key="...")`: a context that outlives the call and the model's window.

The idea: every key names a context (see `model.context.named`). A call reads its prompt into it and writes
behind it (see `model.context.write`) as transformers' own options say (see `model.context.options`); what was
written is in the context too, so the next call continues.
"""

import logging
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any

import torch
from transformers import GenerationMixin
from transformers.generation import GenerateDecoderOnlyOutput

from model.context import checkpoint
from model.context.disk import StaleContext
from model.context.named import context_of, forget
from model.context.options import Picker, options_of
from model.context.write import write

log = logging.getLogger(__name__)
_plain = GenerationMixin.generate


@dataclass
class Generated(GenerateDecoderOnlyOutput):
    """What `generate` gives with `return_dict_in_generate`, with what a context adds."""

    way: str | None = None
    """What was done with the prompt: one of the ways of `model.context.write`."""


@wraps(GenerationMixin.generate)
def generate(self: Any, inputs: Any = None, *args: Any, memory_key: str | None = None, **options: Any) -> Any:
    if memory_key is None:
        return _plain(self, inputs, *args, **options)
    given = dict(signature(_plain).bind_partial(self, inputs, *args, **options).arguments)
    given |= given.pop("kwargs", {})
    del given["self"]
    try:
        return _generate(self, memory_key, given)
    except StaleContext:
        forget(self, memory_key)  # a call after this one opens what was saved
        raise


def install() -> None:
    """Add the argument `memory_key` to transformers' `generate`. May be called again."""
    GenerationMixin.generate = generate


@torch.inference_mode()
def _generate(model: Any, key: str, given: dict[str, Any]) -> torch.Tensor | Generated:
    ids, named_ids = given.pop("inputs", None), given.pop("input_ids", None)
    inputs = _checked(ids if ids is not None else named_ids, given.pop("attention_mask", None))
    context = context_of(model, key)
    options = options_of(model, inputs, given)
    picker = Picker(options, inputs)
    if options.streamer is not None:
        options.streamer.put(inputs.cpu())
    before, prompt = len(context), inputs[0].tolist()
    try:
        written = write(context, prompt, picker)
        if options.streamer is not None:
            options.streamer.end()
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
    behind = torch.tensor([written.tokens], dtype=inputs.dtype, device=inputs.device)
    whole = torch.cat([inputs, behind], dim=1)
    if not options.config.return_dict_in_generate:
        return whole
    scores, logits = (tuple(kept) or None for kept in (picker.scores, picker.logits))
    return Generated(sequences=whole, scores=scores, logits=logits, way=written.way)


def _checked(inputs: Any, mask: Any) -> torch.Tensor:
    """The prompt, one row of tokens, (1, K)."""
    if not isinstance(inputs, torch.Tensor) or inputs.is_floating_point():
        given = inputs.dtype if isinstance(inputs, torch.Tensor) else type(inputs).__name__
        raise ValueError(f"with memory_key, a prompt is a tensor of token ids, not {given}")
    if inputs.ndim != 2 or inputs.shape[0] != 1 or inputs.shape[1] == 0:
        raise ValueError(
            f"with memory_key, a prompt is one row of tokens, not of shape {tuple(inputs.shape)}"
        )
    if mask is not None and not bool(mask.all()):
        raise ValueError("with memory_key, a prompt has no padding: pass the tokens without it")
    return inputs
