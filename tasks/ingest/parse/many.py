"""Many sources at a time: on all cores of this machine, or on the Dask workers of a cluster.

The idea: sources go in small batches to threads or workers, each of which has parsers of its own, and come
back in the order they were given in; only so many are under way that memory does not grow with their number.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tasks.ingest.parse.parser import end_idle
from tasks.ingest.parse.sandbox import parse_source
from tasks.ingest.storage import Found
from tasks.settings import ParseConfig, StorageConfig

Rows = list[dict[str, Any]]
"""Rows of schema.SOURCES, of one source."""
BATCH, BATCH_BYTES = 16, 8 << 20
"""Sources that are sent together, and the bytes after which a batch is full."""
_UNDER_WAY = 4
"""Batches under way for each parser: those that wait for one large source before them hold rows alone."""


def parse_all(
    found: Iterable[Found],
    home: Path,
    config: ParseConfig,
    storage: StorageConfig,
    client: Any = None,
) -> Iterator[Rows]:
    """Rows of each source, in the order of the sources.

    Args:
        client: of a Dask cluster whose workers see the home folder under the same path; None is this machine.

    Raises:
        Transient: if an object store does not answer.
    """
    home = home.resolve()
    waiting: deque[Any] = deque()
    with _workers(config, client) as (submit, workers):
        try:
            for batch in batches(found):
                waiting.append(submit(parse_batch, batch, home, config, storage))
                if len(waiting) >= _UNDER_WAY * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def parse_batch(
    batch: Sequence[Found], home: Path, config: ParseConfig, storage: StorageConfig
) -> list[Rows]:
    """Rows of each source of a batch, one after the other with one parser."""
    return [parse_source(one, home, config, storage) for one in batch]


def batches(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Sources in batches; a large one ends its batch."""
    batch: list[Found] = []
    for one in found:
        batch.append(one)
        if len(batch) >= BATCH or sum(other.size for other in batch) >= BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def parsers(config: ParseConfig) -> int:
    """Parser processes on this machine: one a core, as long as memory would hold them all at their cap."""
    if config.workers:
        return config.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    held = int(psutil.virtual_memory().total) // (config.memory_mb << 20)
    return max(1, min(cores, held))


@contextmanager
def _workers(config: ParseConfig, client: Any) -> Iterator[tuple[Callable[..., Any], int]]:
    """How a batch is submitted, and how many are worked on at a time."""
    if client is not None:
        count = max(1, sum(client.nthreads().values()))
        yield (lambda *arguments: client.submit(*arguments, pure=False)), count
        return
    count = parsers(config)
    threads = ThreadPoolExecutor(count, thread_name_prefix="parse")
    try:
        yield threads.submit, count
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        end_idle(keep=1)
