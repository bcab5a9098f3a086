"""The shipped deployment: its schedule fires, and a run that died does not stop the next one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions, FlowRun
from prefect.states import Cancelling, Pending

from flows.deployments.crashed import mark_crashed
from flows.server import prefect_api, reread
from tasks.ledger import Ledger
from tests.flows.corpus import story

ROOT = Path(__file__).parents[2]
PATIENCE_S = 600
"""A run is started within half a minute where the machine is idle; a busy one takes many times that."""
T = TypeVar("T")


def until(ask: Callable[[], T | None], what: str) -> T:
    """The first answer that is not None."""
    end = time.monotonic() + PATIENCE_S
    while (answer := ask()) is None:
        assert time.monotonic() < end, what
        time.sleep(0.5)
    return answer


@contextmanager
def worker() -> Iterator[psutil.Process]:
    """A worker of the pool, killed at the end with whatever it started."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "nightread", "--limit", "1"]
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=os.environ | quick, start_new_session=True) as process:
        started = psutil.Process(process.pid)
        try:
            yield started
        finally:
            family = [started, *started.children(recursive=True)]
            process.kill()
            for child in family:
                if child.is_running():
                    child.kill()


class Nights:
    """What the test does with a server: turn the schedule on and off, wait for runs, look at the slot."""

    def __init__(self, client: SyncPrefectClient, home: Path) -> None:
        self.client, self.home = client, home
        self.deployment = client.read_deployment_by_name("read/nightly")

    def schedule(self, active: bool) -> None:
        (schedule,) = self.client.read_deployment_schedules(self.deployment.id)
        self.client.update_deployment_schedule(self.deployment.id, schedule.id, active)

    def running(self) -> FlowRun:
        """A run that the schedule started, once its process is known; no other is started."""
        now = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Running"])))
        (run,) = until(lambda: self.client.read_flow_runs(flow_run_filter=now) or None, "no scheduled run")
        self.schedule(False)
        assert run.auto_scheduled
        until(lambda: self.process(run), "the run is not in the ledger")
        return run

    def process(self, run: FlowRun) -> psutil.Process | None:
        with Ledger(self.home / "ledger.sqlite") as ledger:
            known = {row["counts"].get("flow_run"): row["counts"] for row in ledger.runs()}
        return psutil.Process(known[str(run.id)]["process"][0]) if str(run.id) in known else None

    def becomes(self, run: FlowRun, *states: str) -> str:
        def name() -> str | None:
            now = self.client.read_flow_run(run.id).state_name
            return now if now in states else None

        return until(name, f"the run is not {states}")

    @property
    def slots_taken(self) -> int:
        name = f"deployment:{self.deployment.id}"
        return self.client.read_global_concurrency_limit_by_name(name).active_slots

    def statuses(self) -> list[str]:
        with Ledger(self.home / "ledger.sqlite") as ledger:
            return [row["status"] for row in ledger.runs()]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """One document, long enough that its reading can be stopped."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "report.txt").write_text("\n".join(story(number) for number in range(1500)))
    return folder


@pytest.fixture(autouse=True)
def _a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS", "3")  # not the next hour's 720
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "5")  # not once a minute
    yield
    monkeypatch.undo()
    reread()  # or Prefect would keep these settings for the tests that follow


@pytest.fixture
def deploy(tmp_path: Path, tiny_model_dir: Path, corpus: Path) -> Callable[[], None]:
    """The command with a small corpus and a schedule that fires every five seconds."""
    settings = [f"home={tmp_path / 'home'}", f"infer.model={tiny_model_dir}"]
    command = [sys.executable, "-m", "flows", "deploy", str(corpus), "--cron", "*/5 * * * * *", *settings]

    def run() -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
        )
        assert done.returncode == 0, done.stderr

    return run


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_the_schedule_fires_and_a_run_that_died_does_not_stop_the_next_one(
    tmp_path: Path, deploy: Callable[[], None], corpus: Path
) -> None:
    home = tmp_path / "home"
    with prefect_api(tmp_path), get_client(sync_client=True) as client:
        deploy()
        nights = Nights(client, home)
        assert nights.deployment.entrypoint == "flows.read.read_corpus"
        options = nights.deployment.concurrency_options
        assert options
        assert options.collision_strategy == "CANCEL_NEW"
        with worker() as working:
            died = nights.running()
            reading = nights.process(died)
            working.kill()  # first, or it would say that the run has ended
            assert reading
            reading.kill()
        state = client.read_flow_run(died.id).state
        lease = state.state_details.deployment_concurrency_lease_id if state else None

    with prefect_api(tmp_path), get_client(sync_client=True) as client:
        nights = Nights(client, home)
        assert client.read_flow_run(died.id).state_name == "Running"
        assert nights.slots_taken == 1
        assert nights.statuses() == ["crashed"]
        assert lease
        client.renew_concurrency_lease(lease, 300)  # the server that was started since knows it
        assert len(mark_crashed(home)) == 1
        assert client.read_flow_run(died.id).state_name == "Crashed"
        assert (nights.slots_taken, mark_crashed(home)) == (0, [])

        (corpus / "report.txt").write_text(story(1))
        nights.schedule(True)
        with worker():
            finished = nights.running()
            assert nights.becomes(finished, "Completed", "Failed", "Crashed", "Cancelled") == "Completed"
        assert nights.statuses() == ["crashed", "published"]


@pytest.mark.slow
def test_a_run_that_is_cancelled_in_prefect_is_cancelled_in_the_ledger(
    tmp_path: Path, deploy: Callable[[], None], corpus: Path
) -> None:
    with prefect_api(tmp_path), get_client(sync_client=True) as client:
        deploy()
        nights = Nights(client, tmp_path / "home")
        with worker():
            stopped = nights.running()
            client.set_flow_run_state(stopped.id, Cancelling())
            nights.becomes(stopped, "Cancelled")
            assert nights.statuses() == ["cancelled"]
        assert nights.slots_taken == 0


@pytest.mark.slow
def test_a_slot_nobody_renews_is_free_when_its_lease_ends_though_the_server_was_restarted(
    tmp_path: Path,
) -> None:
    strategy = ConcurrencyLimitStrategy.CANCEL_NEW
    options = ConcurrencyOptions(collision_strategy=strategy, grace_period_seconds=60)
    with prefect_api(tmp_path), get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("read")
        deployment = client.create_deployment(
            flow, "nightly", concurrency_limit=1, concurrency_options=options
        )
        first = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(first.id, Pending())
    with prefect_api(tmp_path), get_client(sync_client=True) as client:
        nights = Nights(client, tmp_path)
        assert nights.slots_taken == 1
        until(lambda: None if nights.slots_taken else True, "the slot is still taken")
        second = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(second.id, Pending())
        assert client.read_flow_run(second.id).state_name == "Pending"
