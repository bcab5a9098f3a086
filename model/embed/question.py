"""Vectors of a question and of some sentences without torch: a BERT encoder's forward pass in numpy.

The idea: importing torch and transformers takes longer than all else that `recall` does, and a question is a
dozen tokens. The vectors are those of `model.embed.embedder` to 1e-5; it embeds for encoders of other kinds.

Shapes: T tokens of all texts together, E hidden size, H heads, D = E / H.
"""

import json
import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from tokenizers import Tokenizer

from model import weights
from model.embed.projection import DIMS, projection
from model.embed.reads import reads
from model.embed.recipe import recipe

Vectors = npt.NDArray[np.float32]
Bounds = list[tuple[int, int]]
"""First and last token of each text among those of all."""


def load_question_embedder(name: str) -> Callable[[Sequence[str]], Vectors]:
    """Texts to unit vectors, (n, 256) float32, by the embedder in this folder ("" is the default one), loaded
    once a process. Safe for use by several threads.

    Raises:
        ValueError: if the folder holds no model.
    """
    folder = weights.resolve_embedder(name)
    return _loaded(folder, weights.marks(folder))


@lru_cache(maxsize=1)
def _loaded(folder: Path, marks: weights.Marks) -> Callable[[Sequence[str]], Vectors]:
    del marks  # part of the key: other files under the same name are another model
    if _is_bert(folder):
        return Bert(folder).encode
    from model.embed.embedder import load_embedder

    return load_embedder(str(folder)).encode_questions


def readable(name: str) -> Callable[[str], bool]:
    """Tells whether an embedder can read a text; its tokenizer is loaded for the first that is not Latin."""
    path = weights.resolve_embedder(name) / "tokenizer.json"
    tokenizer = cache(lambda: Tokenizer.from_file(str(path)))
    return lambda text: text.isascii() or not path.is_file() or reads(tokenizer(), text)


def _is_bert(folder: Path) -> bool:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    files = [folder / "model.safetensors", folder / "tokenizer.json"]
    known = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    if any(config.get(key, value) != value for key, value in known.items()):
        return False
    made = recipe(folder)
    plain = made.pooling in ("mean", "cls") and not made.dense
    return plain and all(path.is_file() for path in files) and not _holds_bf16(files[0])


def _holds_bf16(path: Path) -> bool:
    """Whether any weight is of the type that numpy does not know."""
    file = _opened(path)
    return any(file.get_slice(name).get_dtype() == "BF16" for name in file.keys())  # noqa: SIM118


def _opened(path: Path) -> Any:
    return safe_open(path, "np")


BATCH = 64
"""Texts whose products are made together."""
ROWS = 16
"""Tokens whose inner states are curved together: what is made of them stays in the cache."""
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def _erf(x: Vectors) -> Vectors:
    """The error function to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26)."""
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(size)
    for factor in reversed(_ERF):
        series = (series + np.float32(factor)) * t
    found: Vectors = np.sign(x) * (1 - series * np.exp(-size * size))
    return found


