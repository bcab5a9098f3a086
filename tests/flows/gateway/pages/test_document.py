"""The page of a document: quick whatever its sources do, and nothing for what there is not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from flows.gateway.app import gateway
from flows.gateway.doors import FROM_SOURCES
from tasks.memory.reader import open_memory
from tasks.recall.view.opened import MOST_SOURCES
from tasks.recall.view.pages.drawer import drawer
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


def test_who_waits_for_pictures_holds_up_no_question(town: Town) -> None:
    memory = open_memory(Path(town.config.home))
    (pdf,) = (row["document"] for row in memory.sources.to_pylist() if row["uri"].endswith("minutes.pdf"))
    picture = f"/document/{pdf}/page/1.png"
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
            shown = client.get(f"/document/{pdf}", params={"start": 0, "end": 40})
            assert shown.status_code == 200
            assert "Minutes of the harbour council" in shown.text
            assert "cannot be reached just now" in shown.text
        drawn = [one.result(WAIT_S) for one in waiting]
    assert {(one.status_code, one.headers["content-type"]) for one in drawn} == {(200, "image/png")}


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
