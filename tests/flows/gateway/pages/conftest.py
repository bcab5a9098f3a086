"""What tests of the pages share: a town's papers that were read on two nights, a gateway, and a browser.

The browser is Chromium as the system packages it; where there is none, its tests skip themselves.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from flows.config import RunConfig
from flows.gateway.app import gateway
from tasks.ingest.ipc import free_port
from tests.flows.corpus import tiny
from tests.flows.gateway.pages import corpus
from tests.models import shallow_embedder
from tests.tasks.relate.reading import read

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WAIT_MS = 60_000
"""How long a browser waits for what it expects: a machine may be busy."""
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass(frozen=True)
class Town:
    """A corpus that was read twice, and the addresses of a gateway that shows it."""

    folder: Path
    config: RunConfig
    outcomes: list[dict[str, Any]]
    url: str


@contextmanager
def served(config: RunConfig) -> Iterator[str]:
    """The address of a real server of this gateway, in a thread."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(gateway(config), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended before it was up"
            thread.join(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def town(
    embedder_dir: Path, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """The papers after the second night."""
    root = tmp_path_factory.mktemp("town")
    folder = root / "papers"
    embedder = shallow_embedder(root / "embedder", embedder_dir)
    how = (f"infer.embedder={embedder}", "serve.requests_per_minute=100000")
    config = tiny(root / "home", tiny_model_dir, *how)
    outcomes = []
    for night in (corpus.first_night, corpus.second_night):
        night(folder)
        outcomes.append(read(config, folder))
    with served(config) as url:
        yield Town(folder, config, outcomes, url)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window. In the block an event loop runs in this thread: what starts one of its own,
    as Prefect and Dask do, stands outside."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium(processes: None, town: Town) -> Iterator[Browser]:
    """A browser for the tests of one file: it ends before others start what has a loop of its own, and starts
    behind the reads of the town."""
    with browser() as chromium:
        yield chromium


class Watched:
    """A page, and all that its console said and it asked elsewhere."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page, self.url = context.new_page(), url
        self.said: list[str] = []
        self.strange: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(f"{self.url}/"):
            self.strange.append(request.url)

    def goto(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page


Open = Callable[..., Watched]


@pytest.fixture(scope="module")
def plain(chromium: Browser, town: Town) -> Iterator[Watched]:
    """A page that the tests of one file share: to open one takes a second of a processor."""
    shared = _opened(chromium, town)
    yield shared
    shared.page.context.close()


@pytest.fixture
def watched(chromium: Browser, town: Town, plain: Watched) -> Iterator[Open]:
    """`watched(color_scheme="dark", viewport=PHONE)`: a page that must stay silent; of a fresh browser where
    something is asked of it."""
    opened: list[Watched] = []
    plain.said.clear()
    plain.strange.clear()

    def of(**how: Any) -> Watched:
        opened.append(_opened(chromium, town, **how) if how else plain)
        return opened[-1]

    yield of
    for one in opened:
        if one is not plain:
            one.page.context.close()
        assert one.said == []
        assert one.strange == []


def _opened(chromium: Browser, town: Town, **how: Any) -> Watched:
    context = chromium.new_context(**how)
    context.set_default_timeout(WAIT_MS)
    return Watched(context, town.url)
