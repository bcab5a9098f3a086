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
from model.context.question import given as question_of
from model.context.wording import Wording, wording_of
from model.context.write import write

log = logging.getLogger(__name__)
_plain = GenerationMixin.generate


@dataclass
class Generated(GenerateDecoderOnlyOutput):
    """What `generate` gives with `return_dict_in_generate`, with what a context adds."""

    way: str | None = None
    """What was done with the prompt: "answered" as a question, "continued" as a text, or only "read"."""
    told: str | None = None
    """By what a question was told from the text: one of those of `model.context.question`."""
    question_start: int | None = None
    """Its first token in the prompt."""


@wraps(GenerationMixin.generate)
def generate(
    self: Any,
    inputs: Any = None,
    *args: Any,
    memory_key: str | None = None,
    question_ids: Any = None,
    **options: Any,
) -> Any:
    if memory_key is None:
        if question_ids is not None:
            raise ValueError("question_ids: only with memory_key; without it, give all tokens as inputs")
        return _plain(self, inputs, *args, **options)
    given = dict(signature(_plain).bind_partial(self, inputs, *args, **options).arguments)
    given |= given.pop("kwargs", {})
    del given["self"]
    try:
        return _generate(self, memory_key, question_ids, given)
    except StaleContext:
        forget(self, memory_key)  # a call after this one opens what was saved
        raise


def install() -> None:
    """Add the argument `memory_key` to transformers' `generate`. May be called again."""
    GenerationMixin.generate = generate


@torch.inference_mode()
def _generate(model: Any, key: str, question_ids: Any, given: dict[str, Any]) -> torch.Tensor | Generated:
    ids, named_ids = given.pop("inputs", None), given.pop("input_ids", None)
    inputs, asked = _joined(
        ids if ids is not None else named_ids, question_ids, given.pop("attention_mask", None)
    )
    options = options_of(model, inputs, given)
    wording = Wording(options.tokenizer) if options.tokenizer else wording_of(model.name_or_path)
    context = context_of(model, key, wording)
    question = question_of(inputs[0].tolist(), asked, wording) if asked else None
    picker = Picker(options, inputs)
    if options.streamer is not None:
        options.streamer.put(inputs.cpu())
    before, prompt = len(context), inputs[0].tolist()
    try:
        written = write(context, prompt, picker, wording, question)
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
    how = f" ({written.told}, from token {written.start:,})" if written.told else ""
    log.info("memory_key=%r: %s%s, %d tokens written", key, written.way, how, len(written.tokens))
    behind = torch.tensor([written.tokens], dtype=inputs.dtype, device=inputs.device)
    whole = torch.cat([inputs, behind], dim=1)
    if not options.config.return_dict_in_generate:
        return whole
    scores, logits = (tuple(kept) or None for kept in (picker.scores, picker.logits))
    return Generated(whole, scores, logits, way=written.way, told=written.told, question_start=written.start)


def _joined(inputs: Any, question: Any, mask: Any) -> tuple[torch.Tensor, int]:
    """The prompt, (1, K), and how many of its last tokens a caller says are the question."""
    if question is None:
        return _checked(inputs, mask), 0
    asked = _checked(question, None)
    if inputs is None:
        return asked, asked.shape[1]
    before, tokens = _checked(inputs, mask), asked.shape[1]
    if torch.equal(before[:, -tokens:], asked.to(before)):
        return before, tokens
    return torch.cat([before, asked.to(before)], dim=1), tokens


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
