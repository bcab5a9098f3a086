"""A context: what the engine holds of one document, however long it is.

The idea: reading is constant work per token (sinks and a sliding window), and what falls out of the window
is not lost. Tokens go to a list, and the keys of a few calibrated heads (see `model.context.heads`) to tiers
and an index, so that a question can find its block again. With `kv` all keys and values are kept too;
without, a block that is recalled is read again from its tokens, and the layers above the deepest calibrated
head have nothing to contribute while reading: they are not run.

Shape suffixes: N blocks, P pairs of (layer, key/value head), T tokens of a block, L layers, G key/value
heads, K keys, D head size.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from model.attention.fields import least_of
from model.attention.lookback import past_needed
from model.attention.sliding_window import StreamingCache
from model.context.disk import clear_unfinished
from model.context.heads import Heads
from model.context.index import Index, IndexSizes
from model.context.recompute import CACHE_BYTES, RecomputeCache
from model.context.tiers import Tiers
from model.geometry import BLOCK
from model.reader import Reader


@dataclass(frozen=True)
class Memory:
    """How a context is kept."""

    storage: str = "bfloat16"
    """Number format of what is kept: float32, bfloat16 or float8."""
    kv: bool = False
    """Keep all keys and values; otherwise tokens and the calibrated heads' keys only."""
    kv_storage: str | None = None
    """That of all keys and values; None is float8 where the reader's weights are, else as `storage`."""
    host_bytes: int = 1 << 30
    """Host memory for keys and values; the rest goes to `folder`."""
    device_bytes: int = 0
    """Memory of the device beside that, on CUDA."""
    folder: Path | None = None
    """Where the disk tier lies; without one, all must fit into memory."""
    recompute_cache_bytes: int = CACHE_BYTES
    """Memory on the model's device for recomputed keys and values of blocks."""
    index: bool = True
    """Keep an index of a long context; without one every question scans all keys."""
    index_sizes: IndexSizes | None = None
    """Its sizes; `model.context.index.DEFAULT` if None."""

    def budgets(self, name: str) -> dict[str, int]:
        """Bytes for the calibrated heads' "keys", or for all keys and values, "kv"."""
        totals = {"host_bytes": self.host_bytes, "device_bytes": self.device_bytes}
        keys = {where: total // 8 if self.kv else total for where, total in totals.items()}
        return keys if name == "keys" else {where: totals[where] - keys[where] for where in totals}


class Context:
    """One document as the engine holds it. Not safe for use by several threads.

    Args:
        reader: the model that reads.
        heads: its calibrated heads.
        memory: formats, budgets and place.
        tiers: those of a context that was saved; empty ones by default.
    """

    def __init__(
        self,
        reader: Reader,
        heads: Heads,
        memory: Memory = Memory(),
        tiers: tuple[Tiers, Tiers | None] | None = None,
    ) -> None:
        assert reader.stride % BLOCK == 0, "blocks do not straddle chunks"
        self.reader, self.heads, self.memory = reader, heads, memory
        self.ids = array("i")
        self.cache = reader.start(None if memory.kv else heads.depth)
        self.least = least_of(reader.config, reader.stride)
        """Tokens of the past that the narrowest window holds; 0 where all windows hold a whole chunk."""
        codes = memory.folder / "codes" if memory.folder else None
        self.index = Index(len(heads.pairs), reader.head_size, reader.device, memory.index_sizes, codes)
        self.filled = 0
        """Tokens of the chunk that is being filled."""
        self.number = 0
        """Of the save in the memory's folder that this began with or wrote last; 0 is none."""
        self.keys, self.kv = tiers or _tiers(reader, heads, memory)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def recompute(self) -> RecomputeCache:
        """Recomputes blocks' keys and values from their tokens."""
        return RecomputeCache(self.reader, self.ids, self.memory.recompute_cache_bytes)

    @property
    def blocks(self) -> int:
        """Blocks that are stored; tokens behind the last one are still in the window."""
        return len(self.keys)

    def read(self, ids: Sequence[int], progress: Callable[[int], None] | None = None) -> None:
        """Read on. Any number of tokens in any number of calls: chunks fall at the same places.

        With `window_least` only a chunk that comes in one call has a narrower window.

        Raises:
            OSError, ValueError: if a tier is full. After these or any other interruption what was read is
                held, `len(self)` tokens: read on from there.
        """
        self.store()
        stride, position = self.reader.stride, 0
        while position < len(ids):
            if self.filled == stride:
                self.cache.slide(self._past(ids[position : position + stride]))
                self.filled = 0
            piece = ids[position : position + stride - self.filled]
            self._extend(piece)
            self._take(piece)
            position += len(piece)
            if progress:
                progress(len(piece))

    def take(self, cache: StreamingCache, ids: Sequence[int]) -> None:
        """Add a chunk that was read elsewhere, as a row of a batch; `cache` is that row's."""
        self.cache, self.filled = cache, 0
        self._take(ids)

    def tail_keys(self) -> torch.Tensor:
        """Calibrated heads' keys of the tokens behind the last whole block, (P, tokens, D)."""
        return self._recent_keys(len(self) - self.blocks * BLOCK)

    def prefetch(self, blocks: Sequence[int]) -> None:
        """Prefetch blocks' keys and values in a thread; similar ones are evicted later than others.

        Nothing is done for a context that keeps none.
        """
        stored = [block for block in blocks if block < self.blocks]
        if self.kv is not None and stored:
            self.kv.focus(self.kv.topic(stored))
            self.kv.prefetch(stored)

    def close(self) -> None:
        """Close files and threads."""
        self.keys.close()
        if self.kv is not None:
            self.kv.close()

    def _past(self, ahead: Sequence[int]) -> int:
        """Tokens of the past that the chunk ahead attends; all of them if it comes in pieces."""
        stride = self.reader.stride
        if not self.least or len(ahead) < stride:
            return stride
        return past_needed(self.ids[-stride:], ahead, self.least)

    def _extend(self, ids: Sequence[int]) -> None:
        """Read a piece into the cache, in all layers or, where that is interrupted, in none."""
        training, held = self.memory.index and not self.index.trained, self.cache.held
        try:
            self.reader.extend(self.cache, ids, self._observe if training else None, hidden=False)
        except BaseException:
            self.cache.crop(held)
            self.cache.read = len(self)
            raise

    def _take(self, ids: Sequence[int]) -> None:
        """Count tokens that are in the cache now, and store the blocks they complete."""
        self.ids.extend(ids)
        self.filled += len(ids)
        self.store()

    def store(self) -> None:
        """Blocks that have become whole go to the tiers and the index; after an error, again."""
        fresh = len(self) // BLOCK - self.blocks
        if fresh == 0:
            return
        if self.memory.index and self.keys.disk and len(self) >= self.index.sizes.training_tokens:
            self.keys.disk.claim()  # the index will write codes
        behind = len(self) - (self.blocks + fresh) * BLOCK
        keys_PKD = self._recent_keys(fresh * BLOCK + behind)[:, : fresh * BLOCK]
        keys_NPTD = keys_PKD.reshape(len(keys_PKD), fresh, BLOCK, -1).transpose(0, 1)
        if self.kv is not None:
            topics = keys_NPTD.mean(2).flatten(1)
            self.kv.focus(topics.mean(0))
            self.kv.append(self._recent_kv(fresh, behind), topics)
        try:
            self.keys.append(keys_NPTD)
        except BaseException:
            if self.kv is not None:
                self.kv.forget(self.blocks)
            raise
        if self.memory.index:
            self.index.add(keys_NPTD)
            if self.index.due:
                self.index.train(
                    [self.reader.pooled(torch.cat(observed)) for observed in self.index.observed]
                )

    def _observe(self, layer: int, q_BHQD: torch.Tensor) -> None:
        """Collect the calibrated heads' queries while reading: the index is trained on them."""
        for number, pair in enumerate(self.heads.pairs):
            if pair[0] == layer:
                self.index.observe(number, q_BHQD[0, self.heads.of(pair)].transpose(0, 1).flatten(0, 1))

    def _recent_keys(self, tokens: int) -> torch.Tensor:
        """Keys of the calibrated pairs for the last tokens, (P, tokens, D)."""
        by_layer: dict[int, list[int]] = {}
        for layer, group in self.heads.pairs:
            by_layer.setdefault(layer, []).append(group)
        held = self.cache.layers
        return torch.cat(
            [held[layer].keys_of(groups, tokens)[0] for layer, groups in by_layer.items()]
        ).float()

    def _recent_kv(self, fresh: int, behind: int) -> torch.Tensor:
        """All keys and values of the last whole blocks, (N, L, 2, G, T, D)."""
        layers = []
        for layer in self.cache.layers:
            keys, values = layer.whole(fresh * BLOCK + behind)
            kv = torch.stack([keys[0], values[0]])[:, :, : fresh * BLOCK]
            layers.append(kv.reshape(2, kv.shape[1], fresh, BLOCK, -1))
        return torch.stack(layers).permute(3, 0, 1, 2, 4, 5)


def _tiers(reader: Reader, heads: Heads, memory: Memory) -> tuple[Tiers, Tiers | None]:
    """Tiers of the calibrated keys, and of everything where everything is kept."""

    if memory.folder:
        clear_unfinished(memory.folder)

    def make(name: str, *shape: int) -> Tiers:
        folder = memory.folder / name if memory.folder else None
        return Tiers(shape, formats[name], folder=folder, device=reader.device, **memory.budgets(name))

    as_weights = "float8" if reader.precision.float8 else memory.storage
    formats = {"keys": memory.storage, "kv": memory.kv_storage or as_weights}
    config = reader.config
    keys = make("keys", len(heads.pairs), BLOCK, reader.head_size)
    if not memory.kv:
        return keys, None
    layers, groups = reader.layers, config.num_key_value_heads
    return keys, make("kv", layers, 2, groups, BLOCK, reader.head_size)
