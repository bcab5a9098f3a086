"""Tokens: shown once, kept as hashes, taken back; and who is asked for one."""

import json
import stat
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response

from flows.cli import main
from flows.gateway import tokens
from flows.gateway.caller import COOKIE, sign_in, sign_out
from tasks.errors import InvalidInput
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import Homes

Capture = pytest.CaptureFixture[str]


def test_a_token_is_shown_once_and_kept_as_its_hash(tmp_path: Path, capsys: Capture) -> None:
    home = tmp_path / "home"
    assert main(["token", f"home={home}"]) == 0
    assert "no token is asked for" in capsys.readouterr().out
    assert main(["token", "add", "ann", "--tenant", "lab", "--may", "write", "--json", f"home={home}"]) == 0
    token, line, told = capsys.readouterr().out.splitlines()
    assert token == json.loads(told)["token"]
    assert line.endswith("ann of tenant lab may write; the token is not shown again")
    file = home / "tokens.json"
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = tokens.Tokens(home).grant_of(token)
    assert found is not None
    assert (found.user, found.tenant, found.may) == ("ann", "lab", "write")
    assert tokens.Tokens(home).grant_of(token[:-1]) is None


def test_tokens_are_listed_and_taken_back(tmp_path: Path, capsys: Capture) -> None:
    known = tokens.Tokens(tmp_path)
    grants = [
        tokens.add(tmp_path, user, tenant) for user, tenant in (("ann", ""), ("ann", "lab"), ("ben", ""))
    ]
    assert main(["token", "list", f"home={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert all(grant.id in said and secret not in said for grant, secret in grants)
    assert main(["token", "remove", "ann", "--tenant", "lab", f"home={tmp_path}"]) == 0
    assert [known.grant_of(secret) is None for _, secret in grants] == [False, True, False]
    assert main(["token", "remove", grants[2][0].id, f"home={tmp_path}"]) == 0
    assert main(["token", "remove", "ann", f"home={tmp_path}"]) == 0
    assert known.are_asked_for, "to take back the last one lets nobody in"
    assert main(["token", "remove", "ann", f"home={tmp_path}"]) == 2
    assert "no such user or id" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../lab", "a/b", "", ".lab", "a\nb", "x" * 300])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="user"):
        tokens.add(tmp_path, name)
    if name:
        with pytest.raises(InvalidInput, match="tenant"):
            tokens.add(tmp_path, "ann", name)


def test_who_has_no_token_is_refused_where_one_is_asked_for(made: Homes, client: Client) -> None:
    for token in ("", "nr_wrong", made.reads + "x"):
        answer = client(made, token).get("/v1/runs")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        error = answer.json()["error"]
        assert error["type"] == "unauthenticated"
        assert "nightread token add" in error["message"]
        assert error["request_id"] == answer.headers["x-request-id"]
    assert client(made).get("/health").json() == {"status": "ok"}


def test_without_tokens_whoever_is_on_this_machine_may_write(own: Homes, client: Client) -> None:
    (own.home / "tokens.json").unlink()
    assert client(own).get("/v1/sessions").status_code == 200
    assert client(own).delete("/v1/sessions/none").status_code == 404
    beyond = client(own, "", "serve.host=0.0.0.0")
    assert beyond.get("/v1/sessions").status_code == 401


def test_a_token_that_was_removed_opens_nothing_any_more(own: Homes, client: Client) -> None:
    ours = client(own, own.reads)
    assert ours.get("/v1/runs").status_code == 200
    tokens.remove(own.home, "ann")
    assert ours.get("/v1/runs").status_code == 401


def test_a_torn_file_of_tokens_lets_nobody_in(own: Homes, client: Client) -> None:
    (own.home / "tokens.json").write_text('{"tokens": [')
    assert client(own).get("/v1/runs").status_code == 401
    answer = client(own, own.reads).get("/v1/runs")
    assert (answer.status_code, str(own.home) in answer.text) == (400, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/runs"),
        ("POST", "/v1/quarantine/retry"),
        ("POST", "/v1/forget"),
        ("DELETE", "/v1/sessions/x"),
    ],
)
def test_who_may_read_only_changes_nothing(made: Homes, client: Client, method: str, path: str) -> None:
    body = {"/v1/runs": {"uris": ["/docs"]}, "/v1/forget": {"names": ["/docs/ship.txt"], "confirm": True}}
    answer = client(made, made.reads).request(method, path, json=body.get(path))
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")


def test_a_browser_signs_in_and_out(made: Homes, client: Client) -> None:
    browser = client(made)
    app = browser.app
    assert isinstance(app, FastAPI)

    @app.post("/in")
    def enter(token: str, request: Request, response: Response) -> str:
        return sign_in(request, response, token).user

    @app.post("/out")
    def leave(response: Response) -> None:
        sign_out(response)

    assert browser.post("/in", params={"token": "nr_wrong"}).status_code == 401
    answer = browser.post("/in", params={"token": made.reads})
    assert answer.json() == "ann"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=nr_")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert browser.get("/v1/runs").status_code == 200
    wrong = {"Authorization": "Bearer nr_wrong"}
    assert browser.get("/v1/runs", headers=wrong).status_code == 401, "a header counts more than a cookie"
    browser.post("/out")
    assert browser.get("/v1/runs").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}, {"Host": "memory.example"}],
)
def test_without_tokens_nobody_comes_in_through_a_proxy(
    own: Homes, client: Client, headers: dict[str, str]
) -> None:
    (own.home / "tokens.json").unlink()
    here = client(own, "", "serve.origins=[https://memory.example]")
    assert here.get("/v1/runs").status_code == 200
    assert here.get("/v1/runs", headers=headers).status_code == 401


def test_another_site_may_lead_here_and_embed_nothing(own: Homes, client: Client) -> None:
    (own.home / "tokens.json").unlink()
    here = client(own, "", "serve.origins=[https://memory.example]")
    site = {"Sec-Fetch-Site": "cross-site"}
    assert here.get("/v1/runs", headers={**site, "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert here.get("/v1/runs", headers={**site, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    allowed = {**site, "Sec-Fetch-Mode": "cors", "Origin": "https://memory.example"}
    assert here.get("/v1/runs", headers=allowed).status_code == 200
    assert here.post("/v1/ask", json={}, headers={"Origin": "http://["}).status_code == 403
