"""`nightread worker`: which runs it takes for dead, against a real Prefect server and real processes."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Completed, Crashed, Pending, Running

from flows.cli import main
from flows.deployments.crashed import overlapped
from flows.deployments.worker import POOL, Look, marking
from tasks.runs.ledger import Ledger, ledger_path

HERE, ELSEWHERE = "a machine of this test", "another machine"


class Runs:
    """Runs of a deployment of the pool, each with a process or none."""

    def __init__(self, client: SyncPrefectClient, processes: ExitStack) -> None:
        self.client, self.processes = client, processes
        flow = client.create_flow_from_name("read")
        self.deployment = client.create_deployment(flow, "worked", work_pool_name=POOL)

    def add(self, state: State[None], worker: str = "") -> UUID:
        run = self.client.create_flow_run_from_deployment(self.deployment)
        if worker:
            self.client.update_flow_run_labels(run.id, {"prefect.worker.name": worker})
        self.client.set_flow_run_state(run.id, state, force=True)
        return run.id

    def process(self, run: UUID) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PREFECT__FLOW_RUN_ID": str(run)}
        started = subprocess.Popen(["sleep", "1000"], env=environment)
        self.processes.callback(started.wait)
        self.processes.callback(started.kill)
        return started

    def name(self, run: UUID) -> str | None:
        return self.client.read_flow_run(run).state_name


@pytest.fixture
def runs(api: str) -> Iterator[Runs]:
    with get_client(sync_client=True) as client, ExitStack() as processes:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        yield Runs(client, processes)


def test_only_runs_of_this_machine_that_have_no_process_in_two_looks_are_marked(runs: Runs) -> None:
    alive, dead, gone, other = (runs.add(Running(), worker) for worker in (HERE, HERE, HERE, ELSEWHERE))
    runs.process(alive)
    dying = runs.process(dead)
    # the number of a process that is there and not the run's: it was given out anew
    runs.client.update_flow_run(gone, infrastructure_pid=str(os.getpid()))
    said: list[str] = []
    mark = marking(Look(HERE, datetime.now(UTC)), said.append)
    mark()
    assert {runs.name(run) for run in (alive, dead, gone, other)} == {"Running"}
    dying.kill()
    zombie = psutil.Process(dying.pid)
    while zombie.status() != psutil.STATUS_ZOMBIE:
        continue
    mark()
    assert [runs.name(run) for run in (alive, dead, gone, other)] == [
        "Running",
        "Running",
        "Crashed",
        "Running",
    ]
    mark()
    assert [runs.name(run) for run in (alive, dead, other)] == ["Running", "Crashed", "Running"]
    assert all("is marked as crashed: its process is gone and did not say why" in line for line in said)
    state = runs.client.read_flow_run(dead).state
    assert state
    assert state.message == "Its process is gone and did not say why."
    assert len(said) == 2


def test_a_run_that_was_taken_long_before_the_worker_began_gets_no_process_any_more(runs: Runs) -> None:
    before, at_once = datetime.now(UTC) - timedelta(seconds=5), timedelta()
    by_us, by_nobody = runs.add(Pending(), HERE), runs.add(Pending())
    elsewhere = runs.add(Pending(), ELSEWHERE)
    now = datetime.now(UTC) + timedelta(seconds=5)
    taken = {by_us, by_nobody}
    assert Look(HERE, now).gone(runs.client).keys().isdisjoint(taken)  # a worker may be about to start them
    assert Look(HERE, before, at_once).gone(runs.client).keys().isdisjoint(taken)  # by this one, which lives
    found = Look(HERE, now, at_once).gone(runs.client)
    assert taken <= found.keys()
    assert elsewhere not in found
    alive = runs.process(by_us)
    assert by_us not in Look(HERE, now, at_once).gone(runs.client)
    assert alive.poll() is None


def test_a_run_does_not_begin_beside_one_of_its_corpus_that_was_taken_for_dead(tmp_path: Path) -> None:
    assert overlapped(tmp_path, ("/docs",), "another") == ""
    with Ledger(ledger_path(tmp_path)) as ledger:
        ledger.start_run("20260101-020000-ab12", ["/docs"], "{}", "taken for dead")
        assert overlapped(tmp_path, ("/docs",), "another") == (
            f"run 20260101-020000-ab12 of the same corpus still goes on here, as process {os.getpid()}"
        )
        assert overlapped(tmp_path, ("/docs",), "taken for dead") == "", "it is started again"
        assert overlapped(tmp_path, ("/docs/new",), "another") == ""
        ledger.finish_run("20260101-020000-ab12", "published", "{}")
        assert overlapped(tmp_path, ("/docs",), "another") == ""


def test_a_run_that_was_taken_for_dead_and_lives_is_completed_when_it_ends(runs: Runs) -> None:
    run = runs.add(Running(), HERE)
    # as the server's automation does; it may miss heartbeats when it restarts
    runs.client.set_flow_run_state(run, Crashed(message="No sign of life for 6 minutes."))
    runs.client.set_flow_run_state(run, Completed())  # as the process of a run says that it has ended
    assert runs.name(run) == "Completed"


def test_a_worker_without_a_server_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert main(["worker"]) == 2
    assert "worker needs a Prefect server that stays: `prefect server start`" in capsys.readouterr().err
