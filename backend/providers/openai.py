"""OpenAI's chat completions, streamed: also any server that speaks them (llama.cpp, vLLM, gateways)."""

import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from backend.clock import Clock, SystemClock
from backend.providers.base import ModelRequest, Outcome, Usage
from backend.providers.client import LazyClient, load_sdk
from backend.providers.config import (
    CONNECT_TIMEOUT_S,
    POOL_TIMEOUT_S,
    WRITE_TIMEOUT_S,
    ProviderConfig,
    api_key,
    key_problem,
)
from backend.providers.outcomes import check_stream_type, failed, from_event, from_status, one_line
from backend.providers.stream import ModelStream, count

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam

BASE_URL = "https://api.openai.com/v1"
REFUSAL_LIMIT = 200
"""Characters kept of a refusal's own words."""
_BROKEN = frozenset({"error", "abort", "cancelled"})
"""Finish reasons of gateways and vLLM that mean the answer is not whole."""


class OpenAIProvider:
    """One model behind the chat completions wire."""

    provider = "openai"

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked.

        `clock` serves only to read a retry-after that is a date.
        """
        self.model = config.model
        self.config = config
        self.clock = clock or SystemClock()
        self.key = api_key(config)
        self.base_url = _base_url(config.base_url)
        self.client: LazyClient[AsyncOpenAI] = LazyClient(self._build)

    def stream(self, request: ModelRequest) -> ModelStream:
        """Ask; see `Provider.stream`."""
        return ModelStream(_Call(self, request))

    async def close(self) -> None:
        """Close the connection pool."""
        if self.client.made is not None:
            await self.client.made.close()

    def _build(self) -> "AsyncOpenAI":
        load_sdk(self.provider)
        from openai import AsyncOpenAI, Timeout

        return AsyncOpenAI(
            api_key=self.key,
            base_url=self.base_url,
            max_retries=0,  # the pipeline owns the retries
            timeout=Timeout(
                connect=CONNECT_TIMEOUT_S,
                read=self.config.read_timeout_s,
                write=WRITE_TIMEOUT_S,
                pool=POOL_TIMEOUT_S,
            ),
            default_headers=dict(self.config.headers),
        )


class _Call:
    """One request under way."""

    def __init__(self, owner: OpenAIProvider, request: ModelRequest) -> None:
        self.usage = Usage()
        self.started = False
        self.secret = owner.key
        self._owner = owner
        self._request = request
        self._finish = ""
        self._refusal = ""

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the first choice's content; reasoning and tool calls pass by."""
        if problem := key_problem(self._owner.provider, self.secret):
            raise failed("auth", problem)
        client = await self._owner.client.get()
        stream = await client.chat.completions.create(
            model=self._owner.model,
            messages=_messages(self._request),
            stream=True,
            stream_options={"include_usage": True},
            **self._options(),
        )
        try:
            check_stream_type(stream.response.headers.get("content-type", ""))
            async for chunk in stream:
                self.started = True
                if chunk.usage is not None:
                    self._count(chunk.usage)
                for choice in chunk.choices or ():
                    if choice.finish_reason:
                        self._finish = str(choice.finish_reason)
                    delta = choice.delta
                    if delta.content:
                        yield delta.content
                    elif delta.refusal and len(self._refusal) < REFUSAL_LIMIT:
                        self._refusal += delta.refusal
        finally:
            await stream.close()

    def ending(self) -> Outcome | None:
        """Whole only when a finish reason came; the SDK keeps the `[DONE]` behind it to itself."""
        if not self._finish:
            return None
        reason = self._finish
        if reason == "content_filter":
            return Outcome("filtered", "the vendor's content filter")
        if self._refusal:
            return Outcome("filtered", one_line(f"the model refused: {self._refusal}"))
        if reason == "length":
            return Outcome("length", "finish reason length")
        if reason in _BROKEN:
            return Outcome("truncated", f"finish reason {reason}", error_class="server", retryable=True)
        return Outcome("complete", "" if reason == "stop" else one_line(f"finish reason {reason}"))

    def failure(self, exc: Exception) -> Outcome | None:
        """Read the SDK's status errors, and the plain `APIError` it makes of an error in the stream."""
        sdk = sys.modules.get("openai")  # its exceptions can't come before it was loaded
        if sdk is None:
            return None
        if isinstance(exc, sdk.APIStatusError):
            return from_status(exc.status_code, exc.body, exc.response.headers, self._owner.clock.wall_ms())
        if type(exc) is sdk.APIError:
            return from_event(getattr(exc, "body", None))
        return None

    def _options(self) -> dict[str, Any]:
        """The options whose names or presence depend on server and request.

        OpenAI's reasoning models refuse `max_tokens`; many compatible servers know nothing else.
        """
        host = urlsplit(self._owner.base_url).hostname or ""
        name = "max_completion_tokens" if host.endswith("api.openai.com") else "max_tokens"
        options: dict[str, Any] = {name: self._request.max_tokens}
        if self._request.temperature is not None:
            options["temperature"] = self._request.temperature
        return options

    def _count(self, usage: Any) -> None:  # noqa: ANN401 - the SDK builds it from any JSON, fields may be missing
        """Take the usage; OpenAI counts cached tokens into `prompt_tokens`, ours are kept apart."""
        details = usage.prompt_tokens_details
        read = count(getattr(details, "cached_tokens", None))
        written = count(getattr(details, "cache_write_tokens", None))
        self.usage = Usage(
            input_tokens=max(count(usage.prompt_tokens) - read - written, 0),
            output_tokens=count(usage.completion_tokens),
            cache_read_tokens=read,
            cache_write_tokens=written,
        )


def _base_url(configured: str | None) -> str:
    """The configured address, with the `/v1` that bare host names leave out."""
    if not configured:
        return BASE_URL
    trimmed = configured.rstrip("/")
    return trimmed if urlsplit(trimmed).path else f"{trimmed}/v1"


def _messages(request: ModelRequest) -> "list[ChatCompletionMessageParam]":
    messages: list[ChatCompletionMessageParam] = []
    if request.system:
        messages.append({"role": "system", "content": request.system})
    for message in request.messages:
        if message.role == "user":
            messages.append({"role": "user", "content": message.text})
        else:
            messages.append({"role": "assistant", "content": message.text})
    return messages
