"""Ollama's chat, streamed as JSON lines."""

import json
import os
import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from backend.clock import Clock
from backend.providers.base import ModelRequest, Outcome, Usage
from backend.providers.client import load_sdk
from backend.providers.config import LOCAL_KEY, ProviderConfig
from backend.providers.outcomes import FailedError, failed, from_event, from_status, one_line
from backend.providers.reach import timeout, transport
from backend.providers.sdk import SdkProvider, turns
from backend.providers.stream import count

if TYPE_CHECKING:
    import httpx
    from ollama import AsyncClient

BASE_URL = "http://127.0.0.1:11434"
DEFAULT_CONTEXT = 4096
"""Tokens Ollama gives a model unless told; it cuts what is longer without a word."""
MAX_CONTEXT = 131_072


class OllamaProvider(SdkProvider["AsyncClient"]):
    """One model of an Ollama server."""

    provider = "ollama"
    needs_key = False
    """Having none is the rule here."""

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked or warmed.

        Without a configured address `OLLAMA_HOST` is asked, as Ollama's own tools do. `clock` serves to read
        a retry-after that is a date, and to limit the warming.
        """
        self.base_url = config.base_url or os.environ.get("OLLAMA_HOST") or BASE_URL
        super().__init__(config, clock)

    def call(self, request: ModelRequest) -> "_Call":
        """One request under way."""
        return _Call(self, request)

    def build(self) -> "AsyncClient":
        """Import the SDK and make its client; runs in a thread."""
        load_sdk(self.provider)
        import httpx
        from ollama import AsyncClient

        headers = dict(self.config.headers)
        if self.key and self.key != LOCAL_KEY:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        return AsyncClient(
            self.base_url,
            headers=headers,
            timeout=timeout(httpx, self.config),
            transport=transport(httpx, self.config, self.base_url),
            event_hooks={"request": [self._withhold], "response": [self._check]},
        )

    async def touch(self, client: "AsyncClient") -> None:
        """List the models on the server."""
        await client.list()

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
        client = await self._owner.ready()
        request = self._request
        options: dict[str, Any] = {"num_predict": request.max_tokens}
        if request.temperature is not None:
            options["temperature"] = request.temperature
        if (context := _context(request)) > DEFAULT_CONTEXT:
            options["num_ctx"] = context
        form = request.form if self._owner.config.enforce == "schema" else None
        parts: Any = await client.chat(
            model=self._owner.model,
            messages=turns(request, system_first=True),
            stream=True,
            options=options,
            format=json.loads(form.schema) if form is not None else None,
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
