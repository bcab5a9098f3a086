"""Runs are started through a real Prefect server, with the home of whoever asks.

Run: pytest -m slow tests/flows/gateway/service/test_flow_runs.py
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tasks.runs.ledger import Ledger, ledger_path
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import Homes

pytestmark = [pytest.mark.slow, pytest.mark.heavy]


def parameters_of(flow_run: str) -> dict[str, Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found: dict[str, Any] = client.read_flow_run(UUID(flow_run)).parameters
    return found


def test_runs_are_started_with_the_home_of_whoever_asks(
    own: Homes, client: Client, api: str, tmp_path: Path
) -> None:
    ours, theirs = client(own, own.writes), client(own, own.lab)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "torn.pdf").write_text("%PDF")
    body = {"uris": [str(corpus)]}
    for none in (ours.post("/v1/runs", json=body), ours.post("/v1/quarantine/retry")):
        assert (none.status_code, "no deployment read/read" in none.text) == (503, True)
    assert ours.get("/v1/quarantine").json()["documents"], "it stays as it was"

    from flows.deployments.deployment import deployment, parameters
    from flows.read import read_corpus

    deployment(read_corpus, parameters(own.config)[0]).apply()
    (run,) = ours.post("/v1/runs", json=body).json()["flow_runs"]
    given = parameters_of(run)
    assert (given["uris"], given["config"]["home"]) == ([str(corpus)], str(own.home))
    assert ours.post("/v1/runs", json={"uris": [str(tmp_path / "no")]}).status_code == 400

    assert theirs.post("/v1/runs", json=body).status_code == 403
    lab = own.home / "tenants" / "lab"
    with Ledger(ledger_path(lab)) as ledger:
        ledger.start_run("r2", [str(corpus)], "{}")
        ledger.finish_run("r2", "published", "{}")
    (run,) = theirs.post("/v1/runs", json=body).json()["flow_runs"]
    assert parameters_of(run)["config"]["home"] == str(lab)


def test_what_is_in_quarantine_is_tried_again(own: Homes, client: Client, api: str, tmp_path: Path) -> None:
    from flows.deployments.deployment import deployment, parameters
    from flows.read import read_corpus

    deployment(read_corpus, parameters(own.config)[0]).apply()
    torn = tmp_path / "corpus" / "torn.pdf"
    torn.parent.mkdir()
    torn.write_text("%PDF")
    with Ledger(ledger_path(own.home)) as ledger:
        ledger.start_run("r2", [str(torn.parent)], "{}")
        ledger.finish_run("r2", "published", json.dumps({}))
        (held,) = ledger.quarantined()
        ledger.release([held["uri"]])
        ledger.quarantine("r2", [{**held, "uri": str(torn)}])
    ours = client(own, own.writes)
    assert len(ours.get("/v1/quarantine").json()["documents"]) == 1
    (run,) = ours.post("/v1/quarantine/retry").json()["flow_runs"]
    assert parameters_of(run)["uris"] == [str(torn.parent)]
    assert ours.get("/v1/quarantine").json()["documents"] == []
    assert "nothing to read again" in ours.post("/v1/quarantine/retry").text
