"""A night on a Prefect server with PostgreSQL: both restart while a run goes on, and the worker is killed.

Run: pytest -m slow tests/infra/test_night.py (16 minutes beside other work; 2.5 of processor time)
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions, StateType
from prefect.states import Pending

from flows.server import answers, prefect_api, reread
from tasks.ingest.ipc import free_port
from tasks.memory.reader import open_memory
from tests.flows.corpus import story
from tests.infra.nights import Nights, deploy, killed, until, worker
from tests.infra.postgres import Postgres, postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class Server:
    """A Prefect server that can be killed and started again at the same address."""

    def __init__(self, database: Postgres, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "server.log"
        self.environment = os.environ | {
            "PREFECT_API_DATABASE_CONNECTION_URL": database.url,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "3",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        }
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start", *where],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(lambda: answers(self.url) or None, "the server does not answer")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Postgres]]:
    with postgres() as database:
        server = Server(database, folder)
        patch.setenv("PREFECT_API_URL", server.url)
        patch.setenv("PREFECT_SERVER_EPHEMERAL_ENABLED", "false")
        reread()
        try:
            yield server, database
        finally:
            server.kill()
    patch.undo()
    reread()


def outage(server: Server, database: Postgres, client: SyncPrefectClient) -> None:
    """The database of the server is killed and comes back, then the server itself."""
    database.stop("immediate")
    time.sleep(5)
    database.start()
    until(lambda: _reached(client), "the server does not reach its database again")
    server.kill()
    time.sleep(5)
    server.start()


def states(client: SyncPrefectClient) -> list[str]:
    """States of all runs that are not to come, sorted."""
    found = [run.state for run in client.read_flow_runs() if run.state]
    return sorted(state.name or "" for state in found if state.type != StateType.SCHEDULED)


def test_the_night_ends_well_though_server_database_and_worker_go_down(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, corpus = tmp_path / "home", tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "report.txt").write_text("\n".join(story(number) for number in range(1500)))
    with serving(tmp_path, monkeypatch) as (server, database), get_client(sync_client=True) as client:
        deploy(corpus, f"home={home}", f"infer.model={tiny_model_dir}")
        nights = Nights(client, home)
        with worker() as working:
            first = nights.running()
            outage(server, database, client)
            reading = nights.process(first)
            assert reading is not None
            assert reading.is_running()
            killed(working, reading)
        (corpus / "report.txt").write_text(story(1))
        with worker():
            assert nights.becomes(first, "Crashed")  # by the worker of the machine: no run comes after it
            assert nights.slots_taken == 0
            nights.schedule(True)
            second = nights.running()
            assert nights.becomes(second, "Completed", "Failed", "Crashed", "Cancelled") == "Completed"
        assert nights.statuses() == ["crashed", "published"]
        assert {"Running", "Pending"}.isdisjoint(states(client))
        assert nights.slots_taken == 0
    memory = open_memory(home)
    assert {row["uri"] for row in memory.sources.to_pylist()} == {str(corpus / "report.txt")}


def test_a_run_goes_on_while_the_server_and_its_database_restart(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, corpus = tmp_path / "home", tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "report.txt").write_text("\n".join(story(number) for number in range(60)))
    with serving(tmp_path, monkeypatch) as (server, database), get_client(sync_client=True) as client:
        deploy(corpus, f"home={home}", f"infer.model={tiny_model_dir}", "infer.salience=true")
        nights = Nights(client, home)
        with worker():
            run = nights.running()
            outage(server, database, client)
            until(lambda: nights.statuses() == ["published"] or None, "nothing is published")
            assert nights.becomes(run, "Completed")
        assert set(states(client)) <= {"Completed", "Cancelled"}


def test_a_slot_nobody_renews_is_free_when_its_lease_ends_though_the_server_was_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
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


def _reached(client: SyncPrefectClient) -> bool | None:
    """True once the API answers from its database."""
    try:
        client.read_flow_runs(limit=1)
    except Exception:
        return None
    return True