class Bert:
    """A BERT encoder (Devlin et al. 2018). Texts share its products and attend each to itself alone."""

    def __init__(self, folder: Path) -> None:
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.recipe = recipe(folder)
        self.tokenizer.enable_truncation(self.recipe.tokens)
        self.tokenizer.encode_special_tokens = True  # "[SEP]" in a question is five characters, not a command
        self.file = _opened(folder / "model.safetensors")
        self.prefix = "bert." if "bert.embeddings.LayerNorm.weight" in set(self.file.keys()) else ""
        self.projection = projection(self.config["hidden_size"])
        self._kept: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of questions, (n, 256) float32, in order. Past the recipe's tokens nothing is seen."""
        vectors = np.zeros((len(texts), DIMS), dtype=np.float32)
        encoded = [self.tokenizer.encode(self.recipe.query + text).ids for text in texts]
        for first in range(0, len(encoded), BATCH):
            some = encoded[first : first + BATCH]
            for row, pooled_E in enumerate(self._pooled(some), start=first):
                vector = pooled_E @ self.projection
                vectors[row] = vector / max(float(np.linalg.norm(vector)), 1e-12)
        return vectors

    def _pooled(self, texts: list[list[int]]) -> list[Vectors]:
        """Mean of the last hidden states of each text, or the first of them, (E,)."""
        ends = np.cumsum([len(ids) for ids in texts]).tolist()
        bounds = list(zip([0, *ends[:-1]], ends, strict=True))
        hidden_TE = self._hidden([one for ids in texts for one in ids], bounds)
        if self.recipe.pooling == "cls":
            return [hidden_TE[start] for start, _ in bounds]
        return [hidden_TE[start:end].mean(axis=0) for start, end in bounds]

    def _hidden(self, ids: list[int], bounds: Bounds) -> Vectors:
        """Last hidden states of texts, (T, E)."""
        words = self.file.get_slice(f"{self.prefix}embeddings.word_embeddings.weight")
        x_TE = np.concatenate([words[one : one + 1] for one in ids]).astype(np.float32)
        places = np.concatenate([np.arange(end - start) for start, end in bounds])
        x_TE += self._weight("embeddings.position_embeddings.weight")[places]
        x_TE += self._weight("embeddings.token_type_embeddings.weight")[0]
        x_TE = self._normed(x_TE, "embeddings.LayerNorm")
        for number in range(self.config["num_hidden_layers"]):
            x_TE = self._layer(x_TE, bounds, f"encoder.layer.{number}.")
        return x_TE

    def _layer(self, x_TE: Vectors, bounds: Bounds, layer: str) -> Vectors:
        attended_TE = self._linear(self._attend(x_TE, bounds, layer), f"{layer}attention.output.dense")
        x_TE = self._normed(x_TE + attended_TE, f"{layer}attention.output.LayerNorm")
        inner = self._linear(x_TE, f"{layer}intermediate.dense")
        for start in range(0, len(inner), ROWS):
            some = inner[start : start + ROWS]
            some *= 0.5 * (1 + _erf(some / math.sqrt(2)))
        return self._normed(x_TE + self._linear(inner, f"{layer}output.dense"), f"{layer}output.LayerNorm")

    def _attend(self, x_TE: Vectors, bounds: Bounds, layer: str) -> Vectors:
        tokens, heads = len(x_TE), self.config["num_attention_heads"]
        q_HTD, k_HTD, v_HTD = (
            self._linear(x_TE, f"{layer}attention.self.{name}").reshape(tokens, heads, -1).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        joined_TE = np.empty_like(x_TE)
        for start, end in bounds:
            q_HtD, k_HtD, v_HtD = (some[:, start:end] for some in (q_HTD, k_HTD, v_HTD))
            scores_Htt = q_HtD @ k_HtD.transpose(0, 2, 1) / math.sqrt(q_HtD.shape[-1])
            shares_Htt = np.exp(scores_Htt - scores_Htt.max(axis=-1, keepdims=True))
            shares_Htt /= shares_Htt.sum(axis=-1, keepdims=True)
            joined_TE[start:end] = (shares_Htt @ v_HtD).transpose(1, 0, 2).reshape(end - start, -1)
        return joined_TE

    def _linear(self, x: Vectors, name: str) -> Vectors:
        product: Vectors = x @ self._weight(f"{name}.weight")
        product += self._weight(f"{name}.bias")
        return product

    def _normed(self, x: Vectors, name: str) -> Vectors:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        normed: Vectors = centred / scale * self._weight(f"{name}.weight") + self._weight(f"{name}.bias")
        return normed

    def _weight(self, name: str) -> Vectors:
        """A weight, kept for the next question; the words' are too many, and a question needs few of them."""
        if name not in self._kept:
            tensor = self.file.get_tensor(self.prefix + name).astype(np.float32, copy=False)
            self._kept[name] = np.ascontiguousarray(tensor.T) if _is_turned(name) else tensor
        return self._kept[name]


def _is_turned(name: str) -> bool:
    """Whether a weight is multiplied from the right: in its rows' order that takes a quarter less time."""
    return name.startswith("encoder.") and name.endswith(".weight") and "LayerNorm" not in name
