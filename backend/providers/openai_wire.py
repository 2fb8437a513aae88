"""The chat completions wire through OpenAI's SDK: what OpenAI itself and Azure have in common."""

import abc
import json
import re
import sys
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from backend.clock import Clock
from backend.providers.base import ModelRequest, Outcome, RateLimits, Usage
from backend.providers.config import ProviderConfig
from backend.providers.outcomes import check_stream_type, from_event, from_status, one_line
from backend.providers.rate_headers import rate_limits
from backend.providers.sdk import SdkProvider, turns
from backend.providers.stream import count

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NEW_LIMIT = "max_completion_tokens"
OLD_LIMIT = "max_tokens"
REFUSAL_LIMIT = 200
"""Characters kept of a refusal's own words."""
_BROKEN = frozenset({"error", "abort", "cancelled"})
"""Finish reasons of gateways and vLLM that mean the answer is not whole."""
_UNKNOWN_NAME = re.compile(
    r"unsupported[ _]parameter|unrecognized request argument|unknown parameter|extra inputs"
)


class ChatProvider(SdkProvider["AsyncOpenAI"], abc.ABC):
    """One model behind the chat completions wire."""

    def __init__(self, config: ProviderConfig, clock: Clock | None, *, limit_name: str) -> None:
        """Prepare; `limit_name` is what requests call the longest answer, until a server objects."""
        super().__init__(config, clock)
        self.limit_name = limit_name

    def call(self, request: ModelRequest) -> "ChatCall":
        """One request under way."""
        return ChatCall(self, request)

    async def touch(self, client: "AsyncOpenAI") -> None:
        """List the models: free, and every server of this wire answers it somehow."""
        from httpx2 import Response  # loaded with the SDK

        await client.get("/models", cast_to=Response)


class ChatCall:
    """One request under way."""

    def __init__(self, owner: ChatProvider, request: ModelRequest) -> None:
        """Prepare; nothing is sent before `texts`."""
        self.usage = Usage()
        self.limits: RateLimits | None = None
        self.started = False
        self.secret = owner.key
        self._owner = owner
        self._request = request
        self._finish = ""
        self._refusal = ""
        self._categories = ""

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield the first choice's content; reasoning, tool calls and Azure's filter notes pass by."""
        client = await self._owner.ready()
        stream = await self._ask(client)
        try:
            self.limits = rate_limits(stream.response.headers, self._owner.clock.wall_ms())
            check_stream_type(stream.response.headers.get("content-type", ""))
            async for chunk in stream:
                self.started = True
                if chunk.usage is not None:
                    self._count(chunk.usage)
                for choice in chunk.choices or ():
                    if choice.finish_reason:
                        self._note_end(choice)
                    delta = choice.delta
                    if delta is None:  # Azure's filters speak for themselves, after the text they looked at
                        continue
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
            return Outcome("filtered", f"the vendor's content filter{self._categories}")
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
            now_ms = self._owner.clock.wall_ms()
            self.limits = rate_limits(exc.response.headers, now_ms)
            outcome = from_status(exc.status_code, exc.body, exc.response.headers, now_ms)
            if outcome.kind != "filtered":
                return outcome
            detail = f"the vendor's content filter refused the prompt{_refused_for(exc.body)}"
            return msgspec.structs.replace(outcome, detail=detail)
        if type(exc) is sdk.APIError:
            return from_event(getattr(exc, "body", None))
        return None

    def options(self) -> dict[str, Any]:
        """The options whose names or presence depend on server and request."""
        options: dict[str, Any] = {self._owner.limit_name: self._request.max_tokens}
        if self._request.temperature is not None:
            options["temperature"] = self._request.temperature
        form, enforce = self._request.form, self._owner.config.enforce
        if form is not None and enforce == "grammar":
            options["extra_body"] = {"grammar": form.grammar}
        elif form is not None and enforce == "schema":
            schema = {"name": form.name, "strict": True, "schema": json.loads(form.schema)}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        return options

    async def _ask(self, client: "AsyncOpenAI") -> Any:  # noqa: ANN401 - the SDK's stream
        """Send the request; again under the limit's other name where the server does not know this one.

        Reasoning models refuse `max_tokens`, older models and many compatible servers know nothing else, and
        an Azure deployment's name does not tell which it is. The server has done no work by then; the name
        that it takes is kept.
        """
        name = self._owner.limit_name
        try:
            return await self._create(client)
        except Exception as exc:
            if not _objects_to(name, exc):
                raise
        self._owner.limit_name = OLD_LIMIT if name == NEW_LIMIT else NEW_LIMIT
        return await self._create(client)

    async def _create(self, client: "AsyncOpenAI") -> Any:  # noqa: ANN401 - as above
        return await client.chat.completions.create(
            model=self._owner.model,
            messages=turns(self._request, system_first=True),
            stream=True,
            stream_options={"include_usage": True},
            **self.options(),
        )

    def _note_end(self, choice: Any) -> None:  # noqa: ANN401 - the SDK builds it from any JSON
        self._finish = str(choice.finish_reason)
        self._categories = _categories(getattr(choice, "content_filter_results", None))

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


def _objects_to(name: str, exc: Exception) -> bool:
    """Whether a server refused a request because it does not know the option `name`."""
    sdk = sys.modules["openai"]
    if not isinstance(exc, sdk.APIStatusError) or exc.status_code not in {400, 422}:
        return False
    said = f"{exc.code} {exc.message}".lower()
    return name in said and _UNKNOWN_NAME.search(said) is not None


def _refused_for(body: object) -> str:
    """Which of Azure's filters a prompt ran into, from the body of the 400."""
    inner = body.get("innererror") if isinstance(body, Mapping) else None
    results = inner.get("content_filter_result") if isinstance(inner, Mapping) else None
    return _categories(results)


def _categories(results: object) -> str:
    """The filters that took offence, as ` (hate, jailbreak)`; empty when it was not said."""
    if not isinstance(results, Mapping):
        return ""
    named = [
        str(name) for name, found in results.items() if isinstance(found, Mapping) and found.get("filtered")
    ]
    return " " + one_line(f"({', '.join(named)})") if named else ""
