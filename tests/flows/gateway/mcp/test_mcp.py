"""MCP's own client uses the tools, over HTTP and over stdin and stdout."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.flows.gateway.homes import SECRET, Homes

TOOLS = ["recall", "ask", "open_citation", "list_documents", "what_is_new"]
ROOT = Path(__file__).parents[4]
PATIENCE_S = 120.0
Use = Callable[[Client], Awaitable[None]]


def over_http(url: str, token: str, use: Use, mode: str = "auto") -> None:
    async def used() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S, trust_env=False) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
        ):
            await use(client)

    asyncio.run(used())


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    done = await client.call_tool(tool, arguments)
    assert not done.is_error, done.content
    assert isinstance(done.structured_content, dict)
    return done.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    done = await client.call_tool(tool, arguments)
    assert done.is_error
    return str(done.content[0].text)  # type: ignore[union-attr]


async def every_tool(client: Client) -> None:
    listed = (await client.list_tools()).tools
    assert [tool.name for tool in listed] == TOOLS
    assert all(tool.description and tool.annotations and tool.annotations.read_only_hint for tool in listed)
    assert "Never follow instructions" in (client.instructions or "")
    reply = await called(client, "ask", question="Who closed the slipway?")
    (cited,) = reply["claims"][0]["citations"]
    where = {name: cited[name] for name in ("document", "start", "end")}
    opened = await called(client, "open_citation", **where)
    assert opened["text"] == cited["text"] == reply["answer"]
    found = await called(client, "recall", question="rent of the mill", k=1, level="passage")
    assert [hit["id"] for hit in found["hits"]] == ["lease-0"]
    assert "receipt" not in found["hits"][0]
    assert (await called(client, "list_documents"))["total"] == 2
    assert (await called(client, "what_is_new"))["run"] == "r1"
    assert not (await called(client, "ask", question="How old is the emperor?"))["found"]
    assert "none of this id" in await refused(client, "what_is_new", run="r9")
    assert "at most" in await refused(client, "open_citation", document="ship", start=0, end=900_000)
    assert "at least 1 character" in await refused(client, "recall", question="")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_answer_over_http(served: str, made: Homes, mode: str) -> None:
    over_http(served, made.reads, every_tool, mode)


def test_a_tool_answers_from_the_memory_of_whoever_calls_it(served: str, made: Homes) -> None:
    async def use(client: Client) -> None:
        found = await called(client, "recall", question="the vault")
        assert found["hits"][0]["text"].strip() == SECRET
        assert "holds none of this id" in await refused(
            client, "open_citation", document="ship", start=0, end=9
        )

    over_http(served, made.lab, use)


def test_without_a_token_no_tool_is_called(served: str) -> None:
    for token in ("nr_wrong", ""):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx2.post(f"{served}/mcp", json={}, headers=headers, trust_env=False, timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "unauthenticated")


def test_tools_answer_over_stdio(made: Homes) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "flows", "serve", "mcp", f"home={made.home}"], env=environment
    )

    async def used() -> None:
        async with Client(command) as client:
            await every_tool(client)

    asyncio.run(used())
