"""Ollama's chat, streamed as JSON lines."""

import os
import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from backend.clock import Clock, SystemClock
from backend.providers.base import ModelRequest, Outcome, Usage
from backend.providers.client import LazyClient, load_sdk
from backend.providers.config import (
    CONNECT_TIMEOUT_S,
    LOCAL_KEY,
    POOL_TIMEOUT_S,
    WRITE_TIMEOUT_S,
    ProviderConfig,
    api_key,
    key_problem,
)
from backend.providers.outcomes import FailedError, failed, from_event, from_status, one_line
from backend.providers.stream import ModelStream, count

if TYPE_CHECKING:
    import httpx
    from ollama import AsyncClient

BASE_URL = "http://127.0.0.1:11434"
DEFAULT_CONTEXT = 4096
"""Tokens Ollama gives a model unless told; it cuts what is longer without a word."""
MAX_CONTEXT = 131_072


class OllamaProvider:
    """One model of an Ollama server."""

    provider = "ollama"

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked.

        Without a configured address `OLLAMA_HOST` is asked, as Ollama's own tools do.
        `clock` serves only to read a retry-after that is a date.
        """
        self.model = config.model
        self.config = config
        self.clock = clock or SystemClock()
        self.key = api_key(config)
        self.base_url = config.base_url or os.environ.get("OLLAMA_HOST") or BASE_URL
        self.client: LazyClient[AsyncClient] = LazyClient(self._build)

    def stream(self, request: ModelRequest) -> ModelStream:
        """Ask; see `Provider.stream`."""
        return ModelStream(_Call(self, request))

    async def close(self) -> None:
        """Close the connection pool."""
        if self.client.made is not None:
            await self.client.made.close()  # type: ignore[no-untyped-call]  # the SDK's is bare

    def _build(self) -> "AsyncClient":
        load_sdk(self.provider)
        import httpx
        from ollama import AsyncClient

        headers = dict(self.config.headers)
        if self.key and self.key != LOCAL_KEY:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        return AsyncClient(
            self.base_url,
            headers=headers,
            timeout=httpx.Timeout(
                connect=CONNECT_TIMEOUT_S,
                read=self.config.read_timeout_s,
                write=WRITE_TIMEOUT_S,
                pool=POOL_TIMEOUT_S,
            ),
            event_hooks={"request": [self._withhold], "response": [self._check]},
        )

    async def _withhold(self, request: "httpx.Request") -> None:
        """Take out the key that the SDK adds from the environment by itself, where it is not ours to send."""
        if self.key == LOCAL_KEY and "authorization" not in {name.lower() for name in self.config.headers}:
            request.headers.pop("authorization", None)

    async def _check(self, response: "httpx.Response") -> None:
        """Read a refusal here, where its headers are: the SDK's own error keeps text and status alone."""
        if response.status_code < 400:
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "text/html":
                raise failed(
                    "protocol", "the server answered with a page, not a stream: check base_url", status=200
                )
            return
        await response.aread()
        try:
            body: object = response.json()
        except ValueError:  # JSON and text decoding errors alike
            body = response.content.decode("utf-8", "replace")
        outcome = from_status(response.status_code, body, response.headers, self.clock.wall_ms())
        raise FailedError(outcome)


class _Call:
    """One request under way."""

    def __init__(self, owner: OllamaProvider, request: ModelRequest) -> None:
        self.usage = Usage()
        self.started = False
        self.secret = owner.key
        self._owner = owner
        self._request = request
        self._done_reason: str | None = None

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the message's content; thinking and tool calls pass by."""
        if self.secret is not None and (problem := key_problem(self._owner.provider, self.secret)):
            raise failed("auth", problem)  # having none is the rule here
        client = await self._owner.client.get()
        request = self._request
        options: dict[str, Any] = {"num_predict": request.max_tokens}
        if request.temperature is not None:
            options["temperature"] = request.temperature
        if (context := _context(request)) > DEFAULT_CONTEXT:
            options["num_ctx"] = context
        parts: Any = await client.chat(
            model=self._owner.model, messages=_messages(request), stream=True, options=options
        )
        try:
            async for part in parts:
                self.started = True
                if part.message.content:
                    yield part.message.content
                if part.done:
                    self._done_reason = str(part.done_reason or "stop")
                    self.usage = Usage(
                        input_tokens=count(part.prompt_eval_count), output_tokens=count(part.eval_count)
                    )
        finally:
            await parts.aclose()

    def ending(self) -> Outcome | None:
        """Whole only when an object said `done`."""
        if self._done_reason is None:
            return None
        if self._done_reason == "length":
            return Outcome("length", "done reason length")
        detail = "" if self._done_reason == "stop" else one_line(f"done reason {self._done_reason}")
        return Outcome("complete", detail)

    def failure(self, exc: Exception) -> Outcome | None:
        """Read the SDK's error for an `error` object in the stream; refusals were read by their headers."""
        sdk = sys.modules.get("ollama")  # its exceptions can't come before it was loaded
        if sdk is not None and isinstance(exc, sdk.ResponseError):
            return from_event({"error": exc.error})
        return None


def _context(request: ModelRequest) -> int:
    """Tokens of context the request may need, in powers of two, since Ollama reloads a model when it changes.

    Three characters a token is on the safe side for logs and JSON (English prose has about four).
    """
    characters = len(request.system) + sum(len(message.text) for message in request.messages)
    need = characters // 3 + request.max_tokens
    return min(1 << max(need - 1, 1).bit_length(), MAX_CONTEXT)


def _messages(request: ModelRequest) -> list[dict[str, str]]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return system + [{"role": message.role, "content": message.text} for message in request.messages]
