"""What models a server offers, by its own word, asked with the key and on the way of every other request."""

import difflib
from collections.abc import Sequence

import msgspec

from backend.clock import Clock
from backend.doctor.report import STEP_S
from backend.providers.anthropic import AnthropicProvider
from backend.providers.base import Provider
from backend.providers.ollama import OllamaProvider
from backend.providers.openai import OpenAIProvider
from backend.providers.outcomes import FailedError

MAX_LISTED = 1_000
"""Names taken from a server's list; gateways offer some hundreds."""
SHOWN = 5
LONGEST = 60
"""Characters shown of a name: llama.cpp's is the path of the model's file."""


class Listing(msgspec.Struct, frozen=True):
    """A server's list of models, or why there is none; most servers have one, none has to."""

    names: tuple[str, ...] | None = None
    status: int | None = None
    """HTTP status of a refusal."""

    def holds(self, model: str) -> bool:
        """Whether a model is among them; Ollama's names mean `:latest` where they name no tag."""
        return self.names is not None and (model in self.names or f"{model}:latest" in self.names)

    def nearest(self, model: str) -> str:
        """The name that was probably meant; empty where none is like it."""
        near = difflib.get_close_matches(model, self.names or (), n=1, cutoff=0.5)
        return near[0] if near else ""

    def words(self) -> str:
        """Its beginning, for people."""
        names = [name if len(name) <= LONGEST else f"…{name[-LONGEST:]}" for name in self.names or ()]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return ", ".join(names[:SHOWN]) + more


async def list_models(provider: Provider, clock: Clock) -> Listing:
    """Ask a provider's server for its models; whatever goes wrong, there is just no list. Costs nothing."""
    try:
        if isinstance(provider, AnthropicProvider | OpenAIProvider | OllamaProvider):
            await provider.ready()  # imports its SDK: that is not the server's time
        async with clock.timeout(STEP_S):
            names = await _names(provider)
    except FailedError as error:
        return Listing(status=error.outcome.status)
    except Exception as error:  # noqa: BLE001 - any SDK's, of two trees; the request that follows tells what is wrong
        status = getattr(error, "status_code", None)
        return Listing(status=status if isinstance(status, int) else None)
    return Listing() if names is None else Listing(tuple(names))


async def _names(provider: Provider) -> Sequence[str] | None:
    if isinstance(provider, AnthropicProvider):
        page = await (await provider.ready()).models.list(limit=MAX_LISTED)
        return [str(one.id) for one in page.data[:MAX_LISTED]]
    if isinstance(provider, OllamaProvider):
        answer = await (await provider.ready()).list()
        return [str(one.model) for one in answer.models[:MAX_LISTED] if one.model]
    if isinstance(provider, OpenAIProvider):
        offered = await (await provider.ready()).models.list()
        return [str(one.id) for one in offered.data[:MAX_LISTED]]
    return None  # Azure's list is of what could be deployed, Bedrock's needs another right
