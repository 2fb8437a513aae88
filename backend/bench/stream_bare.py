"""The peer: each vendor's SDK alone, its own streaming call read in a plain `async for`."""

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from backend.providers.base import ModelRequest

KEY = "scripted"


class Timed(msgspec.Struct, frozen=True, gc=False):
    """One call, in seconds from its beginning."""

    first_s: float
    """Until its first token was there."""
    words_s: float
    """Until the first words that can be read were there."""
    text: str


class Bare(msgspec.Struct, frozen=True):
    """One SDK's client, ready to be asked."""

    call: Callable[[ModelRequest, str, int], Coroutine[Any, Any, Timed]]
    """(request, model's name, which token completes the first readable words) to what the call took."""
    close: Callable[[], Awaitable[None]]


class _Taker:
    """Takes the pieces of one answer."""

    def __init__(self, words_at: int) -> None:
        self._begun = time.perf_counter()
        self._words_at = words_at
        self._pieces: list[str] = []
        self._first = self._words = 0.0

    def take(self, text: str) -> None:
        self._pieces.append(text)
        if len(self._pieces) == 1:
            self._first = time.perf_counter()
        if len(self._pieces) == self._words_at:
            self._words = time.perf_counter()

    def done(self) -> Timed:
        return Timed(self._first - self._begun, self._words - self._begun, "".join(self._pieces))


async def bare_anthropic(url: str) -> Bare:
    """`messages.create(stream=True)`."""
    sdk: Any = await asyncio.to_thread(importlib.import_module, "anthropic")
    client = sdk.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0)

    async def call(request: ModelRequest, model: str, words_at: int) -> Timed:
        taker = _Taker(words_at)
        stream = await client.messages.create(
            model=model,
            max_tokens=request.max_tokens,
            system=request.system,
            messages=_turns(request),
            stream=True,
        )
        async for event in stream:
            if event.type == "content_block_delta":
                taker.take(event.delta.text)
        return taker.done()

    return Bare(call, client.close)


async def bare_openai(url: str) -> Bare:
    """`chat.completions.create(stream=True)`."""
    sdk: Any = await asyncio.to_thread(importlib.import_module, "openai")
    client = sdk.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)

    async def call(request: ModelRequest, model: str, words_at: int) -> Timed:
        taker = _Taker(words_at)
        stream = await client.chat.completions.create(
            model=model,
            max_completion_tokens=request.max_tokens,
            messages=[{"role": "system", "content": request.system}, *_turns(request)],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                taker.take(chunk.choices[0].delta.content)
        return taker.done()

    return Bare(call, client.close)


async def bare_ollama(url: str) -> Bare:
    """`chat(stream=True)`."""
    sdk: Any = await asyncio.to_thread(importlib.import_module, "ollama")
    client = sdk.AsyncClient(url)

    async def call(request: ModelRequest, model: str, words_at: int) -> Timed:
        taker = _Taker(words_at)
        stream = await client.chat(
            model=model,
            messages=[{"role": "system", "content": request.system}, *_turns(request)],
            stream=True,
            options={"num_predict": request.max_tokens},
        )
        async for part in stream:
            if part.message.content:
                taker.take(part.message.content)
        return taker.done()

    return Bare(call, client.close)


BARE: dict[str, Callable[[str], Awaitable[Bare]]] = {
    "anthropic": bare_anthropic,
    "openai": bare_openai,
    "ollama": bare_ollama,
}
"""By provider; each takes the server's address and imports its SDK off the loop."""


def _turns(request: ModelRequest) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in request.messages]
