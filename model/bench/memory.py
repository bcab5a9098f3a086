"""Bytes of reading in each precision, from shapes: of the model at hand, and of one of 8 billion weights."""

from dataclasses import asdict
from typing import Any

from transformers import LlamaConfig

from model.context.index import held_bytes
from model.cost import read_bytes
from model.geometry import SINKS
from model.reader import Reader
from model.weights.float8 import multiplies

EIGHT_BILLION = LlamaConfig(
    vocab_size=128256,
    hidden_size=4096,
    intermediate_size=14336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    tie_word_embeddings=False,
)
"""The shapes of Llama 3.1 8B."""
_PAIRS = 2
"""Calibrated pairs of (layer, key/value head): those of the default model."""
_FORMS = {"float32": (4, False), "bfloat16": (2, False), "float8": (2, True)}


def memory(reader: Reader, tokens: int) -> dict[str, Any]:
    """What reading so many tokens takes, and what the reader's weights take now.

    Returns:
        {"tokens", "held", "rows"}; `rows` are {"model", "precision", "weights", "window", "activations",
        "index", "reading", "saved", "kept", "saved_kept"}: bytes, and the shares that float8 saves beside the
        same without, of what reading takes and of that with all keys and values kept.
    """
    forms = dict(_FORMS)
    if reader.dtype.itemsize == 4:
        forms["float8, else float32"] = 4, True
    rows = _rows("this model", reader.config, forms, tokens, reader.stride, multiplies(reader.device))
    rows += _rows("8 billion", EIGHT_BILLION, _FORMS, tokens, reader.stride, True)
    return {
        "tokens": tokens,
        "held": sum(weight.nbytes for weight in reader.model.parameters()),
        "rows": rows,
    }


def _rows(
    name: str, config: Any, forms: dict[str, tuple[int, bool]], tokens: int, stride: int, native: bool
) -> list[dict[str, Any]]:
    dims = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    index = held_bytes(tokens, _PAIRS, dims)
    rows: list[dict[str, Any]] = []
    wide: dict[int, tuple[int, int]] = {}
    for precision, (itemsize, float8) in forms.items():
        # a device that computes in fp32 multiplies no FP8
        taken = read_bytes(config, tokens, stride, SINKS, itemsize, float8, native and itemsize == 2)
        reading = taken.reading + index
        beside = wide.setdefault(itemsize, (reading, reading + taken.kept))
        rows.append(
            {"model": name, "precision": precision, **asdict(taken), "index": index, "reading": reading}
            | {"saved": 1 - reading / beside[0], "saved_kept": 1 - (reading + taken.kept) / beside[1]}
        )
    return rows
