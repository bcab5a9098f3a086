"""The shipped deployment: its schedule fires, and a run that died does not stop the next one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.states import Cancelling, Pending

from flows.deployments.crashed import mark_crashed
from flows.server import prefect_api, reread
from tests.flows.corpus import story
from tests.infra.nights import Nights, deploy, until, worker


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
def settings(tmp_path: Path, tiny_model_dir: Path) -> list[str]:
    return [f"home={tmp_path / 'home'}", f"infer.model={tiny_model_dir}"]


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_the_schedule_fires_and_a_run_that_died_does_not_stop_the_next_one(
    tmp_path: Path, settings: list[str], corpus: Path
) -> None:
    home = tmp_path / "home"
    with prefect_api(tmp_path), get_client(sync_client=True) as client:
        deploy(corpus, *settings)
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
    tmp_path: Path, settings: list[str], corpus: Path
) -> None:
    with prefect_api(tmp_path), get_client(sync_client=True) as client:
        deploy(corpus, *settings)
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
