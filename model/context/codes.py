"""Codes of an index: numbers in int8 that only grow, in memory or in files beside the context.

The idea: files are written by calls, so that a full disk is an error and not the end of the process, and read
through a map, whose pages are dropped after each look: mapped pages count as memory in use, and a question
would map all codes of a long text.

Shape suffixes: P pairs of (layer, key/value head), K tokens, B numbers of a code.
"""

import mmap
import os
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from model.context.disk import torn, write_all
from model.files import make_durable, named_when_full

SCANNED = 1 << 16
"""Tokens that a flat scan compares at once."""


class Codes:
    """Codes (P, part, B) of each part of a text.

    Args:
        part: tokens whose codes lie in one array, of which only what is used takes memory or disk.
        folder: where the files lie; None is in memory.
    """

    def __init__(self, pairs: int, numbers: int, part: int, folder: Path | None) -> None:
        self.shape, self.folder = (pairs, part, numbers), folder
        self.maps: list[mmap.mmap] = []
        self.parts: list[torch.Tensor] = []
        self.crc: list[int] = []
        """Of every batch, in order."""

    def put(self, codes_PKB: torch.Tensor, first: int) -> None:
        """Add the next batch, which never straddles two parts.

        Raises:
            OSError: if the disk is full; then nothing was added.
        """
        _, part, numbers = self.shape
        number, at = divmod(first, part)
        if number == len(self.parts):
            self._grow()
        data = codes_PKB.contiguous().numpy()
        if self.folder is None:
            self.parts[number][:, at : at + data.shape[1]] = codes_PKB
        else:
            path = _path(self.folder, number)
            with named_when_full(path, data.nbytes), path.open("r+b") as file:
                for pair, codes_KB in enumerate(data):
                    write_all(file.fileno(), memoryview(codes_KB).cast("B"), (pair * part + at) * numbers)
        self.crc.append(zlib.crc32(data.data))

    def of(self, pair: int, tokens_K: torch.Tensor) -> torch.Tensor:
        """Codes (K, B) of some tokens, ascending."""
        part = self.shape[1]
        bounds = torch.searchsorted(tokens_K, torch.arange(len(self.parts) + 1) * part).tolist()
        found = []
        for number, (start, stop) in enumerate(pairwise(bounds)):
            found.append(self.parts[number][pair].index_select(0, tokens_K[start:stop] % part))
            self._release(number)
        return torch.cat(found)

    def scan(self, pair: int, tokens: int) -> Iterator[torch.Tensor]:
        """Codes (K, B) of the first tokens, in order."""
        for number, codes_PKB in enumerate(self.parts):
            for codes_KB in torch.split(codes_PKB[pair, : tokens - number * self.shape[1]], SCANNED):
                yield codes_KB
                self._release(number)

    def save(self, folder: Path, tokens: int) -> None:
        """Make the codes of the first tokens durable in a folder.

        Raises:
            OSError: if the disk is full.
        """
        if self.folder is None or self.folder.resolve() != folder.resolve():
            copy, batch = Codes(*self._sizes, folder), tokens // max(len(self.crc), 1)
            for first in range(0, tokens, max(batch, 1)):
                number, at = divmod(first, self.shape[1])
                copy.put(self.parts[number][:, at : at + batch], first)
        for number in range(len(self.parts)):
            make_durable(_path(folder, number))

    def restore(self, tokens: int, crc: Sequence[int]) -> None:
        """Take back the first tokens' codes, which `save` left in this folder.

        Raises:
            TornContext: if they are not what was saved.
        """
        assert self.folder is not None, "codes come back from files"
        size = tokens // max(len(crc), 1)
        for first, expected in zip(range(0, tokens, max(size, 1)), crc, strict=True):
            number, at = divmod(first, self.shape[1])
            if number == len(self.parts):
                self._grow()
            found = self.parts[number][:, at : at + size].contiguous().numpy()
            self._release(number)
            if zlib.crc32(found.data) != expected:
                raise torn(_path(self.folder, number))
        self.crc = list(crc)

    @property
    def _sizes(self) -> tuple[int, int, int]:
        pairs, part, numbers = self.shape
        return pairs, numbers, part

    def _grow(self) -> None:
        """An array for the next tokens."""
        size = int(np.prod(self.shape))
        if self.folder is None:
            mapped = mmap.mmap(-1, size)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = os.open(_path(self.folder, len(self.parts)), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.truncate(file, size)
                mapped = mmap.mmap(file, size)
            finally:
                os.close(file)
        self.maps.append(mapped)
        self.parts.append(torch.from_numpy(np.frombuffer(mapped, np.int8).reshape(self.shape)))

    def _release(self, number: int) -> None:
        """Give up the pages of a part that were looked at; its file keeps them."""
        if self.folder is not None:
            self.maps[number].madvise(mmap.MADV_DONTNEED)


def _path(folder: Path, number: int) -> Path:
    return folder / f"codes-{number:03}.bin"
