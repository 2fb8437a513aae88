"""What tokens cost: the genai-prices list as it was shipped, asked once per model, never over the network."""

import contextlib
import functools
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from backend.providers.base import Usage
from backend.providers.config import is_local

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

MTOK = 1_000_000
MAX_WORDS = 12
"""Of an Azure deployment's name that are looked at; Azure allows 64 characters."""

_LIST_IDS = {"anthropic": "anthropic", "openai": "openai", "azure": "azure", "bedrock": "aws"}
"""Our provider names to those of the price list."""


class Price(msgspec.Struct, frozen=True, gc=False):
    """US dollars per million tokens."""

    input_per_mtok: float
    output_per_mtok: float
    cache_read_per_mtok: float
    cache_write_per_mtok: float
    known: bool
    """False where neither the list nor the config has a price: costs then count as 0, and that is said."""


FREE = Price(0.0, 0.0, 0.0, 0.0, known=True)
UNKNOWN = Price(0.0, 0.0, 0.0, 0.0, known=False)


def price_for(
    provider: str,
    model: str,
    *,
    base_url: str | None = None,
    usd_per_mtok_input: float | None = None,
    usd_per_mtok_output: float | None = None,
) -> Price:
    """The price of one model, with what the config says laid over the list.

    A server of one's own (ollama, or an address on this machine or a private network) costs nothing. The
    first call in a process imports the list and takes about a second: make it off the loop, or after
    `warm_prices`. Tiers are ignored: they begin at prompts of 200,000 tokens, far above what is sent here.
    """
    local = provider in {"ollama", "playbook"} or is_local(base_url)
    listed = FREE if local else _listed(provider, model, base_url)
    if usd_per_mtok_input is None and usd_per_mtok_output is None:
        return listed
    fresh = listed.input_per_mtok if usd_per_mtok_input is None else usd_per_mtok_input
    # Cache prices are set by vendors as shares of the input price, so they follow an override in proportion.
    share = fresh / listed.input_per_mtok if listed.input_per_mtok else 0.0
    return Price(
        input_per_mtok=fresh,
        output_per_mtok=listed.output_per_mtok if usd_per_mtok_output is None else usd_per_mtok_output,
        cache_read_per_mtok=listed.cache_read_per_mtok * share if share else fresh,
        cache_write_per_mtok=listed.cache_write_per_mtok * share if share else fresh,
        known=listed.known or (usd_per_mtok_input is not None and usd_per_mtok_output is not None),
    )


def cost_usd(price: Price, usage: Usage) -> float:
    """What a call cost, in dollars."""
    return (
        usage.input_tokens * price.input_per_mtok
        + usage.output_tokens * price.output_per_mtok
        + usage.cache_read_tokens * price.cache_read_per_mtok
        + usage.cache_write_tokens * price.cache_write_per_mtok
    ) / MTOK


def saved_usd(price: Price, usage: Usage) -> float:
    """What reading from the prompt cache saved against the same tokens as fresh input, in dollars."""
    return usage.cache_read_tokens * (price.input_per_mtok - price.cache_read_per_mtok) / MTOK


def warm_prices() -> None:
    """Import the list and build its index: 0.5 to 1 s of CPU, for a thread."""
    _listed("anthropic", "claude-sonnet-4-5", None)


@functools.lru_cache(maxsize=256)
def _listed(provider: str, model: str, base_url: str | None) -> Price:
    """What the list says; a gateway's address first, then the vendor whose wire it speaks."""
    from genai_prices import Usage as ListUsage  # 0.3 to 0.6 s, only when needed
    from genai_prices import calc_price

    nothing = ListUsage(input_tokens=0, output_tokens=0)
    if base_url:
        with contextlib.suppress(LookupError):
            return _flat(calc_price(nothing, model, provider_api_url=base_url).model_price)
    for name in _names(provider, model):
        with contextlib.suppress(LookupError):
            return _flat(calc_price(nothing, name, provider_id=_LIST_IDS.get(provider, provider)).model_price)
    return UNKNOWN


def _names(provider: str, model: str) -> list[str]:
    """What `model` may be called in the list; of an Azure deployment, every run of words in its name.

    A deployment is named by its owner, mostly after the model in it: soc-gpt-4o-mini. The longest run that
    the list knows is the model; a name that does not tell needs `usd_per_mtok_*`.
    """
    words = model.lower().split("-")[:MAX_WORDS]
    if provider != "azure":
        return [model]
    runs = [words[i:j] for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
    return [model, *("-".join(run) for run in sorted(runs, key=len, reverse=True))]


def _flat(listed: "ModelPrice") -> Price:
    """The base tier; where a cache price is missing the vendor gives no discount and asks no surcharge."""
    fresh = _rate(listed, "input_mtok") or 0.0
    read, write = _rate(listed, "cache_read_mtok"), _rate(listed, "cache_write_mtok")
    return Price(
        input_per_mtok=fresh,
        output_per_mtok=_rate(listed, "output_mtok") or 0.0,
        cache_read_per_mtok=fresh if read is None else read,
        cache_write_per_mtok=fresh if write is None else write,
        known=True,
    )


def _rate(listed: "ModelPrice", name: str) -> float | None:
    """One entry of the list: a number, or tiers with a base, or nothing."""
    value = getattr(listed, name, None)
    value = getattr(value, "base", value)
    return float(value) if isinstance(value, Decimal) else None
