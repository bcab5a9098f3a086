"""In a real browser, with a real Prefect server: what could not be read is tried again and is read."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from prefect.client.orchestration import get_client

from flows.config import RunConfig
from flows.deployments.deploy import Nightly, deploy_all
from tasks.runs.ledger import Ledger, ledger_path
from tests import pdfs
from tests.flows import corpus as reading
from tests.flows.gateway.pages import corpus
from tests.flows.gateway.pages.conftest import browser, served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus.first_night(tmp_path / "papers")
    return tmp_path / "papers"


@pytest.fixture
def config(api: str, dask: str, tiny_model_dir: Path, folder: Path, tmp_path: Path) -> RunConfig:
    """Settings of a home that has read the papers, and a deployment that reads."""
    config = reading.tiny(tmp_path / "home", tiny_model_dir, f"cluster.address={dask}")
    reading.read(config, folder)
    deploy_all(config, [str(folder)], Nightly("0 2 * * *", "UTC", "skip"))
    return config


@pytest.mark.slow
def test_a_retry_reads_the_corpus_again(config: RunConfig, folder: Path) -> None:
    pdfs.write(folder / "torn.pdf", [pdfs.show((72, 700, "The lost page tells of seven bells."))])
    with served(config) as url:
        with browser() as chromium:
            page = chromium.new_page()
            page.goto(f"{url}/unread")
            page.get_by_role("button", name="Try again").click()
            expect(page.get_by_role("status")).to_contain_text("Begun")
        assert Ledger(ledger_path(Path(config.home))).quarantined() == []
        with get_client(sync_client=True) as client:
            read = client.read_deployment_by_name("read/read")
            (run,) = (one for one in client.read_flow_runs(limit=20) if one.deployment_id == read.id)
        assert run.parameters["uris"] == [str(folder)]
        assert run.parameters["config"]["home"] == str(Path(config.home).absolute())
        reading.read(config, *run.parameters["uris"])
        with browser() as chromium:
            page = chromium.new_page()
            page.goto(f"{url}/?q=How+many+bells+does+the+lost+page+tell+of")
            expect(page.locator(".claim").first).to_contain_text("seven bells")
            page.goto(f"{url}/unread")
            expect(page.locator("main")).to_contain_text("Everything that was found could be read.")
