"""Sentence vectors: a small encoder's mean over tokens, turned to 256 dimensions by one fixed matrix."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, AutoTokenizer

from model import weights
from model.embed.projection import DIMS, TOKENS, projection

_ROWS = 32

Vectors = npt.NDArray[np.float32]


class Embedder:
    """A sentence encoder from a Hugging Face folder.

    Raises:
        ValueError: if the folder holds no model.
    """

    def __init__(self, folder: Path) -> None:
        weights.check_folder(folder, "infer.embedder")
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        with weights.without_bars():
            self.model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.projection = torch.from_numpy(projection(self.model.config.hidden_size))

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of `texts`, (n, 256) float32, in order. Text past 256 tokens is not seen."""
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
            max_length=TOKENS,
            return_tensors="pt",
            split_special_tokens=True,  # "[SEP]" in a document is five characters, not a command
        )
        hidden_BKE = self.model(**batch).last_hidden_state
        mask_BK1 = batch["attention_mask"][..., None].float()
        mean_BE = (hidden_BKE * mask_BK1).sum(1) / mask_BK1.sum(1).clamp(min=1)
        vectors: torch.Tensor = torch.nn.functional.normalize(mean_BE @ self.projection, dim=-1)
        return vectors


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
