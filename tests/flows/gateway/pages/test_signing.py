"""Who is not known signs in, sees that they are, and signs out; no other site does it for them."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from flows.gateway.app import gateway
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import Homes

HERE = {"Origin": "http://127.0.0.1:8320"}
OUT = 'action="/sign-out"'


@pytest.fixture
def local(made: Homes) -> Iterator[TestClient]:
    with TestClient(gateway(made.config), "http://127.0.0.1:8320", follow_redirects=False) as client:
        yield client


def test_whoever_is_not_known_signs_in_and_comes_back(made: Homes, local: TestClient) -> None:
    asked = local.get("/?q=rent")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?to=/%3Fq%3Drent")
    assert local.get(asked.headers["location"]).status_code == 200
    wrong = local.post("/sign-in", data={"token": "nr_wrong", "to": "/"})
    assert (wrong.status_code, "not known" in wrong.text) == (401, True)
    good = local.post("/sign-in", data={"token": made.reads, "to": "//elsewhere.example/"})
    assert (good.status_code, good.headers["location"]) == (303, "/")
    assert "HttpOnly" in good.headers["set-cookie"]
    assert "900 euros" in local.get("/?q=What+rent+does+the+tenant+pay%3F").text
    refused = local.post("/unread", headers=HERE)
    assert (refused.status_code, "may read only" in refused.text) == (403, True)
    assert local.post("/unread", headers={"Origin": "http://elsewhere.example"}).status_code == 403


def test_whoever_signed_in_signs_out(made: Homes, local: TestClient) -> None:
    assert OUT not in local.get("/sign-in").text
    local.post("/sign-in", data={"token": made.reads})
    assert OUT in local.get("/").text
    for elsewhere in ({"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert local.post("/sign-out", headers=elsewhere).status_code == 403
        assert local.get("/runs").status_code == 200
    assert local.get("/sign-out").status_code == 405
    left = local.post("/sign-out", headers=HERE)
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert left.headers["clear-site-data"] == '"cache"', "or pictures would open from it"
    assert not local.cookies
    assert local.get("/runs").headers["location"] == "/sign-in?to=/runs"


def test_who_has_nothing_to_sign_out_of_is_offered_nothing(made: Homes, client: Client) -> None:
    assert OUT not in client(made, made.reads).get("/").text
    forged = client(made)
    forged.cookies.set("nightread", "nr_wrong")
    assert OUT not in forged.get("/sign-in").text
