"""One tier in memory: slots of equal size in a few large slabs, and which row lies in which slot.

The idea: never an object per block. Slots live in flat tensors that are allocated as they fill; what lies
where, and when it was last used, are arrays; eviction is one partial sort.

Shape suffixes: N rows, W words (int64) of a row.
"""

import numpy as np
import torch

from model.context.formats import WORD

SLAB_BYTES = 1 << 25


def grown(array: np.ndarray, rows: int, fill: int) -> np.ndarray:
    """An array of at least `rows` rows, by doubling: appending costs the same however much there is."""
    if rows <= len(array):
        return array
    more = np.full((max(rows - len(array), len(array), 64), *array.shape[1:]), fill, array.dtype)
    return np.concatenate([array, more])


def take(source_NW: torch.Tensor, places: np.ndarray) -> torch.Tensor:
    """Some rows of a tensor. On the host numpy moves them: torch would wait for all its threads, for each few
    rows, and where cores are shared that takes a hundred times as long as the move."""
    if source_NW.device.type == "cpu":
        return torch.from_numpy(source_NW.numpy()[places])
    return source_NW[torch.from_numpy(places).to(source_NW.device)]


def place(target_NW: torch.Tensor, places: np.ndarray, rows_NW: torch.Tensor) -> None:
    """Put rows into a tensor, from whatever device; pinned ones come to a GPU while others work."""
    if target_NW.device.type == "cpu":
        target_NW.numpy()[places] = rows_NW.cpu().numpy()
    else:
        rows_NW = rows_NW.to(target_NW.device, non_blocking=True)
        target_NW[torch.from_numpy(places).to(target_NW.device)] = rows_NW


class Arena:
    """Slots for rows on one device, at most `budget` bytes of them."""

    def __init__(self, row_bytes: int, budget: int, device: torch.device, pinned: bool) -> None:
        self.capacity = budget // row_bytes
        self.row_bytes, self.device, self.pinned = row_bytes, device, pinned
        self.per_slab = max(1, SLAB_BYTES // row_bytes)
        self.slabs: list[torch.Tensor] = []
        self.held = 0
        self.row_of = np.zeros(0, np.int64)
        """Per slot, its row or -1."""
        self.used = np.zeros(0, np.int64)
        """Per slot, when it was last used."""

    def bytes(self) -> int:
        """Bytes allocated; never more than the budget."""
        return sum(slab.nbytes for slab in self.slabs)

    def room(self) -> int:
        """Rows that fit without evicting."""
        return self.capacity - self.held

    def put(self, rows: np.ndarray, words_NW: torch.Tensor, clock: int) -> np.ndarray:
        """Store rows that fit; returns their slots."""
        assert len(rows) <= self.room()
        while len(self.row_of) - self.held < len(rows):
            self._grow()
        slots = np.flatnonzero(self.row_of < 0)[: len(rows)]
        for slab, inside, places in self._by_slab(slots):
            place(slab, inside, take(words_NW, places))
        self.row_of[slots], self.used[slots] = rows, clock
        self.held += len(rows)
        return slots

    def get(self, slots: np.ndarray) -> torch.Tensor:
        """Words (N, W) of some slots, on this tier's device; pinned where the tier is."""
        shape_NW = (len(slots), self.row_bytes // WORD)
        out_NW = torch.empty(shape_NW, dtype=torch.int64, device=self.device, pin_memory=self.pinned)
        for slab, inside, places in self._by_slab(slots):
            place(out_NW, places, take(slab, inside))
        return out_NW

    def free(self, slots: np.ndarray) -> None:
        self.row_of[slots] = -1
        self.held -= len(slots)

    def oldest(self, count: int) -> np.ndarray:
        """Slots in use, those first that were not used for longest; at most `count`."""
        held = np.flatnonzero(self.row_of >= 0)
        if count < len(held):
            held = held[np.argpartition(self.used[held], count)[:count]]
        return held[np.argsort(self.used[held], kind="stable")]

    def _grow(self) -> None:
        rows = min(self.per_slab, self.capacity - len(self.row_of))
        shape_NW = (rows, self.row_bytes // WORD)
        with torch.inference_mode(False):  # a thread that prefetches writes to it outside that mode
            slab = torch.empty(shape_NW, dtype=torch.int64, device=self.device, pin_memory=self.pinned)
        self.slabs.append(slab)
        self.row_of = np.concatenate([self.row_of, np.full(rows, -1, np.int64)])
        self.used = np.concatenate([self.used, np.zeros(rows, np.int64)])

    def _by_slab(self, slots: np.ndarray) -> list[tuple[torch.Tensor, np.ndarray, np.ndarray]]:
        """(slab, places inside it, places among `slots`)."""
        slabs, found = slots // self.per_slab, []
        for number in np.unique(slabs).tolist():
            places = np.flatnonzero(slabs == number)
            found.append((self.slabs[number], slots[places] - number * self.per_slab, places))
        return found
