"""Dask as the steps use it: that it is gone is said in words, and is worth another try."""

import time
from typing import Any

import pytest
from distributed import KilledWorker, LocalCluster

from tasks.errors import Transient
from tasks.ingest.cluster import connect
from tasks.settings import ClusterConfig

LOCAL: dict[str, Any] = {"processes": False, "protocol": "tcp", "dashboard_address": ":0"}


@pytest.mark.heavy
def test_a_scheduler_that_goes_away_is_an_error_that_names_it() -> None:
    def use() -> None:
        with connect(ClusterConfig(address=cluster.scheduler_address)) as client:
            waiting = client.submit(time.sleep, 5, pure=False)
            cluster.close()
            waiting.result()

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, **LOCAL) as cluster,
        pytest.raises(Transient, match=r"cluster\.address=tcp://.*was lost.*continues"),
    ):
        use()


@pytest.mark.heavy
def test_workers_that_die_one_after_the_other_are_an_error_that_names_the_memory() -> None:
    def use() -> None:
        with connect(ClusterConfig(address=cluster.scheduler_address)):
            raise KilledWorker("parse", "tcp://127.0.0.1:1", 3)

    with (
        LocalCluster(n_workers=0, **LOCAL) as cluster,
        pytest.raises(Transient, match=r"workers died.*cluster\.memory_limit"),
    ):
        use()
