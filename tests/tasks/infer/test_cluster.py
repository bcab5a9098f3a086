"""Dask workers as nodes: the scheduler goes away, a node dies, none can read; the windows are the same.

Scheduler, nodes and workers are real processes.
Run: pytest tests/tasks/infer/test_cluster.py (-m slow for schedulers and nodes that are killed)
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from distributed import Client, LocalCluster, Queue

from tasks.errors import NightreadError, Transient
from tasks.infer.cluster import RemoteQueue
from tasks.infer.messages import Worker
from tasks.ingest.ipc import free_port
from tests.marks import slow
from tests.tasks.infer.conftest import SEGMENTED
from tests.tasks.reading import Reading, Texts, windows, worker_processes, written_twice

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.heavy


class Cluster:
    """A scheduler and workers of our own; what they say is shown when something is wrong."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.port = scratch, free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: dict[str, IO[bytes]] = {}

    def _start(self, name: str, *arguments: str) -> None:
        if name not in self.logs:
            self.logs[name] = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }
        command = [sys.executable, "-m", "dask", *arguments]
        self.processes[name] = subprocess.Popen(
            command, cwd=self.scratch, stdout=self.logs[name], stderr=subprocess.STDOUT, env=environment
        )

    def scheduler(self) -> None:
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--no-show"]
        self._start("scheduler", "scheduler", *where)

    def nodes(self, *names: str) -> None:
        """Start nodes, and wait for them."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
        for name in names:
            self._start(name, "worker", self.address, "--name", name, *options, "--resources", "reader=1")
        with Client(self.address, timeout=60) as client:
            client.wait_for_workers(len(names), timeout=60)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def said(self) -> str:
        lines = []
        for name, log in self.logs.items():
            log.seek(0)
            lines.append(f"--- {name}\n{log.read().decode(errors='replace')[-3000:]}")
        return "\n".join(lines)

    def close(self) -> None:
        for name in reversed(self.processes):
            self.kill(name)
        for log in self.logs.values():
            log.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    scratch = tmp_path / "dask"
    scratch.mkdir()
    ours = Cluster(scratch)
    ours.scheduler()
    try:
        yield ours
    finally:
        ours.close()


def far(address: str) -> list[str]:
    settings = ["cluster.connect_timeout_s=5", "infer.heartbeat_timeout_s=60"]
    return [SEGMENTED, f"cluster.address={address}", *settings]


@pytest.mark.slow  # a minute; a node in this process reads below
def test_a_scheduler_and_then_a_node_that_go_away_cost_nothing(
    cluster: Cluster, texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    home = tmp_path / "home"
    cluster.nodes("a")
    lose_scheduler = {2: lambda: cluster.kill("scheduler")}
    first = Reading(home, texts, tiny_model_dir, *far(cluster.address), at_commit=lose_scheduler)
    with pytest.raises(Transient, match=r"scheduler went away .* the same command goes on"):
        first.infer()
    kept = windows(home)
    assert 2 <= len(kept) < len(expected)
    cluster.kill("a")
    cluster.scheduler()
    cluster.nodes("b", "c")
    lose_node = {3: lambda: cluster.kill(random.choice(["b", "c"]))}
    second = Reading(home, texts, tiny_model_dir, *far(cluster.address), at_commit=lose_node)
    try:
        read = second.infer()
    except Exception as error:
        error.add_note(cluster.said())
        raise
    assert read.windows == len(expected) - len(kept)
    assert windows(home) == expected
    assert written_twice(home) == []
    assert {reason for _, reason in second.deaths().values()} <= {"its node went away"}


@pytest.mark.parametrize("trials", slow(20))
def test_a_node_killed_at_a_random_moment_costs_nothing(
    trials: int,
    cluster: Cluster,
    texts: Texts,
    tiny_model_dir: Path,
    tmp_path: Path,
    expected: dict[str, bytes],
) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    moments = random.Random(seed)
    for trial in range(trials):
        where = f"seed {seed}, trial {trial}"
        names = [f"{trial}-a", f"{trial}-b"]
        cluster.nodes(*names)
        home = tmp_path / f"home-{trial}"
        reading = Reading(home, texts, tiny_model_dir, *far(cluster.address), "infer.workers=2")
        timer = threading.Timer(moments.uniform(0.0, 14.0), cluster.kill, [moments.choice(names)])
        timer.start()
        try:
            read = reading.infer()
        except Exception as error:
            error.add_note(f"{where}\n{cluster.said()}")
            raise
        finally:
            timer.cancel()
            timer.join()
        assert read.windows == len(expected), where
        assert windows(home) == expected, where
        assert written_twice(home) == [], where
        for name in names:
            cluster.kill(name)


@pytest.fixture(scope="module", params=[0, 1])
def in_process(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """A Dask cluster in this process, whose worker is a node or is none."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=":0",
        resources={"reader": request.param},
    ) as cluster:
        yield request.param, cluster.scheduler_address


def test_nodes_read_or_say_why_they_cannot_and_other_dask_workers_leave_reading_to_this_process(
    in_process: tuple[int, str],
    texts: Texts,
    tiny_model_dir: Path,
    tmp_path: Path,
    expected: dict[str, bytes],
) -> None:
    nodes, address = in_process
    small = "infer.worker_memory_mb=40"
    able = [] if nodes else [small]  # no limit of this process
    readers: list[bool] = []
    look = {1: lambda: readers.append(worker_processes() != [])}
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *far(address), *able, at_commit=look)
    reading.infer()
    assert windows(reading.run.home) == expected
    assert readers == [bool(nodes)]
    if nodes:
        unable = Reading(tmp_path / "unable", texts, tiny_model_dir, *far(address), small)
        with pytest.raises(NightreadError, match=r"no node can read: .*worker_memory_mb=40"):
            unable.infer()
    until = time.monotonic() + 30
    while worker_processes() and time.monotonic() < until:
        time.sleep(0.05)
    assert worker_processes() == []


def test_a_node_whose_run_does_not_reply_gives_up_in_words(in_process: tuple[int, str]) -> None:
    with Client(in_process[1]) as client:
        requests, replies = (Queue(name, client=client) for name in ("requests", "replies"))
        remote = RemoteQueue("node", requests, replies, timeout_s=0.2)
        with pytest.raises(Transient, match=r"has not replied for 0\.2 s.*the same command goes on"):
            remote.lease(Worker("node", 1), 0)


def test_what_supervises_a_node_s_workers_loads_no_model_library() -> None:
    script = "import sys, tasks.infer.cluster; print({'torch', 'transformers'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
