"""Which vendors there are, one line each, and the way from `PROVIDER:MODEL` to one that can be asked."""

import asyncio
import difflib
from collections.abc import Callable, Iterable

from backend.clock import Clock
from backend.providers.anthropic import AnthropicProvider
from backend.providers.azure import AzureProvider
from backend.providers.base import Provider
from backend.providers.bedrock import open_bedrock
from backend.providers.client import load_sdk
from backend.providers.config import ProviderConfig
from backend.providers.ollama import OllamaProvider
from backend.providers.openai import OpenAIProvider
from backend.providers.reach import check_reach

VENDORS: dict[str, Callable[[ProviderConfig, Clock | None], Provider]] = {
    "anthropic": AnthropicProvider,
    "openai": OpenAIProvider,
    "azure": AzureProvider,
    "bedrock": open_bedrock,
    "ollama": OllamaProvider,
}
"""Every vendor's class; their files import the SDKs only when first asked, so this costs nothing."""

PLAYBOOK = "playbook"
"""The built-in analyst: a spec names it like a vendor, but it needs no provider."""


def parse_spec(spec: str) -> tuple[str, str]:
    """Split `PROVIDER:MODEL`; the playbook has no model and gives ("playbook", "").

    Raises `ValueError` with one line that says what is known and how to write it.
    """
    provider, _, model = (part.strip() for part in spec.partition(":"))
    provider = provider.lower()
    if provider == PLAYBOOK:
        return PLAYBOOK, ""
    check_provider(provider)
    if not model:
        raise ValueError(f"{spec!r} names no model: write {provider}:MODEL")
    return provider, model


def check_provider(provider: str) -> None:
    """Raise `ValueError` when there is no such vendor."""
    if provider in VENDORS:
        return
    known = ", ".join((*VENDORS, PLAYBOOK))
    near = difflib.get_close_matches(provider, (*VENDORS, PLAYBOOK), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(f"no provider {provider!r}: {hint}known are {known}, as in anthropic:MODEL")


def open_provider(config: ProviderConfig, clock: Clock | None = None) -> Provider:
    """The provider for `config`; connects to nothing yet. Reads its CA file, so it may block.

    Raises `ValueError` for an unknown vendor, and where proxy, CA file or headers can't be used.
    """
    if config.provider == PLAYBOOK:
        raise ValueError("the playbook is built in and has no provider")
    check_provider(config.provider)
    check_reach(config)
    return VENDORS[config.provider](config, clock)


async def warm(providers: Iterable[str]) -> None:
    """Import the SDKs of `providers` in a thread, so that the first request does not wait for it.

    Raises `ImportError` when an SDK is not installed.
    """
    for name in dict.fromkeys(providers):
        if name in VENDORS:
            await asyncio.to_thread(load_sdk, name)
