"""What reading costs, from a model's configuration alone: floating-point operations and bytes.

A multiply and an add count as two operations. H query heads, G key/value heads of size D, E hidden,
F intermediate, L layers.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class ReadBytes:
    """Memory of reading one text as a stream, in bytes."""

    weights: int
    window: int
    """Keys and values of the sinks and one and a half windows."""
    activations: int
    """Of a layer at work on a chunk, at most."""
    kept: int
    """Keys and values of the whole text, where a context keeps them."""

    @property
    def reading(self) -> int:
        """All but what is kept."""
        return self.weights + self.window + self.activations


def read_bytes(
    config: Any,
    tokens: int,
    stride: int,
    sinks: int,
    itemsize: int,
    float8: bool = False,
    native: bool = True,
) -> ReadBytes:
    """What reading takes, of a decoder without experts; norms and biases, thousandths of it, are left out.

    Args:
        itemsize: bytes of a number that is not in FP8.
        float8: the weights of linear layers and the keys and values that are kept are in FP8.
        native: FP8 is multiplied, with tokens in it too; else one matrix at a time is widened.
    """
    width, middle, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    heads, groups, dims = _heads(config)
    linear = linear_flops_per_token(config) // 2 * (1 if float8 else itemsize)
    embeddings = config.vocab_size * width * itemsize * (1 if config.tie_word_embeddings else 2)
    activations, kept = activation_bytes(config, stride, itemsize), kv_bytes_per_token(config, itemsize)
    if float8:  # each row has a scale in fp32, and so has each key and each value
        linear += 4 * layers * ((heads + 2 * groups) * dims + 2 * middle + 2 * width)
        kept = kv_bytes_per_token(config, 1) + kv_bytes_per_token(config, 4) // dims
        # the MLP's input in fp32, then in FP8, less what is not needed by then
        rounding = stride * middle * max(0, 5 - 2 * itemsize)
        activations += rounding if native else width * middle * (itemsize + 2)
    window = (sinks + 2 * stride) * kv_bytes_per_token(config, itemsize)
    return ReadBytes(linear + embeddings, window, activations, tokens * kept)


def activation_bytes(config: Any, tokens: int, itemsize: int) -> int:
    """Of a layer at work: hidden states, queries, keys, values, and the wide middle of the MLP."""
    return int(tokens * (8 * config.hidden_size + 3 * config.intermediate_size) * itemsize)


def _heads(config: Any) -> tuple[int, int, int]:
    heads = config.num_attention_heads
    groups = getattr(config, "num_key_value_heads", None) or heads
    dims = getattr(config, "head_dim", None) or config.hidden_size // heads
    return heads, groups, dims
