"""The shipped deployment: its schedule fires, and a run that died does not stop the next one.

Run: pytest tests/flows/deployments/test_nightly.py (-m slow for runs that die or are cancelled, 5 minutes)
"""

from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelling

from tests.flows.corpus import story
from tests.infra.nights import Nights, deploy, killed, until, worker


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """One document, long enough that its reading can be stopped."""
    return written(tmp_path / "corpus", 1500)


def written(folder: Path, stories: int) -> Path:
    folder.mkdir()
    (folder / "report.txt").write_text("\n".join(story(number) for number in range(stories)))
    return folder


@pytest.fixture
def settings(tmp_path: Path, tiny_model_dir: Path) -> list[str]:
    return [f"home={tmp_path / 'home'}", f"infer.model={tiny_model_dir}"]


def test_the_schedule_fires_and_a_worker_reads(tmp_path: Path, settings: list[str]) -> None:
    with get_client(sync_client=True) as client:
        deploy(written(tmp_path / "corpus", 30), *settings)
        nights = Nights(client, tmp_path / "home")
        with worker():
            assert nights.becomes(nights.running(), "Completed", "Failed", "Crashed") == "Completed"
        assert nights.statuses() == ["published"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_schedule_fires_and_a_run_that_died_does_not_stop_the_next_one(
    tmp_path: Path, settings: list[str], corpus: Path
) -> None:
    home = tmp_path / "home"
    with get_client(sync_client=True) as client:
        deploy(corpus, *settings)
        nights = Nights(client, home)
        assert nights.deployment.entrypoint == "flows.read.read_corpus"
        options = nights.deployment.concurrency_options
        assert options
        assert options.collision_strategy == "CANCEL_NEW"
        with worker() as working:
            died = nights.running()
            reading = nights.process(died)
            assert reading
            killed(working, reading)
        until(lambda: nights.statuses() == ["crashed"] or None, "it lives")
        assert client.read_flow_run(died.id).state_name == "Running"
        assert nights.slots_taken == 1
        (corpus / "report.txt").write_text(story(1))
        with worker():
            assert nights.becomes(died, "Crashed")  # by the worker: no other run has begun
            assert nights.slots_taken == 0
            nights.schedule(True)
            finished = nights.running()
            assert nights.becomes(finished, "Completed", "Failed", "Crashed", "Cancelled") == "Completed"
        assert nights.statuses() == ["crashed", "published"]


@pytest.mark.slow
def test_a_run_that_is_cancelled_in_prefect_is_cancelled_in_the_ledger(
    tmp_path: Path, settings: list[str], corpus: Path
) -> None:
    with get_client(sync_client=True) as client:
        deploy(corpus, *settings)
        nights = Nights(client, tmp_path / "home")
        with worker():
            stopped = nights.running()
            client.set_flow_run_state(stopped.id, Cancelling())
            nights.becomes(stopped, "Cancelled")
            assert nights.statuses() == ["cancelled"]
        assert nights.slots_taken == 0
