"""One run: its identity, its home, its settings, its ledger and its clock.

Every step of a flow is given the run; what a step finds out is its result, and never kept here. What is
done is in the ledger and in files, so a step that runs again does only what is missing.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from model.hardware import return_freed
from tasks.runs.ledger import Ledger, ledger_path
from tasks.settings import ClusterConfig, InferConfig, ParseConfig, ShardConfig, StorageConfig

Progress = Callable[[int], None]
"""Called with how many more units of a step are done."""
Counted = Callable[[int, int], None]
"""The same for a step that learns only as it works how many there are: called with that number too."""


def run_id() -> str:
    """The name of a run that begins now."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def log_folder(home: Path) -> Path:
    """Where the logs of a home lie."""
    return home / "logs"


@dataclass(frozen=True)
class Run:
    """Identity, place and settings of one run."""

    uris: tuple[str, ...]
    """Canonical, see `tasks.ingest.uris`."""
    home: Path
    storage: StorageConfig
    parse: ParseConfig
    shard: ShardConfig
    infer: InferConfig
    cluster: ClusterConfig
    run: str = field(default_factory=run_id)
    flow_run: str = ""
    """Its id in Prefect."""
    started: float = field(default_factory=time.monotonic)
    clock: dict[str, float] = field(default_factory=dict)
    """Seconds by kind of work, see `timed`."""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds by stage, in their order, see `stage`."""

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(ledger_path(self.home))

    @contextmanager
    def timed(self, work: str) -> Iterator[None]:
        """Add the seconds of the block to those of this kind of work."""
        began = time.monotonic()
        yield
        self.clock[work] = self.clock.get(work, 0.0) + time.monotonic() - began

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the seconds of the block, however it ends, to those of this stage."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.monotonic() - began

    @contextmanager
    def recorded(self, cancelled: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """The ledger knows that the run began, and how it ended if it did not finish.

        Args:
            cancelled: exceptions by which somebody ended it on purpose.
        """
        self.ledger.start_run(self.run, self.uris, json.dumps(asdict(self.infer)), self.flow_run)
        try:
            with failure_noted(self.ledger, self.run, cancelled):
                yield
        finally:
            self.ledger.close()  # a process may make many runs
            return_freed()


@contextmanager
def failure_noted(
    ledger: Ledger, run: str, cancelled: tuple[type[BaseException], ...] = ()
) -> Iterator[None]:
    """The ledger knows how a run that it knows of ended, if it did not finish.

    Args:
        cancelled: exceptions by which somebody ended it on purpose.
    """
    try:
        yield
    except BaseException as error:
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        status = "cancelled" if isinstance(error, cancelled) else status
        ledger.finish_run(run, status, json.dumps({"error": f"{type(error).__name__}: {error}"}))
        raise
