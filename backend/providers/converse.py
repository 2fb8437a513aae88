"""Bedrock's Converse API, streamed: Amazon Nova, Llama, Mistral and all that is not asked as Claude is."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from backend.clock import Clock
from backend.providers.aws import AwsAccess, bearer_token, broken_frame, from_frame, from_http, sign
from backend.providers.base import ModelRequest, Outcome, Usage
from backend.providers.client import load_sdk
from backend.providers.config import ProviderConfig
from backend.providers.outcomes import FailedError, check_stream_type, one_line
from backend.providers.reach import timeout, transport
from backend.providers.sdk import SdkProvider
from backend.providers.stream import count

if TYPE_CHECKING:
    from botocore.eventstream import EventStreamMessage
    from httpx import AsyncClient, Response

ERROR_BODY_LIMIT = 64 * 1024
"""Bytes read of an error's body: AWS writes a few hundred, a proxy's page may be any size."""
CACHE_POINT = {"cachePoint": {"type": "default"}}

# https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html: others refuse a cache point (403).
_CACHES = re.compile(r"\bamazon\.nova-(?:micro|lite|pro|premier|2-)")
# https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
_NO_SYSTEM = re.compile(
    r"\b(?:amazon\.titan|mistral\.mi[sx]tral-\d|cohere\.command-(?:light-)?text|ai21\.j2)"
)
_CACHE_REFUSED = re.compile(r"prompt caching|cache ?point", re.IGNORECASE)

_LENGTH = frozenset({"max_tokens", "model_context_window_exceeded"})
_FILTERED = {
    "guardrail_intervened": "the account's guardrail stepped in",
    "content_filtered": "the vendor's content filter",
}
_BROKEN = frozenset({"malformed_model_output", "malformed_tool_use"})


class ConverseProvider(SdkProvider["AsyncClient"]):
    """One model behind the Converse API."""

    provider = "bedrock"

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked or warmed."""
        super().__init__(config, clock)
        self.key = bearer_token(config)  # None signs instead; both are `access`'s business
        self.access = AwsAccess(config, self.clock)
        self.caches = bool(_CACHES.search(config.model))
        """Whether the model takes cache points; set to False when it refuses one."""
        self.url = ""
        """The endpoint, once it is known."""

    def call(self, request: ModelRequest) -> "_Call":
        """One request under way."""
        return _Call(self, request)

    async def ready(self) -> "AsyncClient":
        """The client. Raises `FailedError` when region or credentials are missing."""
        self.url = (await self.access.get()).url
        return await self.client.get()

    def build(self) -> "AsyncClient":
        """Import what is needed and make the client; runs in a thread."""
        load_sdk("converse")
        import httpx

        return httpx.AsyncClient(
            transport=transport(httpx, self.config, self.url),  # type: ignore[arg-type]  # its interface
            timeout=timeout(httpx, self.config),
            headers=dict(self.config.headers),
        )

    async def touch(self, client: "AsyncClient") -> None:
        """Ask for a page that there is not: nothing that can be asked here is free, the connection stays."""
        await client.get(f"{self.url}/")

    async def shut(self, client: "AsyncClient") -> None:
        """Close the client."""
        await client.aclose()


class _Delta(msgspec.Struct):
    """A piece of a block; what is neither text nor known here is left out."""

    text: str = ""


class _Event(msgspec.Struct):
    """What is read of any event's payload."""

    delta: _Delta | None = None
    stopReason: str = ""
    usage: dict[str, Any] | None = None
    message: str = ""


_DECODER = msgspec.json.Decoder(_Event)


