"""Dask workers as nodes: one dies, all die, the scheduler dies; the memory is what it would have been.

Scheduler, workers and ranks are real processes. Run: pytest tests/tasks/test_nodes.py (-m slow for 50 kills)
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

from tasks.errors import NightreadError, Transient
from tasks.infer.group import free_port
from tests.flows.corpus import write_corpus
from tests.marks import slow
from tests.models import tiny_model
from tests.tasks.ranks import Reading, meanwhile, ranks_of, windows, written_twice

ROOT = Path(__file__).parents[2]


class Cluster:
    """A scheduler and workers of our own; what they say is shown when something is wrong."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: dict[str, IO[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        if name not in self.logs:
            self.logs[name] = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "dask", *arguments]
        self.processes[name] = subprocess.Popen(
            command, cwd=self.scratch, stdout=self.logs[name], stderr=subprocess.STDOUT, env=environment
        )

    def scheduler(self) -> None:
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard", "--no-show"]
        self.start("scheduler", "scheduler", *where)

    def worker(self, name: str, *options: str) -> None:
        small = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
        self.start(name, "worker", self.address, "--name", name, *small, *options)

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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"), model_dir)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), 20, lines=48)


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, corpus: Path, model: Path
) -> tuple[dict[str, bytes], dict[str, tuple[str, ...]]]:
    """What one process reads and remembers."""
    alone = Reading(tmp_path_factory.mktemp("alone"), corpus, model)
    remembered = alone.publish(alone.infer())
    return windows(alone.run.home), remembered


def reading(home: Path, corpus: Path, model: Path, cluster: Cluster, *overrides: str) -> Reading:
    far = [
        f"cluster.address={cluster.address}",
        "infer.workers=2",
        "infer.heartbeat_timeout_s=20",
        *overrides,
    ]
    return Reading(home, corpus, model, *far)


@pytest.mark.parametrize("trials", [2, *slow(50)])
def test_a_node_killed_at_a_random_moment_costs_nothing(
    trials: int,
    cluster: Cluster,
    corpus: Path,
    model: Path,
    tmp_path: Path,
    undisturbed: tuple[dict[str, bytes], dict[str, tuple[str, ...]]],
) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    moments = random.Random(seed)
    for trial in range(trials):
        where = f"seed {seed}, trial {trial}"
        names = [f"{trial}-a", f"{trial}-b"]
        for name in names:
            cluster.worker(name, "--resources", "reader=1")
        run = reading(tmp_path / f"home-{trial}", corpus, model, cluster)
        wait_for_workers(cluster, 2)
        victim, moment = moments.choice(names), moments.uniform(0.0, 14.0)

        def kill(over: threading.Event, victim: str = victim, moment: float = moment) -> None:
            over.wait(moment)
            cluster.kill(victim)

        try:
            with meanwhile(kill):
                read = run.infer()
        except Exception as error:
            error.add_note(f"{where}\n{cluster.said()}")
            raise
        assert read.windows == len(undisturbed[0]), where
        assert windows(run.run.home) == undisturbed[0], where
        assert written_twice(run.run.home) == [], where
        assert run.publish(read) == undisturbed[1], where
        for name in names:
            cluster.kill(name)


def wait_for_workers(cluster: Cluster, number: int) -> None:
    from distributed import Client

    with Client(cluster.address, timeout=60) as client:
        client.wait_for_workers(number, timeout=60)


def test_a_scheduler_that_goes_away_stops_the_run_and_the_same_run_goes_on(
    cluster: Cluster,
    corpus: Path,
    model: Path,
    tmp_path: Path,
    undisturbed: tuple[dict[str, bytes], dict[str, tuple[str, ...]]],
) -> None:
    cluster.worker("a", "--resources", "reader=1")
    wait_for_workers(cluster, 1)
    run = reading(tmp_path / "home", corpus, model, cluster, "cluster.connect_timeout_s=5")

    def kill(over: threading.Event) -> None:
        while not run.tokens and not over.wait(0.01):
            pass
        cluster.kill("scheduler")

    with meanwhile(kill), pytest.raises(Transient, match="scheduler went away"):
        run.infer()
    kept = windows(run.run.home)
    assert 0 < len(kept) < len(undisturbed[0])
    cluster.kill("a")
    cluster.scheduler()
    cluster.worker("b", "--resources", "reader=1")
    wait_for_workers(cluster, 1)
    read = run.infer()
    assert read.windows == len(undisturbed[0]) - len(kept)
    assert windows(run.run.home) == undisturbed[0]
    assert written_twice(run.run.home) == []


def test_workers_that_do_not_read_leave_it_to_this_machine(
    cluster: Cluster,
    corpus: Path,
    model: Path,
    tmp_path: Path,
    undisturbed: tuple[dict[str, bytes], dict[str, tuple[str, ...]]],
) -> None:
    cluster.worker("plain")
    wait_for_workers(cluster, 1)
    run = reading(tmp_path / "home", corpus, model, cluster)
    run.infer()
    assert windows(run.run.home) == undisturbed[0]


def test_nodes_that_cannot_read_end_the_run_and_say_why(
    cluster: Cluster, corpus: Path, model: Path, tmp_path: Path
) -> None:
    cluster.worker("a", "--resources", "reader=1")
    wait_for_workers(cluster, 1)
    run = reading(tmp_path / "home", corpus, model, cluster, "infer.worker_memory_mb=50")
    with pytest.raises(NightreadError, match=r"no node can read: .*worker_memory_mb=50"):
        run.infer()
    for _ in range(100):
        if not ranks_of(cluster.processes["a"].pid):
            break
        time.sleep(0.1)
    assert ranks_of(cluster.processes["a"].pid) == []
