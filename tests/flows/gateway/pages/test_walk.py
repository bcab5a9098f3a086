"""In a real browser: trees are walked, runs tell what is new, what could not be read is tried again."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tasks.runs.ledger import Ledger, ledger_path
from tests.flows.gateway.pages.conftest import Open, Town
from tests.flows.gateway.pages.test_search import MARKED

LEASE = "Lease Agreement between Anders Holm and Otto Reuss"


def test_a_tree_is_walked_by_keys_down_to_the_words(watched: Open) -> None:
    page = watched().goto("/tree")
    first = page.locator(".tree summary").first
    first.focus()
    page.keyboard.press("ArrowRight")
    inner = page.locator(".tree .nodes .nodes summary")
    expect(inner.first).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(inner.first).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(inner.first).to_be_focused()
    page.keyboard.press("Enter")
    quote = inner.first.locator("xpath=..").locator(".quotes a").first
    said = quote.text_content() or ""
    quote.click()
    page.locator("mark").first.wait_for()
    assert "".join(page.evaluate(MARKED).split()) == "".join(said.split())


def test_a_document_leads_to_its_summary_and_that_to_what_it_was_made_from(watched: Open) -> None:
    page = watched(java_script_enabled=False).goto("/documents")
    page.get_by_role("link", name="lease-0.txt").click()
    page.get_by_role("link", name="Its summary").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(LEASE)
    expect(page.get_by_role("navigation", name="Above this")).to_contain_text("All that was read")
    expect(page.get_by_role("heading", name="The words it rests on")).to_be_visible()


def test_a_run_tells_what_is_new_changed_replaced_gone_and_failed(watched: Open, town: Town) -> None:
    page = watched().goto("/runs")
    page.locator("h2 a").first.click()
    for heading, told in (
        ("What is new", "First Amendment"),
        ("What has changed", "9999 tonnes"),
        ("Superseded", "1,700 euros"),
        ("No longer there", "report-2.txt"),
        ("Could not be read", "torn.pdf"),
    ):
        expect(page.get_by_role("region", name=heading)).to_contain_text(told)
    was = page.locator("blockquote").filter(has_text="4310 tonnes").get_by_role("link")
    was.click()  # the text of the night before opens still, and says that it is none of memory any more
    expect(page.locator(".care").first).to_contain_text("has changed since")
    expect(page.locator(".care").nth(1)).to_contain_text("does not answer from this text any more")
    assert "4310 tonnes" in page.evaluate(MARKED)


def test_what_is_gone_opens_as_it_was_read(watched: Open) -> None:
    page = watched().goto("/documents")
    page.get_by_role("link", name="report-2.txt").click()
    expect(page.locator(".care").first).to_contain_text("no longer where it was read")
    expect(page.locator(".text")).to_contain_text("The harbour of Corvin shipped")


def test_where_no_server_starts_runs_nothing_leaves_the_quarantine(
    watched: Open, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    one = watched()
    page = one.goto("/unread")
    expect(page.get_by_role("listitem").filter(has_text="torn.pdf")).to_contain_text("Damaged")
    expect(page.locator("form")).to_contain_text(f"{town.folder} read again")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("Runs are started through Prefect")
    assert [line for line in one.said if "503" not in line] == []
    one.said.clear()
    with Ledger(ledger_path(Path(town.config.home))) as ledger:
        assert [Path(row["uri"]).name for row in ledger.quarantined()] == ["torn.pdf"]
