"""Ask a provider and take down everything it yields."""

from dataclasses import dataclass

from backend.providers.base import Ended, Message, ModelRequest, Outcome, Provider, Text, Usage
from backend.providers.config import ProviderConfig
from backend.providers.registry import open_provider
from tests.support.vendors.bedrock import REGION

QUESTION = ModelRequest(system="You triage alerts.", messages=(Message("user", "Is it bad?"),), max_tokens=64)
VENDORS = ("anthropic", "openai", "azure", "ollama", "bedrock", "converse")
AWS = {"bedrock": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "converse": "eu.amazon.nova-lite-v1:0"}
"""Bedrock's two wires, each with a model that is asked over it."""


@dataclass
class Heard:
    """One whole stream."""

    texts: list[str]
    outcome: Outcome
    usage: Usage

    @property
    def text(self) -> str:
        return "".join(self.texts)


async def ask(provider: Provider, request: ModelRequest = QUESTION) -> Heard:
    """Read a stream to its end; fails unless it ends with exactly one `Ended`, after non-empty texts."""
    chunks = [chunk async for chunk in provider.stream(request)]
    last = chunks[-1]
    assert isinstance(last, Ended)
    texts = []
    for chunk in chunks[:-1]:
        assert isinstance(chunk, Text)
        assert chunk.text
        texts.append(chunk.text)
    return Heard(texts, last.outcome, last.usage)


def provider_for(vendor: str, base_url: str, **config: object) -> Provider:
    """A provider for a loopback server."""
    fields = {"read_timeout_s": 5.0, **config}
    model = "test-model"
    if vendor in AWS:
        fields, model, vendor = {"region": REGION, **fields}, AWS[vendor], "bedrock"
    return open_provider(ProviderConfig(vendor, model, base_url=base_url, **fields))  # type: ignore[arg-type]  # keyword fields pass through
