"""An SDK's client, made once, off the loop: the imports cost seconds and a client reads certificate files."""

import asyncio
import contextlib
import importlib
from collections.abc import Callable
from typing import Generic, TypeVar

ClientT = TypeVar("ClientT")

_AWS = ("botocore.auth", "botocore.awsrequest", "botocore.credentials", "botocore.eventstream")
# Where the SDK has not its vendor's name.
_SDKS = {"azure": "openai", "bedrock": "anthropic", "converse": "httpx"}
_CHAT = (
    "openai.resources.chat.chat",
    "openai.resources.chat.completions.completions",
    "anyio._backends._asyncio",
)
# What each SDK imports by itself, but only at its first request, which is on the loop.
_LATE: dict[str, tuple[str, ...]] = {
    "anthropic": ("anthropic.resources.messages", "opentelemetry.propagate", "anyio._backends._asyncio"),
    "openai": _CHAT,
    "azure": _CHAT,
    "ollama": ("anyio.streams.tls", "anyio._backends._asyncio"),
    "bedrock": (
        *_AWS,
        "boto3",
        "botocore.parsers",
        "anthropic.lib.bedrock",
        "anthropic.lib.aws",
        "anthropic.resources.messages",
        "opentelemetry.propagate",
        "anyio._backends._asyncio",
    ),
    "converse": (*_AWS, "anyio.streams.tls", "anyio._backends._asyncio"),
}


def load_sdk(vendor: str) -> None:
    """Import a vendor's SDK and all it needs for a request: one to three seconds of CPU, for a thread.

    Raises `ImportError` when it is not installed.
    """
    importlib.import_module(_SDKS.get(vendor, vendor))
    for name in _LATE[vendor]:
        with contextlib.suppress(ImportError):  # another version may have no such part
            importlib.import_module(name)


class LazyClient(Generic[ClientT]):
    """Builds a client in a thread when it is first asked for."""

    def __init__(self, build: Callable[[], ClientT]) -> None:
        """Keep `build`; it runs in a thread, once, and imports what it needs."""
        self._build = build
        self._lock = asyncio.Lock()
        self._client: ClientT | None = None

    @property
    def made(self) -> ClientT | None:
        """The client if there is one yet."""
        return self._client

    async def get(self) -> ClientT:
        """The client; the first caller builds it, the others wait. Raises what `build` raises."""
        if self._client is None:
            async with self._lock:
                if self._client is None:
                    self._client = await asyncio.to_thread(self._build)
        return self._client
