"""A real model over both wires it speaks."""

import asyncio
import contextlib
import time

import pytest

from backend.clock import SystemClock
from backend.providers.base import Message, ModelRequest, Text
from backend.providers.limits import Limits, limited
from tests.integration.providers.asking import ask, provider_for
from tests.support.llama import LlamaServer

WIRES = ("openai", "anthropic")
SHORT = ModelRequest("You answer in one sentence.", (Message("user", "What is a firewall?"),), max_tokens=8)
LONG = ModelRequest("", (Message("user", "Count from one to one thousand in words."),), max_tokens=400)
PATIENT = Limits(first_token_s=60, idle_s=60, total_s=60)


@pytest.mark.parametrize("wire", WIRES)
async def test_real_tokens(llama: LlamaServer, wire: str) -> None:
    provider = provider_for(wire, llama.base_url, read_timeout_s=60.0)
    heard = await ask(provider, SHORT)
    await provider.close()
    assert heard.outcome.kind in {"length", "complete"}, heard.outcome
    assert 1 <= len(heard.texts) <= 8
    assert heard.text.strip()
    assert 1 <= heard.usage.output_tokens <= 8


async def test_what_the_server_counted_of_the_prompt(llama: LlamaServer) -> None:
    provider = provider_for("openai", llama.base_url, read_timeout_s=60.0)
    usage = (await ask(provider, SHORT)).usage
    await provider.close()
    assert 15 < usage.input_tokens + usage.cache_read_tokens < 60


@pytest.mark.parametrize("wire", WIRES)
async def test_a_prompt_longer_than_the_context(llama: LlamaServer, wire: str) -> None:
    provider = provider_for(wire, llama.base_url, read_timeout_s=60.0)
    heard = await ask(provider, ModelRequest("", (Message("user", "alert " * 4000),), max_tokens=8))
    await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class) == ("error", "too_long"), heard.outcome
    assert not heard.outcome.retryable


@pytest.mark.parametrize("wire", WIRES)
async def test_giving_up_frees_the_slot(llama: LlamaServer, wire: str) -> None:
    provider = provider_for(wire, llama.base_url, read_timeout_s=60.0)
    stream = limited(provider, LONG, limits=PATIENT, clock=SystemClock())
    async with contextlib.aclosing(stream) as chunks:
        assert isinstance(await anext(chunks), Text)
        assert await asyncio.to_thread(llama.busy_slots) == 1
    begun = time.monotonic()
    while await asyncio.to_thread(llama.busy_slots):
        # 400 tokens would take it 20 s and more.
        assert time.monotonic() - begun < 5, "the slot is still busy"
        await asyncio.sleep(0.05)
    await provider.close()
