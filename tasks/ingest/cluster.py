"""Dask workers for what needs no model: a scheduler somebody runs, or processes of our own."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dask import config as dask_config
from distributed import Client, LocalCluster

from tasks.errors import InvalidInput
from tasks.ingest.home.remote import NOTE, remote_of
from tasks.settings import ClusterConfig


@contextmanager
def connect(config: ClusterConfig) -> Iterator[Any]:
    """A Dask client, closed at the end together with whatever was started for it.

    Raises:
        InvalidInput: if nothing answers at `config.address`.
    """
    if config.address:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what went wrong is ours to say, once
        try:
            client = Client(config.address, timeout=config.connect_timeout_s)
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"cluster.address={config.address}: no Dask scheduler answers there ({error}); start "
                f"one with `dask scheduler`, or leave the address empty to use this machine"
            ) from error
        with client:
            yield client
        return
    # silence_logs quiets distributed's own handlers; Prefect's logging has one at the root too
    logging.getLogger("distributed").setLevel(logging.ERROR)
    spill = tempfile.TemporaryDirectory(prefix="nightread-dask-")
    settings = {"temporary-directory": spill.name, "distributed.worker.daemon": False}
    with spill, dask_config.set(settings):
        with _environment_kept():
            cluster = LocalCluster(
                n_workers=config.workers,
                threads_per_worker=1,
                memory_limit=config.memory_limit,
                dashboard_address=":0",
                silence_logs=logging.ERROR,
            )
        with cluster, Client(cluster) as client:
            yield client


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
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
