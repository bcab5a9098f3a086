"""In a real browser: every page can be read and worked by everybody: on a phone, in the dark, by keys.

The checks are ours: names, labels, headings, ids, contrast by the formula of WCAG 2, and what moves.
"""

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tasks.memory.reader import open_memory
from tests.flows.gateway.pages.conftest import PHONE, Open, Town
from tests.flows.gateway.pages.test_search import RENT

DESKTOP: ViewportSize = {"width": 1100, "height": 800}
LOOKED_AT: tuple[tuple[Literal["dark", "light"], ViewportSize], ...] = (("dark", PHONE), ("light", DESKTOP))
LOOKS = Path(__file__).with_name("looks.js").read_text()


@pytest.fixture(scope="module")
def paths(town: Town) -> dict[str, str]:
    """A page of every kind."""
    memory = open_memory(Path(town.config.home))
    by_name = {Path(row["uri"]).name: row["document"] for row in memory.sources.to_pylist()}
    (root,) = (
        row["id"] for row in memory.rows("level = 'document'", ["id", "title"]) if "Handbook" in row["title"]
    )
    return {
        "first": "/",
        "answer": f"/?q={RENT.replace(' ', '+')}&level=passage",
        "nothing": "/?q=airline+to+Nairobi",
        "odd": "/?q=fare+of+the+ferry+Margaret",
        "text": f"/document/{by_name['lease-0.txt']}?start=100&end=200",
        "pdf": f"/document/{by_name['minutes.pdf']}?start=0&end=40",
        "table": f"/document/{by_name['tides.csv']}",
        "tree": "/tree",
        "record": f"/record/{root}",
        "runs": "/runs",
        "run": f"/runs/{town.outcomes[1]['run']}",
        "documents": "/documents",
        "unread": "/unread",
        "attention": "/attention",
        "sign-in": "/sign-in",
    }


def checked(page: Page, what: str) -> Any:
    """What one of the checks has to say."""
    return page.evaluate(f"({LOOKS.partition(chr(10))[2]}).{what}()")


def unfolded(page: Page) -> None:
    """Everything that is folded is shown."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_load_state("networkidle")


def test_every_page_is_readable_for_everybody(watched: Open, paths: dict[str, str]) -> None:
    one = watched(color_scheme="dark")
    for name, path in paths.items():
        for scheme, size in LOOKED_AT:
            one.page.emulate_media(color_scheme=scheme)
            one.page.set_viewport_size(size)
            if scheme == "dark":
                page = one.goto(path)
                assert checked(page, "moved") < 0.02, name
                unfolded(page)
            assert checked(one.page, "wrong") == [], (name, scheme)
            assert checked(one.page, "faint") == [], (name, scheme)


def test_the_checks_see_what_is_wrong(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content(
        "<body><p style='color: #999'>faint</p><input><a href='/'></a><h3 id='a'>deep</h3><i id='a'>i</i>"
        "<svg></svg><div style='width: 9000px'>wide</div>"
    )
    wrong = " ".join(checked(page, "wrong"))
    for told in ("id a twice", "no label", "no name", "no text for", "no main", "h3 behind h1", "sideways"):
        assert told in wrong
    assert [one for one in checked(page, "faint") if one.startswith("P ")]
    page.close()


def test_the_keyboard_is_enough(watched: Open, paths: dict[str, str]) -> None:
    page = watched().goto(paths["runs"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("/")
    page.wait_for_url("**/")
    page.locator("#q:focus").wait_for()
    page.keyboard.type("How often is the horn tested? / weekly")  # a slash in a field is a slash
    page.keyboard.press("Enter")
    page.locator("#passages li").first.wait_for()
    page.locator("h2").first.click()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"


def test_what_a_document_says_is_never_obeyed(watched: Open, paths: dict[str, str]) -> None:
    one = watched()
    page = one.goto(paths["odd"])
    assert page.title().startswith("fare of the ferry")
    assert page.locator("main script, main img, main b").count() == 0
    assert page.locator("main").get_by_text("<img src=x onerror=alert(1)>").count() > 0
    text = page.locator("main").text_content() or ""
    assert "\u202e" not in text
    assert "hide words here" in text
    assert "read like instructions to a machine" in text
    page.get_by_role("link", name="co.txt").first.click()
    page.locator("mark").first.wait_for()
    assert page.title() == "Notice of the ferry - Nightread"
    assert "<script>document.title" in (page.locator(".text").text_content() or "")


def test_the_pages_are_light() -> None:
    folder = Path(__file__).parents[4] / "flows" / "gateway" / "pages" / "static"
    assert (folder / "explorer.css").stat().st_size < 12_000
    assert (folder / "explorer.js").stat().st_size < 10_000
