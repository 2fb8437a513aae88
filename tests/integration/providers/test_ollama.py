"""A real Ollama, where it is found."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from backend.analysis.prompts import SYSTEM
from backend.clock import SystemClock
from backend.providers.base import Message, ModelRequest, Provider, Text
from backend.providers.config import ProviderConfig
from backend.providers.limits import Limits, limited
from backend.providers.registry import open_provider
from tests.integration.providers.asking import ask
from tests.support.ollama import MODEL, NOT_FOUND, Ollama, ollama_binary, start_ollama

SHORT = ModelRequest("You answer in one sentence.", (Message("user", "What is a firewall?"),), max_tokens=12)
LONG = ModelRequest("", (Message("user", "Count from one to one thousand in words."),), max_tokens=3_000)
"""Some two minutes of writing, where nobody stops it."""
PATIENT = Limits(first_token_s=60, idle_s=60, total_s=90)


@pytest.fixture(scope="module")
def ollama() -> Iterator[Ollama]:
    if ollama_binary() is None:
        pytest.skip(NOT_FOUND)
    with start_ollama() as server:
        yield server


def open_at(server: Ollama, model: str = MODEL) -> Provider:
    return open_provider(
        ProviderConfig("ollama", model, base_url=server.base_url, read_timeout_s=90.0), SystemClock()
    )


@pytest.fixture
async def provider(ollama: Ollama) -> AsyncIterator[Provider]:
    opened = open_at(ollama)
    yield opened
    await opened.close()


async def first_text_s(provider: Provider, request: ModelRequest) -> float:
    begun = time.monotonic()
    async with contextlib.aclosing(limited(provider, request, limits=PATIENT, clock=SystemClock())) as chunks:
        assert isinstance(await anext(chunks), Text)
        return time.monotonic() - begun


async def test_it_streams_text_and_counts_it(ollama: Ollama, provider: Provider) -> None:
    heard = await ask(provider, SHORT)
    assert heard.outcome.kind in {"length", "complete"}, heard.outcome
    assert heard.text.strip()
    assert 2 <= len(heard.texts) <= 12  # each token is a piece of its own
    assert 1 <= heard.usage.output_tokens <= 12
    assert 15 < heard.usage.input_tokens < 60
    assert ollama.loaded() == [f"{MODEL}:latest"]


async def test_giving_up_in_the_middle_frees_it_for_the_next(provider: Provider) -> None:
    await ask(provider, SHORT)  # the model is in memory
    taken = []
    async with contextlib.aclosing(limited(provider, LONG, limits=PATIENT, clock=SystemClock())) as chunks:
        async for chunk in chunks:
            assert isinstance(chunk, Text)
            taken.append(chunk.text)
            if len(taken) == 5:
                break
    begun = time.monotonic()
    heard = await ask(provider, SHORT)  # it answers one at a time: this would wait for the first
    assert heard.outcome.kind in {"length", "complete"}
    assert time.monotonic() - begun < 20


async def test_the_second_like_request_is_read_from_the_cache(provider: Provider) -> None:
    await ask(provider, SHORT)
    system = f"{uuid.uuid4().hex}\n{SYSTEM[:1500]}"  # some 350 tokens that no earlier test has left there
    cold, *warm = [
        await first_text_s(
            provider, ModelRequest(system, (Message("user", f"Count to five. ({number})"),), max_tokens=4)
        )
        for number in (1, 2, 3)
    ]
    assert min(warm) < cold / 2, (cold, warm)  # of two, as a busy machine may hold one up


async def test_a_model_that_is_not_there(ollama: Ollama) -> None:
    provider = open_at(ollama, "no-such-model")
    heard = await ask(provider, SHORT)
    await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class) == ("error", "not_found"), heard.outcome
    assert heard.outcome.status == 404
    assert not heard.outcome.retryable
    assert heard.texts == []
