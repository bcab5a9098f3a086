"""The vector of a question without torch: a BERT encoder's forward pass in numpy.

The idea: importing torch and transformers takes longer than all else that `recall` does, and a question is a
dozen tokens. The vectors are those of `model.embed.embedder` to 1e-5; it embeds for encoders of other kinds.

Shapes: T tokens, E hidden size, H heads, D = E / H.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from tokenizers import Tokenizer

from model import weights
from model.embed.projection import DIMS, TOKENS, projection

Vectors = npt.NDArray[np.float32]
_erf = np.frompyfunc(math.erf, 1, 1)


def load_question_embedder(name: str) -> Callable[[Sequence[str]], Vectors]:
    """Texts to unit vectors, (n, 256) float32, by the embedder in this folder ("" is the default one).

    Raises:
        ValueError: if the folder holds no model.
    """
    folder = weights.resolve_embedder(name)
    if _is_bert(folder):
        return Bert(folder).encode
    from model.embed.embedder import load_embedder

    return load_embedder(name).encode


def _is_bert(folder: Path) -> bool:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    files = [folder / "model.safetensors", folder / "tokenizer.json"]
    known = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    if any(config.get(key, value) != value for key, value in known.items()):
        return False
    return all(path.is_file() for path in files) and not _holds_bf16(files[0])


def _holds_bf16(path: Path) -> bool:
    """Whether any weight is of the type that numpy does not know."""
    file = _opened(path)
    return any(file.get_slice(name).get_dtype() == "BF16" for name in file.keys())  # noqa: SIM118


def _opened(path: Path) -> Any:
    return safe_open(path, "np")


class Bert:
    """A BERT encoder (Devlin et al. 2018), one text at a time."""

    def __init__(self, folder: Path) -> None:
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(TOKENS)
        self.tokenizer.encode_special_tokens = True  # "[SEP]" in a question is five characters, not a command
        self.file = _opened(folder / "model.safetensors")
        self.prefix = "bert." if "bert.embeddings.LayerNorm.weight" in set(self.file.keys()) else ""
        self.projection = projection(self.config["hidden_size"])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of `texts`, (n, 256) float32, in order. Text past 256 tokens is not seen."""
        vectors = np.zeros((len(texts), DIMS), dtype=np.float32)
        for row, text in enumerate(texts):
            mean_E = self._hidden(self.tokenizer.encode(text).ids).mean(axis=0)
            vector = mean_E @ self.projection
            vectors[row] = vector / max(float(np.linalg.norm(vector)), 1e-12)
        return vectors

    def _hidden(self, ids: list[int]) -> Vectors:
        """Last hidden states of a text, (T, E)."""
        words = self.file.get_slice(f"{self.prefix}embeddings.word_embeddings.weight")
        x_TE = np.concatenate([words[one : one + 1] for one in ids]).astype(np.float32)
        x_TE += self._weight("embeddings.position_embeddings.weight")[: len(ids)]
        x_TE += self._weight("embeddings.token_type_embeddings.weight")[0]
        x_TE = self._normed(x_TE, "embeddings.LayerNorm")
        for number in range(self.config["num_hidden_layers"]):
            x_TE = self._layer(x_TE, f"encoder.layer.{number}.")
        return x_TE

    def _layer(self, x_TE: Vectors, layer: str) -> Vectors:
        attended_TE = self._linear(self._attend(x_TE, layer), f"{layer}attention.output.dense")
        x_TE = self._normed(x_TE + attended_TE, f"{layer}attention.output.LayerNorm")
        inner = self._linear(x_TE, f"{layer}intermediate.dense")
        gelu = inner * 0.5 * (1 + _erf(inner / math.sqrt(2)).astype(np.float32))
        return self._normed(x_TE + self._linear(gelu, f"{layer}output.dense"), f"{layer}output.LayerNorm")

    def _attend(self, x_TE: Vectors, layer: str) -> Vectors:
        tokens, heads = len(x_TE), self.config["num_attention_heads"]
        q_HTD, k_HTD, v_HTD = (
            self._linear(x_TE, f"{layer}attention.self.{name}").reshape(tokens, heads, -1).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        scores_HTT = q_HTD @ k_HTD.transpose(0, 2, 1) / math.sqrt(q_HTD.shape[-1])
        shares_HTT = np.exp(scores_HTT - scores_HTT.max(axis=-1, keepdims=True))
        shares_HTT /= shares_HTT.sum(axis=-1, keepdims=True)
        joined: Vectors = (shares_HTT @ v_HTD).transpose(1, 0, 2).reshape(tokens, -1)
        return joined

    def _linear(self, x: Vectors, name: str) -> Vectors:
        product: Vectors = x @ self._weight(f"{name}.weight").T + self._weight(f"{name}.bias")
        return product

    def _normed(self, x: Vectors, name: str) -> Vectors:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        normed: Vectors = centred / scale * self._weight(f"{name}.weight") + self._weight(f"{name}.bias")
        return normed

    def _weight(self, name: str) -> Vectors:
        tensor: Vectors = self.file.get_tensor(self.prefix + name).astype(np.float32, copy=False)
        return tensor
