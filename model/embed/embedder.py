"""Sentence vectors: states pooled as the encoder's folder says, as 256 dimensions by a fixed matrix."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from model import weights
from model.embed.projection import DIMS, projection
from model.embed.recipe import recipe

_ROWS = 32

Vectors = npt.NDArray[np.float32]


class Embedder:
    """A sentence encoder from a Hugging Face folder.

    Raises:
        ValueError: if the folder holds no model.
    """

    def __init__(self, folder: Path) -> None:
        weights.check_folder(folder, "infer.embedder")
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        with weights.without_bars():
            self.model = AutoModel.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
            ).eval()
        self.recipe = recipe(folder)
        self.dense = [Dense(one) for one in self.recipe.dense]
        width = self.dense[-1].width if self.dense else self.model.config.hidden_size
        self.projection = torch.from_numpy(projection(width))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts that are remembered, (n, 256) float32, in order. Text past the tokens of the
        recipe, 256 of the default embedder, is not seen."""
        return self._vectors([self.recipe.passage + text for text in texts])

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        """Likewise, of what is asked."""
        return self._vectors([self.recipe.query + text for text in texts])

    @torch.inference_mode()
    def _vectors(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), DIMS), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            vectors[rows] = self._encode([texts[row] for row in rows]).numpy()
        return vectors

    def _encode(self, texts: list[str]) -> torch.Tensor:
        batch = self.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.recipe.tokens,
            padding_side="right",
            return_tensors="pt",
            split_special_tokens=True,  # "[SEP]" in a document is five characters, not a command
        )
        hidden_BKE = self.model(**batch).last_hidden_state
        pooled_BE = self._pooled(hidden_BKE, batch["attention_mask"])
        for layer in self.dense:
            pooled_BE = layer(pooled_BE)
        vectors: torch.Tensor = torch.nn.functional.normalize(pooled_BE @ self.projection, dim=-1)
        return vectors

    def _pooled(self, hidden_BKE: torch.Tensor, mask_BK: torch.Tensor) -> torch.Tensor:
        mask_BK1 = mask_BK[..., None].float()
        if self.recipe.pooling == "cls":
            return hidden_BKE[:, 0]
        if self.recipe.pooling == "last":
            last_B = mask_BK.sum(1) - 1
            return hidden_BKE[torch.arange(len(hidden_BKE)), last_B]
        if self.recipe.pooling == "max":
            return hidden_BKE.masked_fill(mask_BK1 == 0, -torch.inf).amax(1)
        return (hidden_BKE * mask_BK1).sum(1) / mask_BK1.sum(1).clamp(min=1)


_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Tanh": torch.tanh,
    "Identity": torch.clone,
    "ReLU": torch.relu,
    "GELU": torch.nn.functional.gelu,
}


class Dense:
    """A linear layer behind the pooling, from its folder.

    Raises:
        ValueError: if its activation is not known here.
    """

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
        if name not in _ACTIVATIONS:
            raise ValueError(f"{folder}: activation {name} is not one of {', '.join(_ACTIVATIONS)}")
        self.activation = _ACTIVATIONS[name]
        tensors = load_file(folder / "model.safetensors")
        self.weight, self.bias = tensors["linear.weight"].float(), tensors.get("linear.bias")
        self.width = int(self.weight.shape[0])

    def __call__(self, pooled_BE: torch.Tensor) -> torch.Tensor:
        linear = torch.nn.functional.linear(pooled_BE, self.weight, self.bias)
        return self.activation(linear)


def load_embedder(name: str) -> Embedder:
    """The embedder in this folder ("" is the default one), loaded once a process.

    Raises:
        ValueError: if the folder holds no model.
    """
    folder = weights.resolve_embedder(name)
    return _loaded(folder, weights.fingerprint(folder))


@lru_cache(maxsize=1)
def _loaded(folder: Path, fingerprint: str) -> Embedder:
    del fingerprint  # part of the key: other weights under the same name are another model
    return Embedder(folder)
