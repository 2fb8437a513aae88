"""Ask a provider and take down everything it yields."""

from dataclasses import dataclass

from backend.providers.base import Ended, Message, ModelRequest, Outcome, Provider, Text, Usage
from backend.providers.config import ProviderConfig
from backend.providers.registry import open_provider

QUESTION = ModelRequest(system="You triage alerts.", messages=(Message("user", "Is it bad?"),), max_tokens=64)
VENDORS = ("anthropic", "openai", "ollama")


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
    return open_provider(ProviderConfig(vendor, "test-model", base_url=base_url, **fields))  # type: ignore[arg-type]  # keyword fields pass through
