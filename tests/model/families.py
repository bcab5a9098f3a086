"""Tiny random decoders of every family that a context can be read with, beside Hugging Face's own forward."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    Llama4TextConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from model.attention import sliding_window as attention
from model.context import heads
from model.context.heads import Heads
from model.weights import HEADS as FILE

SIZES: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "initializer_range": 0.15,  # as published, attention over random keys would be nearly even
}
HEADLESS = {name: SIZES[name] for name in SIZES if name != "head_dim"}
YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 128}
MIXED = ["sliding_attention", "full_attention"] * 2
LLAMA4 = {"intermediate_size_mlp": 64, "num_local_experts": 2, "floor_scale": 16, "attn_scale": 0.5}
PADDED = {"pad_token_id": 0}
CONFIGS: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**SIZES),
    "llama-yarn": LlamaConfig(**SIZES, rope_parameters=YARN),
    "qwen2": Qwen2Config(**HEADLESS),
    "qwen2-narrow": Qwen2Config(**HEADLESS, use_sliding_window=True, sliding_window=30, max_window_layers=2),
    "qwen3": Qwen3Config(**SIZES),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
    "mistral-narrow": MistralConfig(**SIZES, sliding_window=50),
    "gemma3": Gemma3TextConfig(**SIZES, **PADDED, sliding_window=40, layer_types=MIXED),
    "llama4": Llama4TextConfig(**SIZES, **PADDED, **LLAMA4),
    "llama4-chunked": Llama4TextConfig(**SIZES, **PADDED, **LLAMA4, attention_chunk_size=48),
    "phi3": Phi3Config(**HEADLESS, **PADDED, partial_rotary_factor=0.5),
    "smollm3": SmolLM3Config(**HEADLESS, **PADDED),
}
NOPE = Llama4TextConfig(**SIZES, **PADDED, **LLAMA4, no_rope_layers=[0] * 4)
"""Without rotation nothing knows compact positions: dense attention under a mask is the same."""
HEADS = Heads(((1, 2), (2, 5)), 3)

THREE_GROUPS = {
    "vocab_size": 97,
    "hidden_size": 72,
    "intermediate_size": 64,
    "head_dim": 8,
    "num_key_value_heads": 3,
}
"""Sizes of a tiny decoder of three key/value heads, for documents that are read in parts."""


def build(config: PreTrainedConfig, folder: Path, **fields: Any) -> tuple[Any, Any]:
    """The same random weights twice: Hugging Face's own attention, and ours."""
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    attention.register()
    make = AutoModelForCausalLM.from_pretrained
    theirs = make(folder, attn_implementation="eager", dtype=torch.float32)
    return theirs.eval(), make(
        folder, attn_implementation=attention.NAME, dtype=torch.float32, **fields
    ).eval()


def asked(name: str, folder: Path, **fields: Any) -> tuple[Any, Any]:
    """`build` of a family, with heads beside it."""
    theirs, ours = build(CONFIGS[name], folder, **fields)
    heads.save(HEADS, ours.config, folder / FILE, {})
    return theirs, ours


def ids_of(length: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(1, 97, (1, length), generator=torch.Generator().manual_seed(seed))


def cut(ids: torch.Tensor, chunk: int) -> list[torch.Tensor]:
    """A text in chunks, and its last three tokens one by one."""
    return [*torch.split(ids[:, :-3], chunk, dim=1), *torch.split(ids[:, -3:], 1, dim=1)]


@contextmanager
def interrupted(layer: torch.nn.Module) -> Iterator[None]:
    """Within the block Ctrl-C comes when a model's layer begins."""

    def stop(*arguments: Any) -> None:
        raise KeyboardInterrupt

    hook = layer.register_forward_pre_hook(stop)
    try:
        yield
    finally:
        hook.remove()
