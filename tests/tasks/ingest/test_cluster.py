"""Dask as the steps use it: that it is gone is said in words, and is worth another try."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
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


KILLED = """
import sys, time
from tasks.ingest.cluster import connect
from tasks.settings import ClusterConfig
if __name__ == "__main__":
    with connect(ClusterConfig(workers=1)) as client:
        client.submit(time.sleep, 0.1).result()
        waiting = client.submit(time.sleep, 1)
        print("up", flush=True)
        waiting.result()
        time.sleep(600)
"""


@pytest.mark.slow  # 10 s
def test_workers_of_a_run_that_is_killed_end_and_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with (
        (tmp_path / "said").open("wb") as said,
        subprocess.Popen(
            [sys.executable, tmp_path / "killed.py"], env=environment, stdout=subprocess.PIPE, stderr=said
        ) as run,
    ):
        assert run.stdout
        assert run.stdout.readline() == b"up\n"
        left = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGKILL)
        gone, alive = psutil.wait_procs(left, timeout=60)
    assert (len(gone) >= 1, alive) == (True, [])
    assert (tmp_path / "said").read_text() == ""
