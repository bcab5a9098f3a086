"""Rows of keys and values in tiers: device, pinned host memory, disk, each with a byte budget.

The idea: a row (one block's keys, or all its keys and values) is appended once and never changes, so a copy
on disk stays valid and evicting a row that is there costs no write. Rows enter the fastest tier; evicted are
the least recently used ones, and among those the ones least similar to the present topic. The disk is written
and read by calls, not mapped: mapped pages would count as memory in use.

Shape suffixes: N rows, W words (int64) of a row, V numbers of a topic.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as finished
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from model.context.arena import Arena, grown, place, take
from model.context.disk import Rows, Table, TornContext, saved
from model.context.formats import WORD, Format

CPU = torch.device("cpu")
_POOL = 8
"""Candidates for eviction are the least recently used 1/8 of a tier, or twice as many as are evicted."""
_PIECE = {"cpu": 1 << 21, "cuda": 1 << 24}
"""Bytes that move at once. Larger buffers are mapped anew each time, and that takes longer than the move;
pinned ones and those of a GPU are kept, and there every move has to be launched."""


class Tiers:
    """An append-only array of rows, larger than memory. Only `prefetch` runs beside other calls.

    Args:
        shape: of one row.
        storage: number format, see `model.context.formats`.
        host_bytes: budget of host memory.
        folder: the disk tier's; None for none.
        device: where rows are wanted; on CUDA it is a tier of its own, of `device_bytes`.

    Raises:
        ValueError: if the format is unknown, the budget holds no row, or the folder already holds saved rows.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        storage: str,
        host_bytes: int,
        folder: Path | None,
        *,
        device: torch.device = CPU,
        device_bytes: int = 0,
    ) -> None:
        self.format, self.device = Format(storage, shape), device
        self.arenas = self._memory(host_bytes, device_bytes)
        if folder is not None and saved(folder):
            raise ValueError(f"{folder} already holds a saved context: open it, or give another folder")
        self.disk = Rows(folder, self.format.row_bytes) if folder is not None else None
        self.count, self.clock = 0, 0
        self.slot = [np.zeros(0, np.int64) for _ in self.arenas]
        """Per tier, every row's slot or -1."""
        self.topics_NV = np.zeros((0, 0), np.float16)
        self.topic_V: np.ndarray | None = None
        self.lock = threading.RLock()
        self.thread: ThreadPoolExecutor | None = None
        on_gpu = self.arenas[0].device.type == "cuda"
        self.stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        """On which the thread moves rows up, beside what a GPU computes."""
        self.prefetching: list[tuple[np.ndarray, Future[None]]] = []
        """Rows that the thread is moving up."""

    @classmethod
    def open(
        cls,
        folder: Path,
        host_bytes: int,
        *,
        device: torch.device = CPU,
        device_bytes: int = 0,
        rows: int | None = None,
    ) -> "Tiers":
        """Rows saved in `folder`; they stay on disk until they are wanted.

        Args:
            rows: open only the first ones, where a caller that keeps more than rows saved fewer.

        Raises:
            ValueError: if nothing was saved there.
            TornContext: if the table or the file is damaged, or there are fewer rows.
        """
        table = Table.read(folder)
        header = table.header
        count = header["rows"] if rows is None else rows
        if count > header["rows"]:
            raise TornContext(
                f"{folder}: {header['rows']} of {count} blocks are here: read the document again"
            )
        opened = cls(
            tuple(header["shape"]),
            header["storage"],
            host_bytes,
            None,
            device=device,
            device_bytes=device_bytes,
        )
        opened.disk = Rows.open(folder, opened.format.row_bytes, table, count)
        opened.topics_NV, opened.count = table.topics_NV[:count].copy(), count
        opened.slot = [np.full(count, -1, np.int64) for _ in opened.arenas]
        return opened

    def __len__(self) -> int:
        return self.count

    def append(self, rows: torch.Tensor, topics_NV: torch.Tensor | None = None) -> None:
        """Add rows (N, *shape) at the end, all or none.

        Args:
            topics_NV: a vector a row, compared at eviction; 2 V bytes a row are kept beside the budgets.

        Raises:
            ValueError: if host memory is full and there is no disk tier.
            OSError: if the disk is full. What was stored before stays readable.
        """
        before = self.count
        with self.lock:
            self.clock += 1
            if topics_NV is not None:
                assert len(topics_NV) == len(rows), "one topic a row"
                self._note(topics_NV)  # the first of many rows may have to be evicted for the last
            try:
                for part in self._parts(len(rows)):
                    self._append(rows[part])
            except (OSError, ValueError):
                self.forget(before)
                raise

    def forget(self, first: int) -> None:
        """Remove rows from `first` on."""
        with self.lock:
            rows = np.arange(first, self.count)
            for tier in range(len(self.arenas)):
                self._drop(tier, rows)
            if self.disk is not None:
                self.disk.forget(first)
            self.count = first

    def gather(self, rows: Sequence[int] | torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Rows by number, (N, *shape) on the device; they count as used and move up.

        Of rows that would fill more than half the smallest tier, the first ones move up.

        Raises:
            TornContext: if a row on disk is not what was written.
        """
        wanted = np.asarray(rows, np.int64)
        finished([future for rows, future in self.prefetching if np.isin(wanted, rows).any()])
        with self.lock:
            self.clock += 1
            return self._numbers(wanted, dtype, self._most())

    def prefetch(self, rows: Sequence[int] | torch.Tensor) -> "Future[None]":
        """Move rows up in a thread. A `gather` of any of them waits for it, others do not."""
        wanted = np.unique(np.asarray(rows, np.int64))[: self._most()]
        self.thread = self.thread or ThreadPoolExecutor(1, "prefetch")
        future = self.thread.submit(self._prefetch, wanted)
        unfinished = [(rows, one) for rows, one in self.prefetching if not one.done()]
        self.prefetching = [*unfinished, (wanted, future)]
        return future

    def scan(self, batch: int, first: int = 0) -> Iterator[tuple[int, torch.Tensor]]:
        """Rows from `first` on in order as (first row, rows); none counts as used, none moves.

        They are in bf16 where they are kept so, else in fp32.
        """
        dtype = torch.bfloat16 if self.format.dtype == torch.bfloat16 else torch.float32
        for start in range(first, self.count, batch):
            with self.lock:
                rows = np.arange(start, min(start + batch, self.count))
                numbers = self._numbers(rows, dtype, 0)
            yield start, numbers

    def focus(self, topic_V: torch.Tensor) -> None:
        """Set the present topic, of what is being read or asked: similar rows are evicted later."""
        self.topic_V = topic_V.float().cpu().numpy()

    def topic(self, rows: Sequence[int]) -> torch.Tensor:
        """Mean topic of some rows, (V,)."""
        return torch.from_numpy(self.topics_NV[np.asarray(rows, np.int64)].astype(np.float32).mean(0))

    def bytes(self) -> dict[str, int]:
        """Bytes in use per tier."""
        names = ["device", "host"][-len(self.arenas) :]
        used = {name: arena.bytes() for name, arena in zip(names, self.arenas, strict=True)}
        return used | {"disk": self.disk.bytes() if self.disk else 0}

    def save(self, folder: Path) -> None:
        """Make every row durable in `folder`; rows that already lie there are not written again.

        Raises:
            OSError: if the disk is full; what was saved before can still be opened.
            ValueError: if the folder holds another context.
        """
        with self.lock:
            here = self.disk is not None and self.disk.folder == folder.resolve()
            disk = self.disk if here and self.disk is not None else self._target(folder)
            rows = np.arange(self.count)
            rows = rows[~disk.holds(rows)] if here else rows
            try:
                for part in self._parts(len(rows)):
                    disk.write(rows[part], self._words(rows[part], promote=False).cpu().numpy())
                header = {"shape": self.format.shape, "storage": self.format.name}
                disk.save(header, self.count, grown(self.topics_NV, self.count, 0))
            finally:
                if not here:
                    disk.close()

    def close(self) -> None:
        """Close the thread and the file."""
        if self.thread is not None:
            self.thread.shutdown()
        if self.disk is not None:
            self.disk.close()

    # How rows move.

    def _target(self, folder: Path) -> Rows:
        """Another folder's rows, if they are the first ones of these; `write` compares them."""
        if not saved(folder):
            return Rows(folder, self.format.row_bytes)
        table = Table.read(folder)
        header = table.header
        here = tuple(header["shape"]), header["storage"]
        if here != (self.format.shape, self.format.name) or header["rows"] > self.count:
            raise ValueError(f"{folder} holds another context: give an empty folder")
        return Rows.open(folder, self.format.row_bytes, table, header["rows"])

    def _memory(self, host_bytes: int, device_bytes: int) -> list[Arena]:
        """The tiers in memory, the fastest first."""
        size, cuda = self.format.row_bytes, self.device.type == "cuda"
        if host_bytes < size:
            raise ValueError(f"host_bytes={host_bytes} holds not one row of {size} bytes: raise it")
        host = Arena(size, host_bytes, CPU, pinned=cuda)
        if not cuda or device_bytes < size:
            return [host]
        return [Arena(size, device_bytes, self.device, pinned=False), host]

    def _parts(self, count: int) -> list[slice]:
        """Pieces of `count` rows that are moved at once."""
        step = max(1, min(self._most(), _PIECE[self.device.type] // self.format.row_bytes))
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def _most(self) -> int:
        """Rows that one call may move up or down: it must not evict everything else."""
        return max(1, min(arena.capacity for arena in self.arenas) // 2)

    def _append(self, rows: torch.Tensor) -> None:
        fresh = np.arange(self.count, self.count + len(rows))
        self._make_room(0, len(fresh))
        self.slot = [grown(slot, self.count + len(fresh), -1) for slot in self.slot]
        self._put(0, fresh, self.format.encode(rows))
        self.count += len(fresh)

    def _note(self, topics_NV: torch.Tensor) -> None:
        """Keep the next rows' topics."""
        assert self.count == 0 or len(self.topics_NV), "topics of all rows or of none"
        if self.count == 0:
            self.topics_NV = np.zeros((0, topics_NV.shape[1]), np.float16)
        stop = self.count + len(topics_NV)
        self.topics_NV = grown(self.topics_NV, stop, 0)
        self.topics_NV[self.count : stop] = topics_NV.to(CPU, torch.float16).numpy()

    def _numbers(self, rows: np.ndarray, dtype: torch.dtype, most: int) -> torch.Tensor:
        """Rows (N, *shape) on the device; about `most` of them move up."""
        out = torch.empty(len(rows), *self.format.shape, dtype=dtype, device=self.device)
        for part in self._parts(len(rows)):
            words_NW = self._words(rows[part], promote=part.start < most)
            self.format.decode(words_NW.to(self.device, non_blocking=True), out[part])
        return out

    def _words(self, rows: np.ndarray, promote: bool) -> torch.Tensor:
        """Words (N, W) of rows wherever they lie, on the device of the top tier."""
        assert len(rows) == 0 or 0 <= rows.min() <= rows.max() < self.count, "no such row"
        top, shape_NW = self.arenas[0], (len(rows), self.format.row_bytes // WORD)
        out_NW = torch.empty(shape_NW, dtype=torch.int64, device=top.device, pin_memory=top.pinned)
        for tier, arena in enumerate(self.arenas):
            held = np.flatnonzero(self.slot[tier][rows] >= 0)
            if not len(held):
                continue
            slots = self.slot[tier][rows[held]]
            place(out_NW, held, arena.get(slots))
            if promote:
                arena.used[slots] = self.clock
        missing = np.flatnonzero(self._missing(rows))
        if len(missing):
            place(out_NW, missing, self._from_disk(rows[missing]))
        if promote:
            self._promote(rows, out_NW)
        return out_NW

    def _missing(self, rows: np.ndarray) -> np.ndarray:
        """Which rows are in no memory, (N,) bool."""
        missing: np.ndarray = np.all([slot[rows] < 0 for slot in self.slot], axis=0)
        return missing

    def _from_disk(self, rows: np.ndarray) -> torch.Tensor:
        assert self.disk is not None, "a row is in no tier"
        return torch.from_numpy(self.disk.read(rows))

    def _prefetch(self, rows: np.ndarray) -> None:
        """Move rows up, in the thread; rows on disk never change, so they are read without the lock."""
        for part in self._parts(len(rows)):
            with self.lock:
                missing = self._missing(rows[part])
            low, high = rows[part][missing], rows[part][~missing]
            low_NW = self._from_disk(low) if len(low) else None
            with self.lock, self._beside():
                self.clock += 1
                self._words(high, promote=True)
                if low_NW is not None:
                    self._promote(low, low_NW)

    @contextmanager
    def _beside(self) -> Iterator[None]:
        """On a GPU: moves behind all that it was asked for so far, beside what comes, and to their end."""
        if self.stream is None:
            yield
            return
        self.stream.wait_stream(torch.cuda.default_stream(self.device))
        try:
            with torch.cuda.stream(self.stream):
                yield
        finally:
            self.stream.synchronize()

    def _promote(self, rows: np.ndarray, words_NW: torch.Tensor) -> None:
        """Move rows to the top tier; where the disk is full and nothing can be evicted, they stay below."""
        unique, first = np.unique(rows, return_index=True)
        low = self.slot[0][unique] < 0
        if not low.any():
            return
        rows, words_NW = unique[low], take(words_NW, first[low])
        below = [(tier, self.slot[tier][rows] >= 0) for tier in range(1, len(self.arenas))]
        for tier, held in below:
            self._drop(tier, rows[held])
        try:
            self._make_room(0, len(rows))
        except (OSError, ValueError):
            for tier, held in below:
                self._put(tier, rows[held], take(words_NW, held))
        else:
            self._put(0, rows, words_NW)

    def _put(self, tier: int, rows: np.ndarray, words_NW: torch.Tensor) -> None:
        self.slot[tier][rows] = self.arenas[tier].put(rows, words_NW, self.clock)

    def _drop(self, tier: int, rows: np.ndarray) -> None:
        held = rows[self.slot[tier][rows] >= 0]
        self.arenas[tier].free(self.slot[tier][held])
        self.slot[tier][held] = -1

    def _make_room(self, tier: int, count: int) -> None:
        """Evict until `count` rows fit: down one tier, or to disk."""
        arena = self.arenas[tier]
        excess = count - arena.room()
        if excess <= 0:
            return
        slots = self._victims(arena, excess)
        rows = arena.row_of[slots]
        if tier + 1 < len(self.arenas):
            self._make_room(tier + 1, len(rows))
            self._put(tier + 1, rows, arena.get(slots))
        elif self.disk is not None:
            new = ~self.disk.holds(rows)
            self.disk.write(rows[new], arena.get(slots[new]).numpy())
        else:
            raise ValueError(
                f"host_bytes={arena.capacity * arena.row_bytes} is full and there is no disk tier: "
                "raise the budget, or give a folder (generate: config.memory_folder, and another memory_key)"
            )
        self._drop(tier, rows)

    def _victims(self, arena: Arena, count: int) -> np.ndarray:
        """Least recently used slots, and among those the ones least like the topic."""
        pool = arena.oldest(max(2 * count, arena.capacity // _POOL))
        if self.topic_V is None or not len(self.topics_NV):
            return pool[:count]
        topics_NV = self.topics_NV[arena.row_of[pool]].astype(np.float32)
        likeness = topics_NV @ self.topic_V / (np.linalg.norm(topics_NV, axis=1) + 1e-9)
        likeness[arena.used[pool] == self.clock] = np.inf  # what this call asked for
        return pool[np.argsort(likeness, kind="stable")[:count]]
