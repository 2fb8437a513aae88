"""Connections that are warm when they are needed, and replaced when they have died meanwhile."""

import asyncio
import socket

import httpx2
import pytest

from backend.clock import SystemClock
from backend.providers.base import Warmable
from backend.providers.config import ProviderConfig
from backend.providers.reach import transport
from tests.integration.providers.asking import ask, provider_for
from tests.support.ports import free_port
from tests.support.vendors import Cut, Done, Script, Status, Tokens, VendorServer, Wait
from tests.support.vendors.http import HttpRequest, HttpServer, Response

VENDORS = ("anthropic", "openai", "azure", "ollama", "bedrock", "converse")
ONE: Script = [Tokens("one"), Done()]
TWO: Script = [Tokens("two"), Done()]
CHAT = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_the_first_request_finds_a_connection_open(vendor: str) -> None:
    async with VendorServer(vendor, ONE) as server:
        provider = provider_for(vendor, server.base_url)
        assert isinstance(provider, Warmable)
        await provider.warm()
        assert (server.accepted, server.open_connections, server.requests) == (1, 1, [])
        assert (await ask(provider)).text == "one"
        assert server.accepted == 1
        await provider.close()


@pytest.mark.parametrize("vendor", VENDORS)
async def test_nothing_to_warm_is_no_trouble(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.providers.sdk.WARM_TIMEOUT_S", 0.2)
    closed = provider_for(vendor, f"http://127.0.0.1:{free_port()}")
    assert isinstance(closed, Warmable)
    await closed.warm()
    await closed.close()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = provider_for(vendor, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert isinstance(hanging, Warmable)
        clock = SystemClock()
        begun = clock.mono()
        await hanging.warm()
        assert clock.mono() - begun < 3
        await hanging.close()


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_connection_closed_while_idle_is_replaced(vendor: str) -> None:
    async with VendorServer(vendor, ONE, TWO) as server:
        provider = provider_for(vendor, server.base_url)
        assert (await ask(provider)).text == "one"
        server.hang_up()
        await server.until_open(0)
        heard = await ask(provider)
        assert (heard.text, heard.outcome.kind) == ("two", "complete")
        assert (server.accepted, len(server.requests)) == (2, 2)
        await provider.close()


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_connection_that_dies_as_it_is_used_again_is_replaced_unseen(
    vendor: str, reset: bool
) -> None:
    async with VendorServer(vendor, ONE, [Cut(reset)], TWO) as server:
        provider = provider_for(vendor, server.base_url)
        assert (await ask(provider)).text == "one"
        heard = await ask(provider)
        assert (heard.text, heard.outcome.kind) == ("two", "complete")
        assert server.accepted == 2
        await provider.close()


@pytest.mark.parametrize("vendor", VENDORS)
async def test_it_is_sent_once_more_and_no_more(vendor: str) -> None:
    async with VendorServer(vendor, ONE, [Cut(reset=False)]) as server:
        provider = provider_for(vendor, server.base_url)
        await ask(provider)
        heard = await ask(provider)
        assert (heard.outcome.kind, heard.outcome.error_class) == ("error", "network")
        assert (server.accepted, len(server.requests)) == (2, 3)
        await provider.close()


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_answer_that_broke_off_is_not_asked_for_again(vendor: str) -> None:
    async with VendorServer(vendor, ONE, [Tokens("half"), Cut()], TWO) as server:
        provider = provider_for(vendor, server.base_url)
        await ask(provider)
        heard = await ask(provider)
        assert (heard.text, heard.outcome.kind) == ("half", "truncated")
        assert len(server.requests) == 2
        await provider.close()


async def test_where_one_died_the_other_idle_ones_are_closed_too() -> None:
    slow: Script = [Wait(0.2), *ONE]
    async with VendorServer("openai", slow, slow, slow, [Cut()], TWO) as server:
        provider = provider_for("openai", server.base_url)
        await asyncio.gather(*(ask(provider) for _ in range(3)))
        assert (server.accepted, server.open_connections) == (3, 3)
        assert (await ask(provider)).text == "two"
        await server.until_open(1)
        assert server.accepted == 4
        await provider.close()


@pytest.mark.parametrize(
    ("second", "outcome", "asked"),
    [(b"", "complete", 3), (b"HTTP/1.1 200 O", "error", 2)],
    ids=["nothing said", "half a status line"],
)
async def test_only_where_not_a_byte_had_come_back(second: bytes, outcome: str, asked: int) -> None:
    requests = 0

    async def serve(request: HttpRequest, response: Response) -> None:
        nonlocal requests
        requests += 1
        if requests == 2:
            await response.raw(second)
            response.cut(reset=False)
        await response.whole(200, CHAT, {"content-type": "text/event-stream"})

    async with HttpServer(serve) as server:
        provider = provider_for("openai", f"http://127.0.0.1:{server.port}")
        assert (await ask(provider)).text == "ok"
        assert (await ask(provider)).outcome.kind == outcome
        await provider.close()
    assert requests == asked


async def test_the_kernel_is_asked_to_look_after_the_connection() -> None:
    async with VendorServer("openai", [Status(404)]) as server:
        config = ProviderConfig("openai", "m", base_url=server.base_url)
        client = httpx2.AsyncClient(transport=transport(httpx2, config, server.base_url))  # type: ignore[arg-type]  # as good as one
        async with client, client.stream("GET", server.base_url) as response:
            sock = response.extensions["network_stream"].get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            if hasattr(socket, "TCP_KEEPIDLE"):
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
