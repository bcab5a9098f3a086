"""Whatever is sent: no failure inside, nothing of another tenant, and no change by who may not change.

Run: pytest tests/flows/gateway/test_attack.py (-m slow: 10,000 requests)
"""

import json
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.gateway.pages.router import PAGES, router
from tests.flows.gateway.arbitrary import Sent, requests
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import SHIP, Homes
from tests.marks import slow

HERE = "http://127.0.0.1:8320"
PATIENT = "serve.requests_per_minute=100000000"
UNAVAILABLE = ("/v1/runs", "/v1/quarantine/retry", "/v1/chat/completions", "/unread")
"""What wants Prefect, or a reader, and has none here."""
SECRETS = {"lab": "4711", "": SHIP[0]}
"""Words of each tenant that no other may see."""


def contents(home: Path) -> Mapping[str, bytes]:
    """Every file below a home but SQLite's own beside its file, and the homes of tenants."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.suffix not in (".sqlite-wal", ".sqlite-shm")
        if path.relative_to(home).parts[0] != "tenants"
    }


def with_pages(described: dict[str, Any]) -> dict[str, Any]:
    """The description of the API and of the pages, which a gateway does not describe."""
    routers = (*(page.router for page in PAGES), router)
    shown = [copy(one) for its in routers for one in its.routes if isinstance(one, APIRoute)]
    for route in shown:
        route.include_in_schema = True
    paths = get_openapi(title="pages", version="1", routes=shown)["paths"]
    assert {"/", "/answers", "/document/{ident}", "/sign-in", "/unread", "/static/{name}"} <= set(paths)
    return {**described, "paths": {**described["paths"], **paths}}


@pytest.mark.parametrize("examples", [150, *slow(10_000)])
def test_arbitrary_requests_fail_nowhere_and_change_nothing(
    own: Homes, client: Client, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    clients = {name: client(own, getattr(own, name, ""), PATIENT) for name in ("reads", "lab", "nobody")}
    described = with_pages(clients["nobody"].get("/openapi.json").json())
    before, statuses = contents(own.home), dict[int, int]()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests(described), st.sampled_from(sorted(clients)))
    def sent(wanted: Sent, name: str) -> None:
        answer = clients[name].request(
            wanted.method,
            f"{HERE}{wanted.path}",
            params=wanted.query,
            headers=dict(wanted.headers),
            content=b"" if wanted.body is None else json.dumps(wanted.body).encode("utf-8", "replace"),
        )
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        check(name, wanted, answer)

    sent()
    print(statuses)
    assert contents(own.home) == before
    assert statuses.get(200, 0) > examples / 20, statuses
    assert {400, 401, 404} <= set(statuses), statuses


def check(name: str, wanted: Sent, answer: Any) -> None:
    """What must hold of every answer."""
    if answer.status_code == 503:
        assert wanted.path.startswith(UNAVAILABLE), (wanted, answer.text)
    else:
        assert answer.status_code < 500, (wanted, answer.text)
    if answer.status_code >= 400 and (wanted.path.startswith("/v1/") or is_json(answer)):
        error = answer.json()["error"]
        assert error["type"]
        assert error["message"]
        assert error["request_id"] == answer.headers["x-request-id"]
    hidden = SECRETS[""] if name == "lab" else SECRETS["lab"]
    assert hidden not in answer.text, wanted
    if name == "nobody":
        assert answer.status_code in (200, 401, 404, 405, 400), wanted
        assert SECRETS[""] not in answer.text, wanted


def is_json(answer: Any) -> bool:
    """Whether it is for a program: the pages tell people what is wrong in their own way."""
    return str(answer.headers.get("content-type", "")).startswith("application/json")


@pytest.mark.parametrize(
    "filters",
    [
        {"document": "x') OR level IN ('passage"},
        {"entity": "' OR '1'='1"},
        {"date": "2024-03' OR"},
        {"label": "') OR ('1'='1"},
        {"level": "passage' OR '1'='1"},
        {"as_of": "r1'; DROP TABLE records; --"},
    ],
)
def test_filters_are_values_and_no_conditions(made: Homes, client: Client, filters: dict[str, str]) -> None:
    ours = client(made, made.reads)
    answer = ours.post("/v1/recall", json={"question": "rent of the mill", **filters})
    assert answer.status_code == 400 or answer.json()["hits"] == []
    assert ours.post("/v1/recall", json={"question": "rent of the mill"}).json()["hits"]
