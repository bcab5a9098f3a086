"""Number formats of stored keys and values: rows as words of memory and back.

float8 is E4M3 (Micikevicius et al. 2022, "FP8 formats for deep learning", arXiv 2209.05433) with one fp32
scale for every vector of the last axis, so that a loud head does not silence a quiet one.

Shape suffixes: N rows, W words (int64) of a row, S vectors of a row, D numbers of a vector.
"""

import math

import torch

from model.context import STORAGES

FORMATS = dict(zip(STORAGES, (torch.float32, torch.bfloat16, torch.float8_e4m3fn), strict=True))
WORD = 8
"""Bytes of a word. Rows are whole words: torch moves those ten times faster than single bytes."""
_LARGEST = 448.0
_NO_BIT_14 = ~(1 << 14)
_BIAS = 2.0**8
"""The exponent of fp16 counts from 15, that of E4M3 from 7."""


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
            scale_NS = vectors_NSD.abs().amax(-1).clamp(min=1e-12) / _LARGEST
            words_NW.view(torch.float32)[:, : self.scales] = scale_NS
            rows = vectors_NSD / scale_NS[:, :, None]
        self._numbers(words_NW, self.dtype).copy_(rows.reshape(len(rows), self.numbers))
        return words_NW

    def decode(self, words_NW: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Words (N, W) as numbers, into `out` (N, *shape) of any float type; returns it."""
        if not self.scales:
            return out.copy_(self._numbers(words_NW, self.dtype).reshape(out.shape))
        # The bits of E4M3, moved to where fp16 has them: torch's own conversion takes seven times as long.
        bits_NB = self._numbers(words_NW, torch.int8).to(torch.int16).bitwise_left_shift_(7)
        out.copy_(bits_NB.bitwise_and_(_NO_BIT_14).view(torch.float16).reshape(out.shape))
        scale_NS = words_NW.view(torch.float32)[:, : self.scales] * _BIAS
        return out.mul_(scale_NS.reshape(*out.shape[:-1], 1))

    def _numbers(self, words_NW: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The part of words that holds the numbers, behind the scales: (N, numbers)."""
        first = self.scales * 4 // dtype.itemsize
        return words_NW.view(dtype)[:, first : first + self.numbers]
