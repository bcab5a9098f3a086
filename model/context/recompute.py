"""KV recomputation: keys and values of retrieved blocks, computed from their tokens, behind an LRU cache.

The idea: a block without stored keys and values costs a forward pass over a few hundred tokens, and one
question's candidates are mostly those of the next one about the same text. Their keys and values depend on
their tokens alone and a text only grows, so cached ones stay valid; the least recently used are evicted.
"""

from collections.abc import Sequence
from itertools import zip_longest

from model.attention.sliding_window import StreamingCache
from model.geometry import BLOCK
from model.reader import Chunk, Reader

CACHE_BYTES = 1 << 29
"""Budget of the cache: 50 candidates of a 135M model in fp32."""
SINK = 1
"""Tokens of the text's start before chosen blocks: an attention sink (Xiao et al. 2024, "Efficient streaming
language models with attention sinks"). More would be attended whatever is asked, and its facts mislead."""


class RecomputeCache:
    """Sets of blocks of a text as caches, recomputed unless they are still kept.

    Args:
        reader: of ranks that share their chunks, each makes the same calls and keeps the same sets.
        ids: the text's tokens; more may come.
        cache_bytes: keys and values to keep, 0 for none.
    """

    def __init__(self, reader: Reader, ids: Sequence[int], cache_bytes: int = CACHE_BYTES) -> None:
        self.reader, self.ids, self.cache_bytes = reader, ids, cache_bytes
        self.kept: dict[tuple[int, ...], StreamingCache] = {}
        """By their blocks, the least recently used first."""
        self.sink = reader.start()

    def __call__(self, sets: Sequence[Sequence[int]]) -> list[StreamingCache]:
        """Sets of blocks, each in document order, as caches of [sink | blocks] where they stand in the text.

        The whole text is behind each of them: they may be read on.
        """
        wanted = [tuple(blocks) for blocks in sets]
        found = {blocks: self.kept[blocks] for blocks in wanted if blocks in self.kept}
        fresh = [blocks for blocks in dict.fromkeys(wanted) if blocks not in found]
        found |= zip(fresh, self._read(fresh), strict=True)
        caches = [found[blocks].fork() for blocks in wanted]
        for cache in caches:
            cache.read = len(self.ids)
        self._keep(found)
        return caches

    def _read(self, sets: Sequence[Sequence[int]]) -> list[StreamingCache]:
        """Sets as rows of a batch, run by run of their blocks."""
        if missing := self.ids[self.sink.held : SINK]:
            sink = self.sink.fork()
            self.reader.extend_together([Chunk(sink, missing)], hidden=False)
            self.sink = sink  # only once it is in all layers
        caches = [self.sink.fork() for _ in sets]
        for row in zip_longest(*map(runs, sets)):
            chunks = []
            for cache, run in zip(caches, row, strict=True):
                first = max(run.start * BLOCK, SINK) if run else len(self.ids)
                if run and first < len(self.ids):
                    cache.read = first
                    chunks.append(Chunk(cache, self.ids[first : run.stop * BLOCK]))
            self.reader.extend_together(chunks, hidden=False)
        return caches

    def _keep(self, found: dict[tuple[int, ...], StreamingCache]) -> None:
        """Keep what was asked for last, but a block that is still growing."""
        for blocks, cache in found.items():
            if max(blocks, default=0) < len(self.ids) // BLOCK:
                cache.settle()
                self.kept.pop(blocks, None)
                self.kept[blocks] = cache
        # of all heads: ranks that hold a part each must decide alike
        while self.reader.kv_bytes * sum(cache.held for cache in self.kept.values()) > self.cache_bytes:
            del self.kept[next(iter(self.kept))]


def runs(blocks: Sequence[int]) -> list[range]:
    """Ascending numbers as ranges without a gap."""
    found: list[range] = []
    for block in blocks:
        start = found.pop().start if found and found[-1].stop == block else block
        found.append(range(start, block + 1))
    return found
