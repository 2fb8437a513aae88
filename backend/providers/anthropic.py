"""Anthropic's Messages API, streamed: also any server that speaks it (llama.cpp's `/v1/messages`)."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from backend.clock import Clock
from backend.providers.base import ModelRequest, Outcome, RateLimits, Usage
from backend.providers.client import load_sdk
from backend.providers.outcomes import check_stream_type, from_event, from_status
from backend.providers.rate_headers import rate_limits
from backend.providers.sdk import SdkProvider, turns
from backend.providers.stream import count

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.resources.messages import AsyncMessages
    from anthropic.types import TextBlockParam

BASE_URL = "https://api.anthropic.com"
_LENGTH = frozenset({"max_tokens", "model_context_window_exceeded"})


class AnthropicProvider(SdkProvider["AsyncAnthropic"]):
    """One Anthropic model."""

    provider = "anthropic"

    def call(self, request: ModelRequest) -> "MessagesCall":
        """One request under way."""
        return MessagesCall(self._messages, request, model=self.model, clock=self.clock, secret=self.key)

    def build(self) -> "AsyncAnthropic":
        """Import the SDK and make its client; runs in a thread."""
        load_sdk(self.provider)
        import httpx2
        from anthropic import AsyncAnthropic

        # The SDK appends /v1/messages itself; many gateways document their address with the /v1.
        base_url = (self.config.base_url or BASE_URL).rstrip("/").removesuffix("/v1")
        return AsyncAnthropic(base_url=base_url, **self.options(httpx2, base_url))

    async def touch(self, client: "AsyncAnthropic") -> None:
        """List the models: free, and every server of this wire answers it somehow."""
        from httpx2 import Response  # loaded with the SDK

        await client.get("/v1/models", cast_to=Response)

    async def _messages(self, _: "MessagesCall") -> "AsyncMessages":
        return (await self.ready()).messages


class MessagesCall:
    """One request under way, wherever the Messages API is served from."""

    def __init__(
        self,
        door: "Callable[[MessagesCall], Awaitable[AsyncMessages]]",
        request: ModelRequest,
        *,
        model: str,
        clock: Clock,
        secret: str | None = None,
        caches: bool = True,
    ) -> None:
        """Prepare; `door` gives the SDK's resource, ready to be asked, and may set the call's `secret`.

        `caches` says whether the model may be told what to keep in its prompt cache.
        """
        self.usage = Usage()
        self.limits: RateLimits | None = None
        self.started = False
        self.secret = secret
        self.clock = clock
        self._door = door
        self._model = model
        self._caches = caches
        self._request = request
        self._stop_reason = ""
        self._stop_note = ""
        self._stopped = False

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the text of text blocks; thinking and tool blocks pass by."""
        messages = await self._door(self)
        request = self._request
        # The SDK dropped `temperature` from its arguments; older models and other servers take it.
        extra = None if request.temperature is None else {"temperature": request.temperature}
        stream = await messages.create(
            model=self._model,
            max_tokens=request.max_tokens,
            system=_system(request.system, caches=self._caches),
            messages=turns(request),
            stream=True,
            extra_body=extra,
        )
        try:
            self.limits = rate_limits(stream.response.headers, self.clock.wall_ms())
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
        now_ms = self.clock.wall_ms()
        self.limits = rate_limits(exc.response.headers, now_ms)
        return from_status(exc.status_code, exc.body, exc.response.headers, now_ms)

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


def _system(text: str, *, caches: bool) -> "list[TextBlockParam]":
    """The system prompt as a block that ends a cacheable prefix; an empty block would be refused."""
    if not text:
        return []
    if not caches:
        return [{"type": "text", "text": text}]
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
