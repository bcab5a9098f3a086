"""What tests of the gateway share: a home that is made once, and clients of a gateway in this process."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from flows.gateway.app import gateway
from flows.gateway.run import running
from tests.flows.gateway.homes import Homes, configured, homes

Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, embedder_dir: Path) -> Homes:
    """A home that nobody changes; copy it to do so."""
    del embedder_dir
    return homes(tmp_path_factory.mktemp("gateway") / "home")


@pytest.fixture
def own(made: Homes, tmp_path: Path) -> Homes:
    """A copy of the home, to be changed."""
    shutil.copytree(made.home, tmp_path / "home")
    return Homes(configured(tmp_path / "home"), made.reads, made.writes, made.lab)


@pytest.fixture
def client() -> Iterator[Client]:
    """`client(homes, token, *overrides)`: one that sends this token."""
    opened: list[TestClient] = []

    def of(some: Homes, token: str = "", *overrides: str) -> TestClient:
        config = configured(some.home, *overrides) if overrides else some.config
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        opened.append(TestClient(gateway(config), "http://127.0.0.1:8320", headers=headers))
        return opened[-1]

    yield of
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def served(made: Homes) -> Iterator[str]:
    """Address of a gateway that listens."""
    with running(configured(made.home, "serve.port=0", "serve.requests_per_minute=100000")) as url:
        yield url
