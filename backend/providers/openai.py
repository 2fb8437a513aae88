"""OpenAI's chat completions, streamed: also any server that speaks them (llama.cpp, vLLM, gateways)."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from backend.clock import Clock
from backend.providers.client import load_sdk
from backend.providers.config import ProviderConfig
from backend.providers.openai_wire import NEW_LIMIT, OLD_LIMIT, ChatProvider

if TYPE_CHECKING:
    from openai import AsyncOpenAI

BASE_URL = "https://api.openai.com/v1"


class OpenAIProvider(ChatProvider):
    """One model of OpenAI's, or of a server that speaks its wire."""

    provider = "openai"

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked or warmed.

        `clock` serves to read a retry-after that is a date, and to limit the warming.
        """
        self.base_url = _base_url(config.base_url)
        own = (urlsplit(self.base_url).hostname or "").endswith("api.openai.com")
        super().__init__(config, clock, limit_name=NEW_LIMIT if own else OLD_LIMIT)

    def build(self) -> "AsyncOpenAI":
        """Import the SDK and make its client; runs in a thread."""
        load_sdk(self.provider)
        import httpx2
        from openai import AsyncOpenAI

        return AsyncOpenAI(base_url=self.base_url, **self.options(httpx2, self.base_url))


def _base_url(configured: str | None) -> str:
    """The configured address, with the `/v1` that bare host names leave out."""
    if not configured:
        return BASE_URL
    trimmed = configured.rstrip("/")
    return trimmed if urlsplit(trimmed).path else f"{trimmed}/v1"
