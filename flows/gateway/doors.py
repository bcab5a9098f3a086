"""What all routes share: the settings, the memories that are open, the tokens, and the threads that work.

The idea: what takes time runs in threads, a bounded number of them, and a bounded number waits. One more is
told to come again at once, which is worth more to a program than an answer after a minute.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from starlette.requests import HTTPConnection

from flows.config import RunConfig
from flows.gateway.pool import Pool
from flows.gateway.tokens import Tokens
from tasks.errors import NightreadError
from tasks.recall.opened import Kept
from tasks.serve.door import ReaderDoor

P = ParamSpec("P")
T = TypeVar("T")
FROM_SOURCES = 4
"""Stores that are waited for at a time; of pages one is drawn at a time."""


@dataclass(frozen=True)
class Doors:
    """Of one gateway."""

    config: RunConfig
    reader: Callable[[], ReaderDoor] | None = None
    """Gives what reads long contexts, opened when it is first asked; None where there is none."""
    memories: Kept = field(init=False)
    tokens: Tokens = field(init=False)
    pool: Pool = field(init=False)
    """Of questions and whatever else blocks."""
    reading: Pool = field(init=False)
    """Of what waits for a reader, for minutes: questions to the memory do not wait behind it."""

    sources: Pool = field(init=False)
    """Of what waits for files that were read: for their stores, and for pages that are drawn from them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "memories", Kept(self.config.infer.embedder))
        object.__setattr__(self, "tokens", Tokens(Path(self.config.home)))
        object.__setattr__(self, "pool", Pool(self.config.serve.queue))
        serve = self.config.serve
        theirs = (serve.queue + serve.batch) * max(
            1, len(serve.readers)
        )  # what they take on before they refuse
        object.__setattr__(self, "reading", Pool(serve.queue, theirs))
        object.__setattr__(self, "sources", Pool(serve.queue, FROM_SOURCES))

    def config_at(self, home: Path) -> RunConfig:
        """The settings, for the home of a tenant."""
        return replace(self.config, home=str(home))

    def warm(self) -> None:
        """Open the memory of the home and load what embeds questions, before the first one comes. Blocks."""
        with suppress(NightreadError, ValueError):  # whoever asks is told
            self.memories.of(Path(self.config.home)).embed(["warm"])

    async def work(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function that blocks returns, in a thread.

        Raises:
            Busy: at once, if as many wait already as may.
        """
        return await self.pool.run(function, *args, **kwargs)


def doors_of(request: HTTPConnection) -> Doors:
    """Those of the gateway that was asked."""
    doors: Doors = request.app.state.doors
    return doors
