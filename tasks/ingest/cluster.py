"""Dask workers for what needs no model: a scheduler somebody runs, or processes of our own."""

import gc
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dask import config as dask_config
from distributed import CancelledError, Client, KilledWorker, LocalCluster
from distributed.comm import CommClosedError

from tasks.errors import InvalidInput, Transient
from tasks.ingest.home.remote import NOTE, remote_of
from tasks.settings import ClusterConfig

_QUIET = logging.CRITICAL
"""What a worker loses when its run is killed is no news, and an error of a task comes as its result."""
_UNTOLD = "ignore:resource_tracker"
"""What Python says in the place of a process that was killed: semaphores that it did not close."""


@contextmanager
def connect(config: ClusterConfig) -> Iterator[Any]:
    """A Dask client, closed at the end together with whatever was started for it.

    Raises:
        InvalidInput: if nothing answers at `config.address`.
        Transient: if the scheduler or its workers are lost within the block.
    """
    if config.address:
        for name in ("distributed", "distributed.client"):  # what went wrong is ours to say, once
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            client = _client(config.address, timeout=config.connect_timeout_s)
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"cluster.address={config.address}: no Dask scheduler answers there ({error}); start "
                f"one with `dask scheduler`, or leave the address empty to use this machine"
            ) from error
        with client, _lost(f"cluster.address={config.address}"):
            yield client
        return
    # silence_logs quiets distributed's own handlers; Prefect's logging has one at the root too
    logging.getLogger("distributed").setLevel(_QUIET)
    spill = tempfile.TemporaryDirectory(prefix="nightread-dask-")
    settings = {"temporary-directory": spill.name, "distributed.worker.daemon": False}
    with spill, dask_config.set(settings), _lost("the Dask workers of this machine"):
        with _environment_kept():
            cluster = _started(config)
        with cluster, _client(cluster) as client:
            yield client


def _client(whom: Any, **how: Any) -> Any:
    """A Dask client. What is left of one that found no scheduler is closed when Python comes upon it, for
    which it takes a lock that a client which begins holds too: found in the middle of that, it never gets it.
    """
    gc.collect()
    return Client(whom, **how)


def _started(config: ClusterConfig) -> Any:
    """Workers of our own.

    Raises:
        Transient: if one of them is killed as it starts.
    """
    try:
        return LocalCluster(
            n_workers=config.workers,
            threads_per_worker=1,
            memory_limit=config.memory_limit,
            dashboard_address=":0",
            silence_logs=_QUIET,
        )
    except RuntimeError as error:
        raise Transient(
            f"a Dask worker of this machine did not start ({error}): the same command tries again; where it "
            f"goes on so, look whether memory is short (cluster.workers, cluster.memory_limit)"
        ) from error


@contextmanager
def _lost(whose: str) -> Iterator[None]:
    """Within the block Dask is used; that it is gone is no error of what it was asked to do.

    Raises:
        Transient: saying so.
    """
    try:
        yield
    except KilledWorker as error:
        raise Transient(
            f"{whose}: several workers died one after the other over the same task: look whether memory is "
            f"short (cluster.memory_limit); what was done is kept, and the same command continues"
        ) from error
    except (CancelledError, CommClosedError) as error:
        raise Transient(
            f"{whose}: the connection to the Dask scheduler or to a worker was lost: what was done is kept, "
            f"and the same command continues when it is there again"
        ) from error


def check_copy(client: Any, home: Path, address: str) -> None:
    """Refuse Dask workers that do not see the working copy of a home in a bucket.

    Raises:
        InvalidInput: naming it and how they come to see it.
    """
    if remote := remote_of(home):
        seen = client.run(os.path.isfile, str(home / NOTE))
        if blind := [worker for worker, sees in seen.items() if not sees]:
            raise InvalidInput(
                f"cluster.address={address}: {len(blind)} of {len(seen)} Dask workers, such as {blind[0]}, "
                f"do not see {home}, the working copy of {remote.uri}: give a folder that all machines see "
                f"under the same path as storage.cache, or start the workers on this machine"
            )


@contextmanager
def _environment_kept() -> Iterator[None]:
    """What is meant for the workers stays theirs: Dask leaves OMP_NUM_THREADS=1 to whatever is started later.

    A reader with another number of threads rounds otherwise, and in bf16 that decides which quote is kept.
    """
    before = dict(os.environ)
    try:
        os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before.get("PYTHONWARNINGS"), _UNTOLD)))
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
