"""What all routes share: the settings, and the memories that are open."""

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from flows.config import RunConfig
from tasks.recall.opened import Kept


@dataclass(frozen=True)
class Doors:
    """Of one gateway."""

    config: RunConfig
    memories: Kept = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memories", Kept(self.config.infer.embedder))


def doors_of(request: HTTPConnection) -> Doors:
    """Those of the gateway that was asked."""
    doors: Doors = request.app.state.doors
    return doors
