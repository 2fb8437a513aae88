"""Prices: the shipped list, overrides, local models, and the sums."""

import socket

import pytest

from backend.providers.base import Usage
from backend.providers.config import is_local
from backend.providers.prices import FREE, UNKNOWN, Price, cost_usd, price_for, saved_usd

SONNET = "claude-sonnet-4-5"


def test_a_listed_model_with_its_cache_prices() -> None:
    # https://www.anthropic.com/pricing: Claude Sonnet 4.5, prompts up to 200K tokens.
    assert price_for("anthropic", SONNET) == Price(3.0, 15.0, 0.3, 3.75, known=True)


def test_a_dated_name_is_the_same_model() -> None:
    assert price_for("anthropic", f"{SONNET}-20250929") == price_for("anthropic", SONNET)


def test_openai_asks_no_surcharge_for_cache_writes() -> None:
    price = price_for("openai", "gpt-4o-mini")
    assert price == Price(0.15, 0.6, 0.075, 0.15, known=True)


def test_an_unknown_model_is_said_to_be_unknown() -> None:
    price = price_for("openai", "no-such-model-9000")
    assert not price.known
    assert cost_usd(price, Usage(1000, 1000)) == 0


@pytest.mark.parametrize(
    ("provider", "base_url"),
    [
        ("ollama", None),
        ("openai", "http://127.0.0.1:8080/v1"),
        ("anthropic", "http://10.1.2.3"),
        ("playbook", None),
    ],
)
def test_local_models_are_free(provider: str, base_url: str | None) -> None:
    assert price_for(provider, SONNET, base_url=base_url) == FREE


def test_a_gateway_costs_what_the_vendor_does() -> None:
    assert price_for("anthropic", SONNET, base_url="https://llm.example.com") == price_for(
        "anthropic", SONNET
    )


@pytest.mark.parametrize(
    ("deployment", "same_as"),
    [
        ("gpt-4o", "gpt-4o"),
        ("soc-gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4o-mini-eu", "gpt-4o-mini"),
        ("SOC-GPT-4.1", "gpt-4.1"),
        ("triage", None),
        ("a-" * 31 + "a", None),
    ],
)
def test_an_azure_deployment_costs_what_the_model_in_its_name_does(
    deployment: str, same_as: str | None
) -> None:
    for address in (None, "https://soc.openai.azure.com"):
        price = price_for("azure", deployment, base_url=address)
        assert price.known is (same_as is not None)
        assert price == (price_for("azure", same_as) if same_as else UNKNOWN)


def test_overrides() -> None:
    assert price_for("anthropic", SONNET, usd_per_mtok_input=6.0) == Price(6.0, 15.0, 0.6, 7.5, known=True)
    assert price_for("anthropic", SONNET, usd_per_mtok_output=1.0) == Price(3.0, 1.0, 0.3, 3.75, known=True)
    own = price_for("openai", "no-such", usd_per_mtok_input=2.0, usd_per_mtok_output=4.0)
    assert own == Price(2.0, 4.0, 2.0, 2.0, known=True)
    assert not price_for("openai", "no-such", usd_per_mtok_input=2.0).known
    assert price_for("ollama", "llama3", usd_per_mtok_input=0.1).input_per_mtok == 0.1


def test_sums() -> None:
    price = Price(3.0, 15.0, 0.3, 3.75, known=True)
    usage = Usage(input_tokens=1000, output_tokens=200, cache_read_tokens=5000, cache_write_tokens=400)
    assert cost_usd(price, usage) == pytest.approx(0.003 + 0.003 + 0.0015 + 0.0015)
    assert saved_usd(price, usage) == pytest.approx(5000 * 2.7 / 1e6)


def test_the_list_agrees_with_its_own_arithmetic() -> None:
    from genai_prices import Usage as ListUsage
    from genai_prices import calc_price

    usage = Usage(input_tokens=1000, output_tokens=200, cache_read_tokens=5000, cache_write_tokens=400)
    theirs = calc_price(
        ListUsage(input_tokens=6400, cache_read_tokens=5000, cache_write_tokens=400, output_tokens=200),
        SONNET,
        provider_id="anthropic",
    )
    assert cost_usd(price_for("anthropic", SONNET), usage) == pytest.approx(float(theirs.total_price))


def test_a_price_is_looked_up_once_and_never_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import genai_prices

    def refuse(*_: object) -> None:
        raise AssertionError("a price list must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    first = price_for("anthropic", "claude-haiku-4-5")
    monkeypatch.setattr(genai_prices, "calc_price", refuse)
    assert price_for("anthropic", "claude-haiku-4-5") is first


@pytest.mark.parametrize(
    ("base_url", "local"),
    [
        ("http://localhost:11434", True),
        ("http://[::1]:8080/v1", True),
        ("192.168.1.7:8000", True),
        ("http://gpu.lan/v1", True),
        ("https://api.anthropic.com", False),
        ("https://8.8.8.8/v1", False),
        ("https://localhost.example.com", False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_local(base_url: str | None, local: bool) -> None:
    assert is_local(base_url) is local
