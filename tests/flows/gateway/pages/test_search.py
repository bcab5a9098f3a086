"""In a real browser: a question is answered as it is checked, and a citation opens at its very characters."""

from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tasks.ingest.parse import read_text
from tasks.memory.reader import open_memory
from tasks.text.visible import printable
from tests.flows.gateway.pages.conftest import Open, Town

RENT = "What is the monthly rent of the mill house at Arnholt?"
MARKED = "[...document.querySelectorAll('mark')].map((one) => one.textContent).join('')"


def text_of(town: Town, document: str, start: int, end: int) -> str:
    """Characters of a document as they are stored."""
    memory = open_memory(Path(town.config.home))
    (source,) = memory.sources_of(document)
    return read_text(memory.home, source["parsed"], source["part"], start, end)


def asked(page: Page, question: str) -> None:
    """Ask as a person does, and wait for all of the answer."""
    page.get_by_role("searchbox", name="Question").fill(question)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#passages li").first).to_be_visible()


def test_what_holds_now_stands_before_what_it_replaced(watched: Open) -> None:
    page = watched().goto("/")
    asked(page, RENT)
    claims = page.locator(".claim")
    expect(claims.first).to_contain_text("1,700 euros")
    expect(claims.nth(1)).to_contain_text("Replaced since by")
    assert "q=What" in page.url
    page.reload()  # the address tells all that was asked
    expect(claims.first).to_contain_text("1,700 euros")


def test_without_a_script_the_same_is_answered(watched: Open) -> None:
    page = watched(java_script_enabled=False).goto("/")
    asked(page, RENT)
    expect(page.locator(".claim").first).to_contain_text("1,700 euros")


def test_what_was_not_read_is_not_answered(watched: Open) -> None:
    page = watched().goto("/")
    asked(page, "Which airline flies from Reykjavik to Nairobi?")
    expect(page.locator("#answer")).to_contain_text("Nothing that was read answers this.")
    expect(page.get_by_role("heading", name="Nearest to it")).to_be_visible()


@pytest.mark.parametrize(
    ("question", "file"),
    [
        (RENT, "amendment-0.txt"),
        ("How many litres of oil does the lamp burn in a winter night?", "handbook.md"),
        ("What does Captain Ines Falk offer for the dredger Petrel?", "minutes.pdf"),
        ("Where was the green buoy number 17 laid?", "buoy.eml"),
        ("When is high water on 3 June?", "tides.csv"),
        ("What is the fare of the ferry Margaret?", "co.txt"),
    ],
)
def test_the_marked_characters_are_the_quoted_ones(
    watched: Open, town: Town, question: str, file: str
) -> None:
    page = watched().goto(f"/?{urlencode({'q': question, 'level': 'passage'})}")
    quoted = page.locator("figure.quoted").filter(has=page.get_by_role("link", name=file)).first
    shown = quoted.locator("blockquote").text_content() or ""
    quoted.get_by_role("link", name=file).first.click()
    page.locator("mark").first.wait_for()
    marked = page.evaluate(MARKED)
    at, given = urlsplit(page.url), parse_qs(urlsplit(page.url).query)
    stored = text_of(town, at.path.rpartition("/")[2], int(given["start"][0]), int(given["end"][0]))
    assert marked == printable(stored)
    assert "".join(marked.split()) == "".join(shown.split())
    assert page.evaluate("document.querySelector('#cited').getBoundingClientRect().top < innerHeight")
