"""The deployment that is shipped names a flow that exists, with parameters that it takes."""

import inspect
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / "infra" / "prefect.yaml"


def deployment() -> dict[str, Any]:
    (only,) = yaml.safe_load(FILE.read_text())["deployments"]
    return dict(only)


def test_the_entry_point_is_the_flow_by_its_module() -> None:
    from prefect.flows import Flow, load_flow_from_entrypoint

    from flows.read import read_corpus

    flow: Flow[Any, Any] = load_flow_from_entrypoint(deployment()["entrypoint"])
    assert flow is read_corpus


def test_its_parameters_are_accepted_by_the_flow() -> None:
    from flows.config import ReadConfig
    from flows.read import read_corpus

    given = deployment()["parameters"]
    assert set(given) <= set(inspect.signature(read_corpus.fn).parameters)
    # as the UI's form sends a configuration: nested, and only what was filled in
    sent = read_corpus.validate_parameters(given | {"config": {"home": "h", "infer": {"summary_words": 90}}})
    assert isinstance(sent["config"], ReadConfig)
    assert (sent["config"].home, sent["config"].infer.summary_words) == ("h", 90)


def test_two_runs_never_overlap() -> None:
    assert deployment()["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