class _Call:
    """One request under way."""

    def __init__(self, owner: ConverseProvider, request: ModelRequest) -> None:
        self.usage = Usage()
        self.started = False
        self.secret: str | None = None
        self._owner = owner
        self._request = request
        self._stop_reason = ""
        self._stopped = False

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the text of content blocks; reasoning and tool use pass by."""
        response = await self._send()
        try:
            from botocore.eventstream import EventStreamBuffer  # was imported with the client

            check_stream_type(response.headers.get("content-type", ""))
            frames = EventStreamBuffer()
            async for data in response.aiter_bytes():
                frames.add_data(data)
                for frame in frames:
                    self.started = True
                    if text := self._read(frame):
                        yield text
        finally:
            await response.aclose()

    def ending(self) -> Outcome | None:
        """Whole only when `messageStop` came with a reason, and `metadata`, the last event, after it."""
        if not (self._stopped and self._stop_reason):
            return None
        reason = self._stop_reason
        if reason in _LENGTH:
            return Outcome("length", f"stop reason {reason}")
        if reason in _FILTERED:
            return Outcome("filtered", _FILTERED[reason])
        if reason in _BROKEN:
            return Outcome("truncated", f"stop reason {reason}", error_class="server", retryable=True)
        plain = reason in {"end_turn", "stop_sequence"}
        return Outcome("complete", "" if plain else one_line(f"stop reason {reason}"))

    def failure(self, exc: Exception) -> Outcome | None:
        """A damaged frame; the HTTP library's exceptions are read where every vendor's are."""
        return broken_frame(exc, started=self.started)

    async def _send(self) -> "Response":
        """Send the request; a model that refuses the cache point is asked once more without it.

        Raises `FailedError` for every status that is no success.
        """
        owner = self._owner
        client = await owner.ready()
        while True:
            cached = owner.caches
            response = await self._post(client, _body(self._request, owner.model, cached=cached))
            if response.is_success:
                return response
            try:
                outcome = from_http(
                    response.status_code, await _error_body(response), response.headers, owner.clock.wall_ms()
                )
            finally:
                await response.aclose()
            if not (cached and _CACHE_REFUSED.search(outcome.detail)):
                raise FailedError(outcome)
            owner.caches = False

    async def _post(self, client: "AsyncClient", body: bytes) -> "Response":
        access = await self._owner.access.get()
        self.secret = access.secret
        url = f"{access.url}/model/{quote(self._owner.model, safe='')}/converse-stream"
        headers = {"Content-Type": "application/json", "Accept": "application/vnd.amazon.eventstream"}
        request = client.build_request("POST", url, content=body)  # refuses addresses that are none
        signed = await asyncio.to_thread(sign, access, str(request.url), headers, body)
        request.headers.update(signed)
        return await client.send(request, stream=True)

    def _read(self, frame: "EventStreamMessage") -> str:
        """The text in a frame. Raises `FailedError` for exception and error frames."""
        headers = frame.headers
        kind = headers.get(":message-type")
        if kind == "error":
            raise FailedError(
                from_frame(str(headers.get(":error-code", "")), str(headers.get(":error-message", "")))
            )
        event = _DECODER.decode(frame.payload or b"{}")
        if kind == "exception":
            raise FailedError(from_frame(str(headers.get(":exception-type", "")), event.message))
        match headers.get(":event-type"):
            case "contentBlockDelta" if event.delta is not None:
                return event.delta.text
            case "messageStop":
                self._stop_reason = event.stopReason
            case "metadata":
                self._count(event.usage or {})
                self._stopped = bool(self._stop_reason)
        return ""

    def _count(self, usage: dict[str, Any]) -> None:
        """Take the usage; `inputTokens` leaves the cache's out already."""
        self.usage = Usage(
            input_tokens=count(usage.get("inputTokens")),
            output_tokens=count(usage.get("outputTokens")),
            cache_read_tokens=count(usage.get("cacheReadInputTokens")),
            cache_write_tokens=count(usage.get("cacheWriteInputTokens")),
        )


async def _error_body(response: "Response") -> object:
    """An error's body as JSON if it is that, else as text, cut at `ERROR_BODY_LIMIT`."""
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > ERROR_BODY_LIMIT:
            break
    try:
        found: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return data[:ERROR_BODY_LIMIT].decode("utf-8", "replace").strip()
    return found


def _body(request: ModelRequest, model: str, *, cached: bool) -> bytes:
    """The request as Converse takes it; a model without system prompts is told before the first question."""
    system = request.system
    turns = [(message.role, message.text) for message in request.messages]
    if system and turns and _NO_SYSTEM.search(model):
        turns[0] = (turns[0][0], f"{system}\n\n{turns[0][1]}")
        system = ""
    inference: dict[str, object] = {"maxTokens": request.max_tokens}
    if request.temperature is not None:
        inference["temperature"] = request.temperature
    body: dict[str, object] = {
        "messages": [{"role": role, "content": [{"text": text}]} for role, text in turns],
        "inferenceConfig": inference,
    }
    if system:
        body["system"] = [{"text": system}, CACHE_POINT] if cached else [{"text": system}]
    return msgspec.json.encode(body)
