"""Anthropic's Messages API, streamed: also any server that speaks it (llama.cpp's `/v1/messages`)."""

import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

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
from backend.providers.outcomes import check_stream_type, failed, from_event, from_status
from backend.providers.stream import ModelStream, count

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import MessageParam, TextBlockParam

BASE_URL = "https://api.anthropic.com"
_LENGTH = frozenset({"max_tokens", "model_context_window_exceeded"})


class AnthropicProvider:
    """One Anthropic model."""

    provider = "anthropic"

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked.

        `clock` serves only to read a retry-after that is a date.
        """
        self.model = config.model
        self.config = config
        self.clock = clock or SystemClock()
        self.key = api_key(config)
        self.client: LazyClient[AsyncAnthropic] = LazyClient(self._build)

    def stream(self, request: ModelRequest) -> ModelStream:
        """Ask; see `Provider.stream`."""
        return ModelStream(_Call(self, request))

    async def close(self) -> None:
        """Close the connection pool."""
        if self.client.made is not None:
            await self.client.made.close()

    def _build(self) -> "AsyncAnthropic":
        load_sdk(self.provider)
        from anthropic import AsyncAnthropic, Timeout

        return AsyncAnthropic(
            api_key=self.key,
            # The SDK appends /v1/messages itself; many gateways document their address with the /v1.
            base_url=(self.config.base_url or BASE_URL).rstrip("/").removesuffix("/v1"),
            max_retries=0,  # the pipeline owns the retries: the SDK would obey a retry-after of weeks
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

    def __init__(self, owner: AnthropicProvider, request: ModelRequest) -> None:
        self.usage = Usage()
        self.started = False
        self.secret = owner.key
        self._owner = owner
        self._request = request
        self._stop_reason = ""
        self._stop_note = ""
        self._stopped = False

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the text of text blocks; thinking and tool blocks pass by."""
        if problem := key_problem(self._owner.provider, self.secret):
            raise failed("auth", problem)
        client = await self._owner.client.get()
        request = self._request
        # The SDK dropped `temperature` from its arguments; older models and other servers take it.
        extra = None if request.temperature is None else {"temperature": request.temperature}
        stream = await client.messages.create(
            model=self._owner.model,
            max_tokens=request.max_tokens,
            system=_system(request.system),
            messages=_messages(request),
            stream=True,
            extra_body=extra,
        )
        try:
            check_stream_type(stream.response.headers.get("content-type", ""))
            async for event in stream:
                self.started = True
                if event.type == "content_block_delta":
                    if event.delta.type == "text_delta" and event.delta.text:
                        yield event.delta.text
                else:
                    self._note(event)
        finally:
            await stream.close()

    def ending(self) -> Outcome | None:
        """Whole only when `message_stop` came after a stop reason."""
        if not (self._stopped and self._stop_reason):
            return None
        reason = self._stop_reason
        if reason in _LENGTH:
            return Outcome("length", f"stop reason {reason}")
        if reason == "refusal":
            return Outcome("filtered", " ".join(("the model refused", self._stop_note)).strip())
        if reason == "pause_turn":
            return Outcome("truncated", "the vendor paused the turn", retryable=True)
        detail = "" if reason in {"end_turn", "stop_sequence"} else f"stop reason {reason}"
        return Outcome("complete", detail)

    def failure(self, exc: Exception) -> Outcome | None:
        """Read the SDK's status errors: an error event in the stream is one too, with status 200."""
        sdk = sys.modules.get("anthropic")  # its exceptions can't come before it was loaded
        if sdk is None or not isinstance(exc, sdk.APIStatusError):
            return None
        if exc.status_code < 400:
            return from_event(exc.body)
        return from_status(exc.status_code, exc.body, exc.response.headers, self._owner.clock.wall_ms())

    def _note(self, event: Any) -> None:  # noqa: ANN401 - the SDK builds events from any JSON, fields may be missing
        if event.type == "message_start":
            self._add(event.message.usage)
        elif event.type == "message_delta":
            self._add(event.usage)
            self._stop_reason = str(event.delta.stop_reason or "")
            details = getattr(event.delta, "stop_details", None)
            self._stop_note = str(getattr(details, "category", None) or "")
        elif event.type == "message_stop":
            self._stopped = True

    def _add(self, usage: Any) -> None:  # noqa: ANN401 - as above
        """Take what this event counts; the counts are cumulative, so the latest that says a number stands."""
        if usage is None:
            return
        self.usage = Usage(
            input_tokens=count(usage.input_tokens) or self.usage.input_tokens,
            output_tokens=count(usage.output_tokens) or self.usage.output_tokens,
            cache_read_tokens=count(usage.cache_read_input_tokens) or self.usage.cache_read_tokens,
            cache_write_tokens=count(usage.cache_creation_input_tokens) or self.usage.cache_write_tokens,
        )


def _system(text: str) -> "list[TextBlockParam]":
    """The system prompt as a block that ends a cacheable prefix; an empty block would be refused."""
    if not text:
        return []
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def _messages(request: ModelRequest) -> "list[MessageParam]":
    messages: list[MessageParam] = []
    for message in request.messages:
        if message.role == "user":
            messages.append({"role": "user", "content": message.text})
        else:
            messages.append({"role": "assistant", "content": message.text})
    return messages
