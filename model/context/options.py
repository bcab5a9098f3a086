"""What `generate` is told about writing, as transformers takes it, and the tokens that are chosen so.

The idea: transformers itself merges the call's options with the model's `generation_config`, checks them and
makes processors and stopping criteria of them. What it would then do with several rows or beams, a context
cannot, and says so before anything is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList
from transformers.generation import EosTokenCriteria, MaxLengthCriteria
from transformers.generation.configuration_utils import GenerationMode

_COUNTED = (MaxLengthCriteria, EosTokenCriteria)
"""What `Options.most` and `Options.stops` say."""
NEW_TOKENS = 20
"""transformers' own, where neither the model nor the caller says anything."""
_REFUSED = {
    "assistant_model": "a second model cannot read the context",
    "past_key_values": "memory_key names what was read before",
    "inputs_embeds": "a context keeps tokens: give input_ids",
    "negative_prompt_ids": "there is no second context to hold them",
    "custom_generate": "it would not read the context",
    "cache_implementation": "memory_key is the cache",
    "output_attentions": "attention is never held as a matrix",
    "output_hidden_states": "they are not kept",
    "synced_gpus": "a context is one process's",
    "token_healing": "a context does not take back tokens",
}
"""Options that a context cannot honour where they are given, and why."""
_BESIDE_IDS = ("attention_mask", "token_type_ids")
"""What tokenizers give with token ids, and says nothing of a single row of them."""


@dataclass(frozen=True)
class Options:
    """How one call writes."""

    most: int
    """Tokens to write at most."""
    config: GenerationConfig
    """All of transformers' options, merged."""
    stops: frozenset[int] = frozenset()
    """Tokens that end what is written."""
    processors: LogitsProcessorList = field(default_factory=LogitsProcessorList)
    criteria: StoppingCriteriaList = field(default_factory=StoppingCriteriaList)
    """Those beside `most` and `stops`."""
    seed: int | None = None
    streamer: Any = None
    tokenizer: Any = None


def options_of(model: Any, inputs: torch.Tensor, given: Mapping[str, Any]) -> Options:
    """Options of a call with this prompt, (1, K).

    Raises:
        ValueError: for what a context cannot honour, or transformers does not know.
    """
    left = {name: value for name, value in given.items() if value is not None or name == "eos_token_id"}
    _refuse(left)
    seed, streamer, tokenizer = (left.pop(name, None) for name in ("seed", "streamer", "tokenizer"))
    own = {name: left.pop(name, None) for name in ("logits_processor", "stopping_criteria")}
    allowed = left.pop("prefix_allowed_tokens_fn", None)
    reads_only = left.get("max_new_tokens") == 0  # transformers knows no such call
    if reads_only:
        del left["max_new_tokens"]
    config, unknown = model._prepare_generation_config(left.pop("generation_config", None), **left)
    _refuse(config.to_diff_dict())
    beside = {name: value for name, value in unknown.items() if name not in _BESIDE_IDS}
    model._validate_model_kwargs(beside)
    if beside:
        raise ValueError(f"{next(iter(beside))}: not with memory_key: a context is read from token ids alone")
    if (mode := config.get_generation_mode()) not in (GenerationMode.GREEDY_SEARCH, GenerationMode.SAMPLE):
        raise ValueError(f"{mode.replace('_', ' ')}: with memory_key one row is written, greedily or sampled")
    if (rows := config.num_return_sequences or 1) > 1:
        raise ValueError(f"num_return_sequences={rows}: with memory_key one row is written; call again")
    most = 0 if reads_only else _most(model, config, inputs.shape[1], given)
    model._prepare_special_tokens(config, True, device=model.device, batch_size=1)
    processors = model._get_logits_processor(
        generation_config=config,
        input_ids_seq_length=inputs.shape[1],
        encoder_input_ids=inputs,
        prefix_allowed_tokens_fn=allowed,
        logits_processor=own["logits_processor"] or LogitsProcessorList(),
        device=model.device,
        model_kwargs={},
    )
    told = StoppingCriteriaList(own["stopping_criteria"] or ())
    criteria = model._get_stopping_criteria(config, told, tokenizer)
    ends = config._eos_token_tensor
    return Options(
        most,
        config,
        frozenset(() if ends is None else ends.tolist()),
        processors,
        StoppingCriteriaList(one for one in criteria if not isinstance(one, _COUNTED)),
        seed,
        streamer,
        tokenizer,
    )


def _refuse(given: Mapping[str, Any]) -> None:
    for name, why in _REFUSED.items():
        if given.get(name) not in (None, False):
            raise ValueError(f"{name}: not with memory_key: {why}")
    if given.get("use_cache") is False:
        raise ValueError("use_cache=False: not with memory_key: it is the cache that the key names")
    if given.get("guidance_scale") not in (None, 1, 1.0):
        raise ValueError("guidance_scale: not with memory_key: there is no second context without the prompt")


def _most(model: Any, config: GenerationConfig, prompt: int, given: Mapping[str, Any]) -> int:
    """Tokens to write: `max_length` counts the prompt too, but where the prompt alone is as long."""
    if config.max_new_tokens is not None:
        return int(config.max_new_tokens)
    told = (given.get("generation_config"), model.generation_config)
    lengths = [given.get("max_length"), *(one.max_length for one in told if one is not None)]
    length = next((int(one) for one in lengths if one is not None), None)
    if length is None:
        return NEW_TOKENS
    return length - prompt if length > prompt else length


class Picker:
    """Chooses token after token. What looks back sees this call's prompt and what was written behind it."""

    def __init__(self, options: Options, prompt_1K: torch.Tensor) -> None:
        self.options, self.config = options, options.config
        self.ended = False
        """Whether the token chosen last ends what is written."""
        self.scores: list[torch.Tensor] = []
        self.logits: list[torch.Tensor] = []
        self._looks = bool(options.processors or options.criteria)
        self._ids_1K, self._filled = prompt_1K.long(), prompt_1K.shape[1]
        self._drawn: torch.Generator | None = None

    def __call__(self, logits_1V: torch.Tensor) -> int:
        scores_1V = logits_1V
        if self._looks:
            self._make_room(logits_1V.device)
            scores_1V = self.options.processors(self._ids_1K[:, : self._filled], logits_1V)
        if self.config.output_logits:
            self.logits.append(logits_1V)
        if self.config.output_scores:
            self.scores.append(scores_1V)
        token = int(self._sampled(scores_1V) if self.config.do_sample else scores_1V.argmax())
        self.ended = token in self.options.stops
        if self._looks:
            self._ids_1K[0, self._filled] = token
            self._filled += 1
            seen_1K, scores = self._ids_1K[:, : self._filled], tuple(self.scores) or None
            self.ended |= bool(self.options.criteria and self.options.criteria(seen_1K, scores).all())
        return token

    def _sampled(self, scores_1V: torch.Tensor) -> torch.Tensor:
        if self.options.seed is not None and self._drawn is None:
            self._drawn = torch.Generator(scores_1V.device).manual_seed(self.options.seed)
        return torch.multinomial(scores_1V.softmax(-1), 1, generator=self._drawn)

    def _make_room(self, device: torch.device) -> None:
        """A copy of the prompt, with room for what is written: none is copied for a token."""
        if self._filled == self._ids_1K.shape[1]:
            room = self._ids_1K.new_zeros(1, max(self.options.most, 64))
            self._ids_1K = torch.cat([self._ids_1K, room], dim=1).to(device)
