"""Who asks too much, too big or too slowly is refused at once, and nothing of it is told to others."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
from fastapi import FastAPI, Request

from flows.gateway.entrance import connections, limits
from flows.gateway.pool import Pool
from flows.gateway.run import running
from tasks.errors import NightreadError
from tasks.serve.door import Busy
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import Homes, configured

QUESTION = {"question": "Who closed the slipway?"}
WAIT_S = 60.0


def test_a_user_may_make_so_many_requests_a_minute(made: Homes, client: Client) -> None:
    ours = client(made, made.reads, "serve.requests_per_minute=2")
    assert [ours.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
    refused = ours.get("/v1/models")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert 0 < int(refused.headers["retry-after"]) <= 31
    assert ours.get("/v1/models", headers={"Authorization": f"Bearer {made.lab}"}).status_code == 200
    assert [ours.get("/health").status_code for _ in range(5)] == [200] * 5
    strangers = [ours.get("/v1/models", headers={"Authorization": "Bearer nr_x"}) for _ in range(3)]
    assert [one.status_code for one in strangers] == [401, 401, 429]


def test_requests_come_back_with_time() -> None:
    now = [0.0]
    rates = limits.Rates(60, lambda: now[0])
    assert [rates.wait_s("ann") for _ in range(60)] == [0.0] * 60
    assert 0 < rates.wait_s("ann") <= 1
    assert rates.wait_s("ben") == 0
    now[0] += 1.0
    assert rates.wait_s("ann") == 0
    assert rates.wait_s("ann") > 0


def test_only_so_many_are_counted_and_who_asked_last_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KNOWN", 10)
    rates = limits.Rates(2, lambda: 0.0)
    assert [rates.wait_s("ann") for _ in range(3)] == [0.0, 0.0, 30.0]
    for number in range(200):  # all in one moment
        assert rates.wait_s(f"address {number}") == 0.0
        assert rates.wait_s("ann") == 30.0, "who is refused is not forgotten for it"
    assert len(rates._left) == 10
    for number in range(10):
        rates.wait_s(f"address {number}")
    assert rates.wait_s("ann") == 0.0


def test_a_body_that_is_too_large_is_refused_however_it_comes(made: Homes, client: Client) -> None:
    ours = client(made, made.reads, "serve.body_mb=1")

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 65_536

    for content in (b"x" * 1_100_000, parts()):
        refused = ours.post("/v1/recall", content=content)
        assert (refused.status_code, refused.json()["error"]["type"]) == (413, "too_large")
    fits = ours.post("/v1/recall", content=b" " * 900_000 + b'{"question": "rent"}')
    assert fits.status_code == 400, "it is read, and its type is none"
    stranger = client(made).post("/v1/recall", content=b"x" * 70_000)
    assert stranger.status_code == 413


def test_one_more_than_may_wait_is_told_so_at_once() -> None:
    async def crowd() -> None:
        pool, go, started = Pool(queue=1, threads=1), threading.Event(), threading.Event()

        def work() -> str:
            started.set()
            go.wait(WAIT_S)
            return "done"

        async with anyio.create_task_group() as group:
            group.start_soon(pool.run, work)
            group.start_soon(pool.run, work)
            await anyio.to_thread.run_sync(started.wait, WAIT_S)
            with pytest.raises(Busy, match="ask again"):
                await pool.run(work)
            go.set()
        assert await pool.run(work) == "done"

    anyio.run(crowd)


def test_a_full_queue_answers_429_with_when_to_come_again(made: Homes, client: Client) -> None:
    ours = client(made, made.reads)
    assert isinstance(ours.app, FastAPI)
    ours.app.state.doors.pool.held = 10**6
    for path, kind in (("/v1/ask", "busy"), ("/v1/vector_stores/memory/search", "rate_limit_error")):
        refused = ours.post(path, json={**QUESTION, "query": "rent"} if "vector" in path else QUESTION)
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, kind)
        assert refused.headers["retry-after"] == "1"
    stream = {"Accept": "text/event-stream"}
    assert ours.post("/v1/ask", json=QUESTION, headers=stream).status_code == 429


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("[::1]:8320", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8320", 421),
        ("mine.example", 200),
    ],
)
def test_on_loopback_only_our_own_names_are_answered(
    made: Homes, client: Client, host: str, code: int
) -> None:
    ours = client(made, made.reads, "serve.origins=[https://mine.example]")
    assert ours.get("/v1/models", headers={"Host": host}).status_code == code


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8320"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://mine.example", "Sec-Fetch-Site": "cross-site"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_pages_of_other_sites_may_not_ask(
    made: Homes, client: Client, headers: dict[str, str], code: int
) -> None:
    ours = client(made, made.reads, "serve.origins=[https://mine.example]")
    assert ours.post("/v1/ask", json=QUESTION, headers=headers).status_code == code


def test_other_origins_are_closed_by_default_and_open_by_name(made: Homes, client: Client) -> None:
    asks = {"Origin": "https://mine.example", "Access-Control-Request-Method": "POST"}
    closed = client(made, made.reads).get("/v1/models", headers=asks)
    assert "access-control-allow-origin" not in closed.headers
    opened = client(made, "", "serve.origins=[https://mine.example]")
    assert opened.options("/v1/ask", headers=asks).headers["access-control-allow-origin"] == asks["Origin"]
    other = opened.options("/v1/ask", headers={**asks, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_the_log_tells_the_route_and_no_words(
    made: Homes, client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("nightread.gateway"), "propagate", True)
    caplog.set_level(logging.INFO, "nightread.gateway")
    ours = client(made, made.reads)
    app = ours.app
    assert isinstance(app, FastAPI)

    @app.get("/broken")
    def broken(request: Request) -> None:
        raise RuntimeError("the vault opens with 4711")

    @app.get("/failed")
    def failed(request: Request) -> None:
        raise NightreadError(f"nothing is left in {made.home}")

    ours.post("/v1/ask", json=QUESTION)
    ours.get("/v1/documents", params={"uri": "lease.txt"})
    ours.get("/v1/records/lease-0")
    answer = ours.get("/broken", params={"secret": "word"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "internal")
    assert "4711" not in answer.text
    assert "nothing is left in home" in ours.get("/failed").text
    said = "\n".join(record.getMessage() for record in caplog.records)
    ident = answer.headers["x-request-id"]
    assert "POST /v1/ask 200" in said
    assert "GET /v1/records/{ident} 200" in said
    assert f"request {ident} failed: RuntimeError" in said
    for word in ("slipway", "lease", "4711", "secret", "word", made.reads, "nr_"):
        assert word not in said
    assert not [record for record in caplog.records if record.exc_info]


def closed_by(url: str, sent: bytes) -> bytes:
    """Whatever a gateway answers to what never ends, until it closes the connection."""
    at = urlsplit(url)
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=WAIT_S) as connection:
        connection.sendall(sent)
        received = b""
        while some := connection.recv(65_536):
            received += some
    return received


def test_clients_that_send_too_slowly_are_let_go(made: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_S", 0.3)
    monkeypatch.setattr(limits, "BODY_S", 0.3)
    ask = f"POST /v1/ask HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {made.reads}\r\n"
    with running(configured(made.home, "serve.port=0")) as url:
        assert closed_by(url, b"") == b""
        assert closed_by(url, ask.encode()) == b""
        late = closed_by(url, f'{ask}Connection: close\r\nContent-Length: 50\r\n\r\n{{"qu'.encode())
        assert late.startswith(b"HTTP/1.1 408")
        assert b"too_slow" in late


def test_what_is_no_http_harms_nothing(served: str, made: Homes) -> None:
    for sent in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 100_000, b"\r\n" * 50):
        at = urlsplit(served)
        with socket.create_connection((at.hostname or "", at.port or 0), timeout=WAIT_S) as connection:
            connection.sendall(sent)
    health = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert closed_by(served, health).startswith(b"HTTP/1.1 200")


def test_paths_lead_nowhere_else(made: Homes, client: Client) -> None:
    ours = client(made, made.writes)
    secret = (made.home / "tokens.json").read_text()[:40]
    steps = (
        "..",
        "%2e%2e",
        "..%2f..%2ftokens.json",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "a%00b",
        "\\..\\x",
        "~",
    )
    for where in ("/v1/documents/{}/text?start=0&end=9", "/v1/documents/{}", "/v1/records/{}", "/v1/runs/{}"):
        for step in steps:
            answer = ours.get(where.format(step))
            assert answer.status_code in (200, 400, 404, 405), (where, step)
            assert secret not in answer.text
            assert "root:" not in answer.text
    for step in (*steps, ".hidden", "x" * 201):
        for method in ("GET", "DELETE"):
            assert ours.request(method, f"/v1/sessions/{step}").status_code in (200, 400, 404, 405)
    assert Path(made.home / "tokens.json").exists()
