"""Threads for what blocks, as many as are useful, and a queue before them that has an end."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

from tasks.serve.door import Busy

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2 * len(os.sched_getaffinity(0)) + 2
"""Working at a time: a question computes, and waits for the disk in between."""
RETRY_AFTER_S = 1.0


class Pool:
    """Belongs to one event loop. At most `THREADS` calls run, at most `queue` more wait."""

    def __init__(self, queue: int, threads: int = THREADS) -> None:
        self.most = threads + queue
        self.threads = threads
        self.held = 0
        """Calls that run or wait."""
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns.

        Raises:
            Busy: at once, if no more may wait.
        """
        if self.held >= self.most:
            raise Busy(
                f"{self.held} requests run or wait already: ask again in a moment (serve.queue)",
                RETRY_AFTER_S,
            )
        if self._limiter is None:  # it wants a running loop
            self._limiter = anyio.CapacityLimiter(self.threads)
        self.held += 1
        try:
            return await anyio.to_thread.run_sync(partial(function, *args, **kwargs), limiter=self._limiter)
        finally:
            self.held -= 1

    async def soon(self, within_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns, where a thread is free for it and it returns in time. One that is late
        is waited for no more, and keeps its thread until it returns.

        Raises:
            Busy: otherwise.
        """
        if self.held >= self.threads:
            raise Busy(f"all {self.threads} threads are taken: ask again in a moment", RETRY_AFTER_S)
        task = asyncio.ensure_future(self.run(function, *args, **kwargs))
        await asyncio.wait([task], timeout=within_s)
        if not task.done():
            task.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody wants it now
            raise Busy(f"not done within {within_s:g} seconds: ask again in a moment", RETRY_AFTER_S)
        return task.result()
