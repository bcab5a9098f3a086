"""What reading costs, from a model's configuration alone: floating-point operations and bytes.

A multiply and an add count as two operations. H query heads, G key/value heads of size D, E hidden,
F intermediate, L layers.
"""

from typing import Any

from model.geometry import chunks


def linear_flops_per_token(config: Any) -> int:
    """Products with the decoder layers' weight matrices: 2 L (E H D + 2 E G D + H D E + 3 E F)."""
    heads, groups, dims = _heads(config)
    width = config.hidden_size
    attention = width * dims * (2 * heads + 2 * groups)
    return int(2 * config.num_hidden_layers * (attention + 3 * width * config.intermediate_size))


def attention_flops_per_key(config: Any) -> int:
    """One query token against one key, scores and weighted sum, all layers: 4 L H D."""
    heads, _, dims = _heads(config)
    return int(4 * config.num_hidden_layers * heads * dims)


def attended_keys(tokens: int, stride: int, sinks: int) -> int:
    """Pairs of query and key in a stream of `tokens`: [sinks | previous chunk | itself, causal]."""
    return sum(times * pairs(chunk, past) for chunk, past, times in chunks(tokens, stride, sinks))


def pairs(queries: int, past: int) -> int:
    """Pairs of query and key where so many queries see what is before them and each other, causally."""
    return queries * past + queries * (queries + 1) // 2


def read_flops(config: Any, tokens: int, stride: int, sinks: int) -> int:
    """Operations to read one document once."""
    keys = attended_keys(tokens, stride, sinks)
    return linear_flops_per_token(config) * tokens + attention_flops_per_key(config) * keys


def kv_bytes_per_token(config: Any, dtype_bytes: int) -> int:
    """Keys and values of one token in all layers: 2 L G D bytes."""
    _, groups, dims = _heads(config)
    return int(2 * config.num_hidden_layers * groups * dims * dtype_bytes)


def _heads(config: Any) -> tuple[int, int, int]:
    heads = config.num_attention_heads
    groups = getattr(config, "num_key_value_heads", None) or heads
    dims = getattr(config, "head_dim", None) or config.hidden_size // heads
    return heads, groups, dims
