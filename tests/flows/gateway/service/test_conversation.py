"""A conversation is read into a context once, and its last message is asked."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows.gateway.app import gateway
from flows.gateway.openai.chat import READER
from flows.gateway.service.conversation import FOLDER, unread
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import Name
from tests.flows.gateway.homes import Homes
from tests.tasks.serve.nodes import Node

BOOK = "The slipway was closed by Captain Moreau."


@pytest.fixture
def node() -> Node:
    directory = LocalDirectory(600.0)
    node = Node("here", directory, {})
    node.beat()
    return node


@pytest.fixture
def client(own: Homes, node: Node) -> Iterator[TestClient]:
    client = TestClient(gateway(own.config, lambda: node), "http://127.0.0.1:8320")
    client.headers["Authorization"] = f"Bearer {own.writes}"
    yield client
    client.close()


def asked(client: TestClient, *messages: str, token: str = "", **more: Any) -> Any:
    said = [{"role": "user", "content": message} for message in messages]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"model": READER, "messages": said, "memory_key": "book", **more}
    return client.post("/v1/chat/completions", json=body, headers=headers)


def test_what_is_new_is_read_and_the_last_message_is_asked(
    client: TestClient, node: Node, own: Homes
) -> None:
    answer = asked(client, BOOK, "Who closed it?").json()
    assert node.store[Name("", "book")] == f"{BOOK}\n\n"
    assert answer["choices"][0]["message"]["content"].split() == BOOK.split()
    assert answer["usage"] == {"prompt_tokens": 43, "completion_tokens": 7, "total_tokens": 50}
    asked(client, BOOK, "Who closed it?", "Captain Moreau.", "And why?")
    grown = f"{BOOK}\n\nWho closed it?\n\nCaptain Moreau.\n\n"
    assert node.store[Name("", "book")] == grown
    assert asked(client, "And when?").status_code == 200, "the context alone answers too"
    asked(client, "A postscript.", "And when?")
    assert node.store[Name("", "book")] == f"{grown}A postscript.\n\n"
    assert BOOK not in (own.home / FOLDER / "book.json").read_text()
    assert node.calls.count("read") == 3


def test_tenants_have_contexts_of_their_own_and_readers_of_a_token_read_nothing_in(
    client: TestClient, node: Node, own: Homes
) -> None:
    asked(client, BOOK, "Who?")
    assert asked(client, "Something else.", "Who?", token=own.lab).status_code == 200
    assert node.store == {Name("", "book"): f"{BOOK}\n\n", Name("lab", "book"): "Something else.\n\n"}
    assert asked(client, BOOK, "Who?", token=own.reads).status_code == 200
    refused = asked(client, BOOK, "More.", "Who?", token=own.reads)
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")


def test_a_read_whose_time_was_over_goes_on_behind_what_was_read(client: TestClient, node: Node) -> None:
    asked(client, BOOK, "Who?")
    node.late_behind = 4
    for _ in range(3):
        assert asked(client, BOOK, "A second chapter.", "Who?").status_code == 504
    node.late_behind = None
    assert asked(client, BOOK, "A second chapter.", "Who?").status_code == 200
    assert node.store[Name("", "book")] == f"{BOOK}\n\nA second chapter.\n\n"


def test_what_another_reads_into_it_behind_such_a_beginning_is_not_taken_for_the_rest(
    client: TestClient, node: Node
) -> None:
    asked(client, BOOK, "Who?")
    node.late_behind = 4
    assert asked(client, BOOK, "A second chapter.", "Who?").status_code == 504
    node.late_behind = None
    node.store[Name("", "book")] += "As long as all of it is."
    assert asked(client, BOOK, "A second chapter.", "Who?").status_code == 200
    assert node.store[Name("", "book")] == f"{BOOK}\n\nA seAs long as all of it is.A second chapter.\n\n"
    node.store[Name("", "book")] = "x" * len(node.store[Name("", "book")])
    assert asked(client, BOOK, "Who?").status_code == 200
    assert node.store[Name("", "book")].endswith(f"x{BOOK}\n\n"), "it is another context by now"


def test_what_another_forgot_and_began_anew_is_read_into_it(client: TestClient, node: Node) -> None:
    asked(client, BOOK, "Who?")
    others = "Another book, and a longer one, that tells of no captain and of no slipway."
    node.close(Name("", "book"), forget=True)
    node.read(Name("", "book"), [others])
    assert asked(client, BOOK, "Who?").status_code == 200
    assert node.store[Name("", "book")] == f"{others}{BOOK}\n\n"
    assert asked(client, BOOK, "Who?").status_code == 200
    assert node.store[Name("", "book")] == f"{others}{BOOK}\n\n", "once"


def test_a_session_that_is_removed_takes_its_context_with_it(client: TestClient, node: Node) -> None:
    assert client.delete("/v1/sessions/book").status_code == 404
    assert node.calls == [], "no reader is started for what was never read"
    asked(client, BOOK, "Who?")
    assert client.delete("/v1/sessions/book").json() == {"key": "book", "rounds": 0}
    assert node.store == {}
    asked(client, BOOK, "Who?")
    assert node.store[Name("", "book")] == f"{BOOK}\n\n"


def test_more_tokens_than_a_reader_writes_are_no_error(client: TestClient) -> None:
    assert asked(client, BOOK, "Who?", max_tokens=100_000, tools=None).status_code == 200


def test_where_the_reader_has_lost_it_all_is_read_again(client: TestClient, node: Node) -> None:
    asked(client, BOOK, "Who?")
    node.store.clear()
    asked(client, BOOK, "Who?")
    assert node.store[Name("", "book")] == f"{BOOK}\n\n"
    missing = asked(client, "Who?", memory_key="none")
    assert (missing.status_code, "nothing to read" in missing.text) == (400, True)


def test_a_stream_comes_in_pieces_and_an_error_has_its_form(client: TestClient, node: Node) -> None:
    with client.stream("POST", "/v1/chat/completions", json=body(BOOK, "Who?")) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert sum('"content": "' in line for line in lines) == 1 + len(BOOK.split())
    node.dies_behind = 2
    with client.stream("POST", "/v1/chat/completions", json=body(BOOK, "Who?")) as broken:
        lines = [line for line in broken.iter_lines() if line]
    assert '"type": "server_error"' in lines[-1]
    assert asked(client, BOOK, "Who?").status_code == 503


def body(*messages: str) -> dict[str, Any]:
    said = [{"role": "user", "content": message} for message in messages]
    return {"model": READER, "messages": said, "memory_key": "book", "stream": True}


@pytest.mark.parametrize("key", ["../lab", "a/b", ".x", "x" * 201, ""])
def test_a_key_that_leads_elsewhere_is_refused(client: TestClient, key: str) -> None:
    assert asked(client, BOOK, "Who?", memory_key=key).status_code == 400


def test_a_context_needs_a_key(client: TestClient) -> None:
    assert "name the context" in asked(client, BOOK, "Who?", memory_key=None).text


@pytest.mark.parametrize(
    ("messages", "seen", "new"),
    [
        ("ab", "", "ab"),
        ("ab", "ab", ""),
        ("abc", "ab", "c"),
        ("aba", "ab", "a"),
        ("c", "ab", "c"),
        ("b", "ab", ""),
        ("bc", "ab", "c"),
        ("", "ab", ""),
    ],
)
def test_messages_that_were_read_are_passed_over(messages: str, seen: str, new: str) -> None:
    from flows.gateway.service.conversation import digest

    assert unread(list(messages), [digest(one) for one in seen]) == list(new)
