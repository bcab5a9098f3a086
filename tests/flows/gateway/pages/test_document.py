"""The page of a document: quick whatever its sources do, and nothing for what there is not."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from flows.gateway.app import gateway
from flows.gateway.doors import FROM_SOURCES
from flows.gateway.pages import document
from tasks.errors import InvalidInput, Transient
from tasks.memory.reader import open_memory
from tasks.recall.view.opened import MOST_SOURCES
from tasks.recall.view.pages.drawer import drawer
from tasks.settings import StorageConfig
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import LEASE, Homes, configured, remember
from tests.flows.gateway.pages.conftest import Town
from tests.flows.gateway.pages.test_search import RENT

HERE = "http://127.0.0.1:8320"
WAIT_S = 120.0


def until(held: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    end = monotonic() + WAIT_S
    while not held():
        assert monotonic() < end
        sleep(0.01)


def minutes(town: Town) -> str:
    """The address of a document whose source is a PDF."""
    memory = open_memory(Path(town.config.home))
    (pdf,) = (row["document"] for row in memory.sources.to_pylist() if row["uri"].endswith("minutes.pdf"))
    return f"/document/{pdf}"


def shown_without_its_source(client: TestClient, path: str) -> bool:
    shown = client.get(path, params={"start": 0, "end": 40})
    assert shown.status_code == 200
    assert "Minutes of the harbour council" in shown.text
    return "cannot be reached just now" in shown.text and "<svg" not in shown.text


@pytest.fixture
def here(town: Town) -> Iterator[TestClient]:
    with TestClient(gateway(town.config), HERE) as client:
        yield client


def test_who_waits_for_pictures_holds_up_no_question(town: Town) -> None:
    picture = f"{minutes(town)}/page/1.png"
    few = replace(town.config, serve=replace(town.config.serve, queue=1))
    with TestClient(gateway(few), HERE) as client, ThreadPoolExecutor(FROM_SOURCES + 1) as threads:
        assert isinstance(client.app, FastAPI)
        sources = client.app.state.doors.sources
        with drawer()._lock:  # as while a page is drawn that takes long
            waiting = [threads.submit(client.get, picture) for _ in range(FROM_SOURCES + 1)]
            until(lambda: sources.held == FROM_SOURCES + 1)
            refused = client.get(picture)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert "1,700 euros" in client.get("/", params={"q": RENT}).text
        drawn = [one.result(WAIT_S) for one in waiting]
    assert {(one.status_code, one.headers["content-type"]) for one in drawn} == {(200, "image/png")}


def test_a_text_is_shown_while_others_wait_for_their_sources(
    town: Town, here: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "PATIENCE_S", WAIT_S)  # it is not what ends the wait
    assert isinstance(here.app, FastAPI)
    sources, began = here.app.state.doors.sources, monotonic()
    with ThreadPoolExecutor(FROM_SOURCES) as threads, drawer()._lock:
        for _ in range(FROM_SOURCES):
            threads.submit(here.get, f"{minutes(town)}/page/1.png")
        until(lambda: sources.held == FROM_SOURCES)
        assert shown_without_its_source(here, minutes(town))
    assert monotonic() - began < WAIT_S


def test_a_text_is_shown_where_its_own_sources_take_long(
    town: Town, here: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "PATIENCE_S", 0.1)
    assert isinstance(here.app, FastAPI)
    sources = here.app.state.doors.sources
    with drawer()._lock:
        for late in range(1, FROM_SOURCES + 2):
            assert shown_without_its_source(here, minutes(town))
            assert sources.held == min(late, FROM_SOURCES)  # who is late keeps a thread, and no more begin
    until(lambda: sources.held == 0)
    monkeypatch.setattr(document, "PATIENCE_S", WAIT_S)
    assert not shown_without_its_source(here, minutes(town))


@pytest.mark.parametrize("error", [Transient, InvalidInput])
def test_a_text_is_shown_where_its_store_fails_while_a_page_is_drawn(
    town: Town, here: TestClient, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(uri: str, storage: StorageConfig) -> None:
        raise error(f"{uri}: no answer")

    monkeypatch.setattr("tasks.recall.view.pages.drawer.find", fails)
    assert shown_without_its_source(here, minutes(town))


def test_a_document_of_many_sources_shows_some_and_counts_the_others(tmp_path: Path, client: Client) -> None:
    remember(tmp_path / "home", {"lease": LEASE}, copies=MOST_SOURCES + 4)
    here = client(Homes(configured(tmp_path / "home"), "", "", ""))
    shown = here.get("/document/lease", params={"start": 0, "end": 10}).text
    assert shown.count("<bdi>/docs/lease") == MOST_SOURCES
    assert "and 5 more sources with the same text" in shown


@pytest.mark.parametrize(
    "path",
    [
        *("/document/nowhere", "/document/nowhere/page/1.png", "/document/lease/page/1.png"),
        *("/record/nowhere", "/record/nowhere/below", "/runs/nowhere"),
    ],
)
def test_what_is_not_there_is_not_found(made: Homes, client: Client, path: str) -> None:
    answer = client(made, made.reads).get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
