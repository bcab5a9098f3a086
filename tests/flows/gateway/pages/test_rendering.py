"""Pages are made in threads: the event loop, which all other answers wait for, makes none."""

import asyncio
from typing import Any

import pytest

from flows.gateway.pages import rendering
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import Homes

PAGES = (
    *("/?q=rent", "/answers?q=rent", "/documents", "/tree", "/record/lease-0", "/record/lease-0/below"),
    *("/runs", "/runs/r1", "/unread", "/attention", "/sign-in", "/document/lease?start=0&end=10", "/runs/no"),
)


def is_in_the_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def test_no_page_is_made_on_the_event_loop(
    made: Homes, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, real = dict[str, bool](), rendering._PAGES.get_template

    def watched(name: str, *parent: Any, **more: Any) -> Any:
        seen[name] = is_in_the_loop()
        return real(name, *parent, **more)

    monkeypatch.setattr(rendering._PAGES, "get_template", watched)
    ours = client(made, made.reads)
    for path in PAGES:
        assert ours.get(path).status_code in (200, 404), path
    assert len(seen) >= len(PAGES)
    assert not any(seen.values()), seen
