"""`nightread deploy` against a real Prefect server: what is set up, changed and refused; missed nights."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.states import Pending, Running, Scheduled

from flows.cli import main
from flows.config import load
from flows.deployments.automations import SILENCES, crash, put
from flows.deployments.deploy import Nightly, deploy_all, local_timezone
from flows.deployments.missed import tag, why
from tasks.errors import InvalidInput
from tests.infra.nights import until

NIGHT = Nightly("0 2 * * *", "Europe/Berlin", "once")


def deploy(tmp_path: Path, model: Path, nightly: Nightly = NIGHT, *settings: str) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir(exist_ok=True)
    (corpus / "lease.txt").write_text("The tenant pays a rent of 1,450 euros.")
    config = load("tiny", [f"home={tmp_path / 'home'}", f"infer.model={model}", *settings])
    deploy_all(config, [str(corpus)], nightly)


def test_the_nightly_read_has_its_corpus_schedule_and_settings_and_never_overlaps(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    deploy(tmp_path, tiny_model_dir)
    with get_client(sync_client=True) as client:
        waiting = _automations(client)
        deploy(tmp_path, tiny_model_dir, Nightly("30 1 * * 1-5", "UTC", "skip"), "infer.summary_words=90")
        night = client.read_deployment_by_name("read/nightly")
        (schedule,) = client.read_deployment_schedules(night.id)
        assert (night.entrypoint, night.work_pool_name) == ("flows.read.read_corpus", "nightread")
        assert (night.parameters["uris"], night.parameters["config"]["infer"]["summary_words"]) == (
            [str(tmp_path / "corpus")],
            90,
        )
        assert schedule.active
        assert (schedule.schedule.cron, schedule.schedule.timezone) == ("30 1 * * 1-5", "UTC")  # type: ignore[union-attr]
        assert night.global_concurrency_limit
        assert night.global_concurrency_limit.limit == 1
        assert night.concurrency_options
        assert night.concurrency_options.collision_strategy == "CANCEL_NEW"
        assert tag("skip") in night.tags
        assert "uris" not in client.read_deployment_by_name("read/read").parameters
        upkeep = client.read_deployment_by_name("upkeep/upkeep")
        assert upkeep.parameters["config"]["home"] == str(tmp_path / "home")
        assert len(waiting) == len(SILENCES)
        assert _automations(client) == waiting  # with the runs that they wait for


def _automations(client: SyncPrefectClient) -> list[UUID]:
    return [one.id for silence in SILENCES for one in client.read_automations_by_name(silence.name)]


def test_a_notification_block_is_told_of_failed_runs_until_it_is_left_out(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    block = {"name": "night", "url": "https://hooks.example.org/x"}
    CustomWebhookNotificationBlock.model_validate(block).save("night", overwrite=True)
    deploy(tmp_path, tiny_model_dir, Nightly("0 2 * * *", "UTC", "once", "custom-webhook/night"))
    name = "nightread: tell that a run failed"
    with get_client(sync_client=True) as client:
        assert len(client.read_automations_by_name(name)) == 1
        deploy(tmp_path, tiny_model_dir)
        assert client.read_automations_by_name(name) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Nightly("at two", "UTC", "once"), '--cron "at two": not a cron expression; "0 2 \\* \\* \\*" is 2'),
        (Nightly("0 2 * * *", "Mars/Olympus", "once"), "--timezone Mars/Olympus: no such time zone"),
        (
            Nightly("0 2 * * *", "UTC", "once", "slack-webhook/none"),
            "--notify slack-webhook/none: the server",
        ),
    ],
)
def test_what_names_nothing_is_refused_before_anything_is_set_up(
    tmp_path: Path, tiny_model_dir: Path, wrong: Nightly, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        deploy(tmp_path, tiny_model_dir, wrong)


def test_without_a_server_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    assert main(["deploy", str(tmp_path), f"home={tmp_path / 'home'}"]) == 2
    assert "needs a Prefect server that stays: `prefect server start` in another" in capsys.readouterr().err


def test_the_server_crashes_runs_that_died_before_their_first_sign_of_life() -> None:
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow_from_name("read"), "silent")
        for silence in SILENCES:
            soon = replace(silence, within=timedelta(seconds=10))  # no server waits for less
            put(client, silence.name, crash(soon, [f"prefect.deployment.{deployment}"]))
        begun, not_begun = (client.create_flow_run_from_deployment(deployment) for _ in range(2))
        client.set_flow_run_state(begun.id, Pending())
        client.set_flow_run_state(begun.id, Running())
        client.set_flow_run_state(not_begun.id, Pending())

        def crashed() -> bool | None:
            states = [client.read_flow_run(run.id).state_name for run in (begun, not_begun)]
            return states == ["Crashed", "Crashed"] or None

        until(crashed, "a run is left")


def _due(client: SyncPrefectClient, hours: float) -> tuple[datetime, str]:
    """A run of the nightly deployment that was due so many hours ago: when, and its deployment."""
    night = client.read_deployment_by_name("read/nightly")
    due = datetime.now(UTC) - timedelta(hours=hours)
    client.create_flow_run_from_deployment(night.id, state=Scheduled(scheduled_time=due))
    return due, str(night.id)


def test_one_read_catches_up_with_all_missed_nights_and_none_with_skip(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    deploy(tmp_path, tiny_model_dir)
    now = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        first, night = _due(client, 50)
        last, night = _due(client, 2)
        assert "is waiting too, and reads the same" in why(first, now, [tag("once")], night)
        assert why(last, now, [tag("once")], night) == ""
        assert "2.0 hours ago, and missed nights are skipped" in why(last, now, [tag("skip")], night)
        assert why(now - timedelta(minutes=20), now, [tag("skip")], night) == ""


def test_the_time_zone_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    assert local_timezone() == "Asia/Shanghai"
    monkeypatch.setenv("TZ", "nowhere")
    assert local_timezone() == "UTC"
