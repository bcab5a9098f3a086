"""A watcher starts runs through a deployment, waits for their end, and finds its run again after a kill.

Run: pytest tests/flows/drops/test_starting.py
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Cancelled, Completed

from flows.config import load
from flows.deployments.deployment import RETIRE, deployment
from flows.drops.starting import DEPLOYMENT, Deployed, Wanted, deployed
from flows.read import read_corpus
from tasks.errors import InvalidInput, Transient
from tasks.ingest.watch.state import State, claimed

PLACE = "s3://papers/inbox"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with claimed(tmp_path, PLACE) as held:
        yield held


@pytest.fixture
def client(api: str, tmp_path: Path) -> Iterator[SyncPrefectClient]:
    """Of a server with the deployment that `nightread serve` makes, and nobody who works on its runs."""
    config = asdict(load("tiny", [f"home={tmp_path}"]).reading)
    deployment(read_corpus, {"config": config, **RETIRE}).apply()
    with get_client(sync_client=True) as client:
        yield client
        client.delete_deployment(client.read_deployment_by_name(DEPLOYMENT).id)


def wanted(key: str) -> Wanted:
    return Wanted(PLACE, allow_retire=False, keep_gone=True, key=f"{key} {id(key)}")


def test_a_run_of_a_deployment_is_awaited_and_found_again_by_the_next_watcher(
    client: SyncPrefectClient, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = deployed(DEPLOYMENT, str(tmp_path), state, print)

    def killed(_: Deployed, run: str) -> None:
        raise KeyboardInterrupt

    asked = wanted("first")
    with monkeypatch.context() as patch:
        patch.setattr(Deployed, "_ended", killed)
        for _ in range(2):  # the second: killed before it could note the run
            with pytest.raises(KeyboardInterrupt):
                start(asked)
            run = state.noted("flow run")
            state.note("flow run", "")
    begun = client.read_flow_run(UUID(run))
    assert begun.parameters["uris"] == [PLACE]
    assert begun.parameters["keep_gone"] is True
    assert begun.parameters["config"]["home"] == str(tmp_path)
    assert len([one for one in client.read_flow_runs() if one.idempotency_key == asked.key]) == 1

    state.note("flow run", run)
    client.set_flow_run_state(begun.id, Completed(), force=True)
    assert start(wanted("another"))["run"] == run
    assert state.noted("flow run") == ""


def test_a_run_that_was_cancelled_is_a_failure_to_be_tried_again(
    client: SyncPrefectClient, state: State, tmp_path: Path
) -> None:
    start = deployed(DEPLOYMENT, str(tmp_path), state, print)
    found = client.read_deployment_by_name(DEPLOYMENT)
    flow_run = client.create_flow_run_from_deployment(found.id, parameters={"uris": [PLACE]})
    client.set_flow_run_state(flow_run.id, Cancelled(message="another is running"), force=True)
    state.note("flow run", str(flow_run.id))
    with pytest.raises(Transient, match="Cancelled, another is running"):
        start(wanted("second"))
    assert state.noted("flow run") == ""


def test_a_run_that_nobody_starts_is_told_of(client: SyncPrefectClient, state: State, tmp_path: Path) -> None:
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        client.set_flow_run_state(UUID(state.noted("flow run")), Cancelled(), force=True)

    deployed(DEPLOYMENT, str(tmp_path), state, say)
    with pytest.raises(Transient, match="Cancelled"):
        Deployed(DEPLOYMENT, state, say, patience_s=0)(wanted("third"))
    assert said == ["the run of read/read waits: it needs `nightread serve`, or a worker of its pool"]


def test_a_deployment_that_is_not_there_or_of_another_home_is_refused(
    client: SyncPrefectClient, state: State, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="no such deployment; start `nightread serve`"):
        deployed("read/nowhere", str(tmp_path), state, print)
    with pytest.raises(InvalidInput, match=f"give home={tmp_path}"):
        deployed(DEPLOYMENT, str(tmp_path / "other"), state, print)
