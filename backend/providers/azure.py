"""Azure OpenAI: chat completions of a deployment, at an endpoint of one's own."""

import re
from typing import TYPE_CHECKING

from backend.clock import Clock
from backend.providers.client import load_sdk
from backend.providers.config import ProviderConfig
from backend.providers.openai_wire import NEW_LIMIT, ChatProvider
from backend.providers.outcomes import failed
from backend.providers.reach import environment

if TYPE_CHECKING:
    from openai import AsyncAzureOpenAI, AsyncOpenAI

API_VERSION = "2024-10-21"
"""The last dated version that is no preview; it knows `stream_options`, without which no usage comes.
https://learn.microsoft.com/azure/ai-services/openai/api-version-deprecation"""

# The portal shows addresses with these at the end; the SDK adds its own.
_PATHS = re.compile(r"/openai(?:/v1|/deployments/.*)?/?$")


class AzureProvider(ChatProvider):
    """One deployment; `model` is its name, not that of the model in it."""

    provider = "azure"

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked or warmed.

        Endpoint and API version come from the config, else from AZURE_OPENAI_ENDPOINT and OPENAI_API_VERSION
        as for the SDK itself. `clock` serves to read a retry-after that is a date, and to limit the warming.
        """
        self.endpoint = _endpoint(config.base_url or environment("AZURE_OPENAI_ENDPOINT") or "")
        self.api_version = config.api_version or environment("OPENAI_API_VERSION") or API_VERSION
        super().__init__(config, clock, limit_name=NEW_LIMIT)

    async def ready(self) -> "AsyncOpenAI":
        """The client. Raises `FailedError` when there is no endpoint, too."""
        if not self.endpoint:
            raise failed(
                "not_found",
                "no Azure endpoint: set base_url in the model's config to https://NAME.openai.azure.com, "
                "or AZURE_OPENAI_ENDPOINT",
            )
        return await super().ready()

    def build(self) -> "AsyncAzureOpenAI":
        """Import the SDK and make its client; runs in a thread."""
        load_sdk(self.provider)
        import httpx2
        from openai import AsyncAzureOpenAI

        return AsyncAzureOpenAI(
            azure_endpoint=self.endpoint,
            api_version=self.api_version,
            **self.options(httpx2, self.endpoint),
        )


def _endpoint(configured: str) -> str:
    """The resource's address alone, without the paths that documentation and portal add to it."""
    return _PATHS.sub("", configured.strip().rstrip("/"))
