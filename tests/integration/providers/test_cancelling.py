"""Giving up a stream frees its connection at once, so that the server stops writing."""

import asyncio
import contextlib

import pytest

from backend.clock import SystemClock
from backend.providers.base import Text
from backend.providers.limits import Limits, limited
from tests.integration.providers.asking import QUESTION, VENDORS, provider_for
from tests.support.vendors import Hang, Script, Tokens, VendorServer

PATIENT = Limits(first_token_s=20, idle_s=20, total_s=20)
SCRIPTS: dict[str, Script] = {
    "in the middle of the text": [Tokens(["go"] * 1000, every_s=0.02), Hang()],
    "in silence after text": [Tokens("go"), Hang()],
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_closing_the_stream_closes_the_connection(vendor: str, script: Script) -> None:
    async with VendorServer(vendor, script) as server:
        provider = provider_for(vendor, server.base_url)
        async with contextlib.aclosing(
            limited(provider, QUESTION, limits=PATIENT, clock=SystemClock())
        ) as chunks:
            assert await anext(chunks) == Text("go")
            assert server.open_connections == 1
        await server.until_open(0)
        await provider.close()


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("script", [*SCRIPTS.values(), [Hang()]], ids=[*SCRIPTS, "before the headers"])
async def test_cancelling_the_consumer_closes_the_connection(vendor: str, script: Script) -> None:
    heard = asyncio.Event()

    async def consume() -> None:
        async for chunk in limited(provider, QUESTION, limits=PATIENT, clock=SystemClock()):
            assert isinstance(chunk, Text)
            heard.set()

    async with VendorServer(vendor, script) as server:
        provider = provider_for(vendor, server.base_url)
        task = asyncio.create_task(consume())
        await server.until_open(1)
        if isinstance(script[0], Tokens):
            await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_open(0)
        await provider.close()
