"""Number formats of stored keys and values: rows as words of memory and back.

float8 is E4M3 (see `model.weights.float8`) with one fp32 scale for every vector of the last axis, so that a
loud head does not silence a quiet one.

Shape suffixes: N rows, W words (int64) of a row, S vectors of a row, D numbers of a vector.
"""

import math

import torch

from model.context import STORAGES
from model.weights.float8 import FLOAT8, scales, widen

FORMATS = dict(zip(STORAGES, (torch.float32, torch.bfloat16, FLOAT8), strict=True))
WORD = 8
"""Bytes of a word. Rows are whole words: torch moves those ten times faster than single bytes."""


class Format:
    """Rows of one shape in one number format.

    Raises:
        ValueError: if the format is unknown.
    """

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        if name not in FORMATS:
            raise ValueError(f"storage={name!r}: choose one of {', '.join(FORMATS)}")
        self.name, self.shape, self.dtype = name, shape, FORMATS[name]
        self.numbers = math.prod(shape)
        self.scales = math.prod(shape[:-1]) if name == "float8" else 0

    @property
    def row_bytes(self) -> int:
        return -(-(self.numbers * self.dtype.itemsize + self.scales * 4) // WORD) * WORD

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        """(N, *shape) of any float type as int64 words (N, W)."""
        shape_NW = (len(rows), self.row_bytes // WORD)
        words_NW = torch.empty(shape_NW, dtype=torch.int64, device=rows.device)
        words_NW[:, -1] = 0  # what pads the last word is equal for equal rows
        if self.scales:
            vectors_NSD = rows.float().reshape(len(rows), self.scales, self.shape[-1])
            scale_NS1 = scales(vectors_NSD)
            words_NW.view(torch.float32)[:, : self.scales] = scale_NS1[:, :, 0]
            rows = vectors_NSD / scale_NS1
        self._numbers(words_NW, self.dtype).copy_(rows.reshape(len(rows), self.numbers))
        return words_NW

    def decode(self, words_NW: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Words (N, W) as numbers, into `out` (N, *shape) of any float type; returns it."""
        if not self.scales:
            return out.copy_(self._numbers(words_NW, self.dtype).reshape(out.shape))
        scale_NS = words_NW.view(torch.float32)[:, : self.scales]
        return widen(self._numbers(words_NW, torch.int8), scale_NS.reshape(*out.shape[:-1], 1), out)

    def _numbers(self, words_NW: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The part of words that holds the numbers, behind the scales: (N, numbers)."""
        first = self.scales * 4 // dtype.itemsize
        return words_NW.view(dtype)[:, first : first + self.numbers]
