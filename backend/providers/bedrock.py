"""AWS Bedrock: Claude through Anthropic's own SDK, every other model through the Converse API."""

import contextlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from backend.clock import Clock
from backend.providers.anthropic import MessagesCall
from backend.providers.aws import (
    Access,
    AwsAccess,
    bearer_token,
    broken_frame,
    check_region,
    from_frame,
    from_http,
)
from backend.providers.base import ModelRequest, Outcome
from backend.providers.client import load_sdk
from backend.providers.config import ProviderConfig
from backend.providers.converse import ConverseProvider
from backend.providers.sdk import SdkProvider

if TYPE_CHECKING:
    from anthropic import AsyncAnthropicBedrock
    from anthropic.resources.messages import AsyncMessages

# Claude before prompt caching: these refuse a request that marks something for the cache.
# https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
_UNCACHED = re.compile(r"claude-(?:v2|instant|3-(?:opus|sonnet|haiku)-|3-5-sonnet-20240620)")


def open_bedrock(config: ProviderConfig, clock: Clock | None = None) -> "ClaudeOnBedrock | ConverseProvider":
    """The way to a model, chosen by its id, region-prefixed id or ARN; connects to nothing yet.

    An application inference profile does not tell its model: Converse takes them all. Raises `ValueError`
    when the extra that Bedrock needs is not installed, or the region is none.
    """
    check_region(config)
    claude = "anthropic." in config.model
    for module in ("botocore", "boto3") if claude else ("botocore",):
        if importlib.util.find_spec(module) is None:
            raise ValueError(f"bedrock needs {module}: install watchfloor[aws]")
    return ClaudeOnBedrock(config, clock) if claude else ConverseProvider(config, clock)


class ClaudeOnBedrock(SdkProvider["AsyncAnthropicBedrock"]):
    """One of Anthropic's models, over `invoke-with-response-stream`."""

    provider = "bedrock"

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked or warmed."""
        super().__init__(config, clock)
        self.key = bearer_token(config)  # None signs instead; both are `access`'s business
        self.access = AwsAccess(config, self.clock)
        self._last: Access | None = None

    def call(self, request: ModelRequest) -> "_Call":
        """One request under way."""
        caches = not _UNCACHED.search(self.model)
        return _Call(self._messages, request, model=self.model, clock=self.clock, caches=caches)

    async def ready(self) -> "AsyncAnthropicBedrock":
        """The client, with credentials that are valid now. Raises `FailedError` when there are none."""
        access = self._last = await self.access.get()
        client = await self.client.get()
        # The SDK reads these for each request; its constructor would take a token from the environment
        # even where that must not go.
        client.api_key = access.bearer
        if access.keys is not None:
            client.aws_access_key = access.keys.access_key
            client.aws_secret_key = access.keys.secret_key
            client.aws_session_token = access.keys.token
        return client

    def build(self) -> "AsyncAnthropicBedrock":
        """Import the SDK and make its client; runs in a thread."""
        load_sdk(self.provider)
        import httpx2
        from anthropic import AsyncAnthropicBedrock
        from anthropic.lib.bedrock._stream_decoder import get_response_stream_shape

        get_response_stream_shape()  # reads a large file, which the SDK would do on the loop
        access = self._last
        assert access is not None  # noqa: S101  # `ready` has it before it asks for a client
        options = {**self.options(httpx2, access.url), "api_key": access.bearer or ""}
        return AsyncAnthropicBedrock(aws_region=access.region, base_url=access.url, **options)

    async def touch(self, client: "AsyncAnthropicBedrock") -> None:
        """Ask for a page that there is not: nothing that can be asked here is free, the connection stays."""
        from anthropic import APIStatusError
        from httpx2 import Response  # loaded with the SDK

        with contextlib.suppress(APIStatusError):
            await client.get("/", cast_to=Response)

    async def _messages(self, call: MessagesCall) -> "AsyncMessages":
        client = await self.ready()
        call.secret = self._last.secret if self._last else None
        return client.messages


class _Call(MessagesCall):
    """One request under way: Anthropic's events in AWS's frames, with AWS's errors."""

    def failure(self, exc: Exception) -> Outcome | None:
        """Read damaged frames, exception frames and AWS's HTTP errors; the rest is as Anthropic's."""
        if (broken := broken_frame(exc, started=self.started)) is not None:
            return broken
        sdk = sys.modules.get("anthropic")
        if sdk is None or not isinstance(exc, sdk.APIStatusError):
            return None
        if exc.status_code >= 400:
            return from_http(exc.status_code, exc.body, exc.response.headers, self.clock.wall_ms())
        inner = exc.body.get("error") if isinstance(exc.body, Mapping) else None
        if isinstance(inner, Mapping):
            return from_frame(str(inner.get("type", "")), str(inner.get("message", "")))
        return super().failure(exc)
