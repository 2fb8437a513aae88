"""What goes out on the wire, and what is counted when the answer comes back."""

from typing import Any

import pytest

from backend.providers.base import Message, ModelRequest, Usage
from backend.providers.config import KEY_VARIABLES, LOCAL_KEY, ProviderConfig
from backend.providers.openai import OpenAIProvider
from backend.providers.registry import open_provider
from tests.integration.providers.asking import AWS, VENDORS, ask, provider_for
from tests.support.vendors import Cut, Done, ReceivedRequest, Script, Status, Tokens, VendorServer

TURNS = ModelRequest(
    system="You triage alerts.",
    messages=(Message("user", "Is it bad?"), Message("assistant", "Yes."), Message("user", "Why?")),
    max_tokens=77,
    temperature=0.25,
)
PLAIN_TURNS = [
    {"role": "user", "content": "Is it bad?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Why?"},
]
COUNTED = Usage(input_tokens=100, output_tokens=20, cache_read_tokens=3000, cache_write_tokens=40)


async def sent_by(vendor: str, request: ModelRequest, **config: object) -> ReceivedRequest:
    async with VendorServer(vendor, [Tokens("ok"), Done()]) as server:
        provider = provider_for(vendor, server.base_url, **config)
        assert (await ask(provider, request)).outcome.kind == "complete"
        await provider.close()
        return server.requests[0]


def key_of(request: ReceivedRequest) -> str:
    """The header with the proof of who asks, whichever the vendor has."""
    names = ("x-api-key", "api-key", "authorization")
    return next((request.headers[name] for name in names if name in request.headers), "")


async def test_anthropic_request() -> None:
    body = (await sent_by("anthropic", TURNS)).body
    assert body["system"] == [
        {"type": "text", "text": "You triage alerts.", "cache_control": {"type": "ephemeral"}}
    ]
    assert body["messages"] == PLAIN_TURNS
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("test-model", 77, 0.25)
    assert body["stream"] is True


async def test_openai_request() -> None:
    body = (await sent_by("openai", TURNS)).body
    assert body["messages"] == [{"role": "system", "content": "You triage alerts."}, *PLAIN_TURNS]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("test-model", 77, 0.25)
    assert "max_completion_tokens" not in body
    assert body["stream_options"] == {"include_usage": True}


async def test_ollama_request() -> None:
    body = (await sent_by("ollama", TURNS)).body
    assert body["messages"] == [{"role": "system", "content": "You triage alerts."}, *PLAIN_TURNS]
    assert body["options"] == {"num_predict": 77, "temperature": 0.25}
    assert body["stream"] is True


async def test_ollama_is_given_room_for_a_long_prompt() -> None:
    body = (await sent_by("ollama", ModelRequest("", (Message("user", "x" * 30_000),), max_tokens=1000))).body
    assert body["options"]["num_ctx"] == 16_384


@pytest.mark.parametrize("vendor", VENDORS)
async def test_without_system_and_temperature(vendor: str) -> None:
    body = (await sent_by(vendor, ModelRequest("", (Message("user", "Hi"),)))).body
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert "temperature" not in body
    assert "temperature" not in body.get("options", {})
    assert body.get("system", []) == []


@pytest.mark.parametrize("vendor", VENDORS)
async def test_own_headers_and_key_are_sent(vendor: str) -> None:
    request = await sent_by(vendor, TURNS, api_key=" sk-mine\n", headers={"X-Team": "soc"})
    assert request.headers["x-team"] == "soc"
    assert key_of(request).endswith("sk-mine")


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_key_from_the_environment_stays_with_the_vendor(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEY_VARIABLES.values():
        monkeypatch.setenv(name, "sk-from-environment")
    request = await sent_by(vendor, TURNS)
    assert not any("sk-from-environment" in value for value in request.headers.values())
    if vendor in AWS:
        assert request.headers["authorization"].startswith(
            "AWS4-HMAC-SHA256 "
        )  # a signature gives no key away
    elif vendor != "ollama":
        assert key_of(request).endswith(LOCAL_KEY)


@pytest.mark.parametrize(
    ("vendor", "variable"), [("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY")]
)
async def test_no_key_is_an_outcome_that_names_the_variable(
    vendor: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    provider = open_provider(ProviderConfig(vendor, "test-model"))
    heard = await ask(provider)
    await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class, heard.outcome.retryable) == (
        "error",
        "auth",
        False,
    )
    assert variable in heard.outcome.detail


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_quoted_key_is_masked(vendor: str) -> None:
    refusal = Status(401, {"error": {"type": "authentication_error", "message": "bad key sk-mine-42"}})
    async with VendorServer(vendor, [refusal]) as server:
        provider = provider_for(vendor, server.base_url, api_key="sk-mine-42")
        heard = await ask(provider)
        await provider.close()
    assert "sk-mine-42" not in heard.outcome.detail
    assert "bad key ***" in heard.outcome.detail


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_key_that_no_header_can_carry(vendor: str) -> None:
    async with VendorServer(vendor, [Done()]) as server:
        provider = provider_for(vendor, server.base_url, api_key="sk-a\x00b")
        heard = await ask(provider)
        await provider.close()
    assert (heard.outcome.kind, heard.outcome.retryable) == ("error", False)
    assert "sk-a" not in heard.outcome.detail


@pytest.mark.parametrize("vendor", VENDORS)
async def test_usage(vendor: str) -> None:
    script: Script = [Tokens("ok"), Done(usage=COUNTED)]
    async with VendorServer(vendor, script) as server:
        provider = provider_for(vendor, server.base_url)
        heard = await ask(provider)
        await provider.close()
    assert heard.usage == (Usage(100, 20) if vendor == "ollama" else COUNTED)


async def test_usage_of_a_broken_stream_is_what_was_counted_by_then() -> None:
    script: Script = [Tokens("ok"), Cut(), Done(usage=COUNTED)]
    async with VendorServer("anthropic", script) as server:
        provider = provider_for("anthropic", server.base_url)
        heard = await ask(provider)
        await provider.close()
    assert heard.outcome.kind == "truncated"
    assert heard.usage == Usage(100, 1, 3000, 40)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_connections_are_used_again_and_scripts_follow_one_another(vendor: str) -> None:
    async with VendorServer(vendor, [Tokens("one"), Done()], [Tokens("two"), Done()]) as server:
        provider = provider_for(vendor, server.base_url)
        answers = [(await ask(provider)).text for _ in range(3)]
        assert server.open_connections == 1
        await provider.close()
    assert answers == ["one", "two", "two"]


async def test_an_answer_may_depend_on_the_request() -> None:
    def echo(request: ReceivedRequest) -> Script:
        last: dict[str, Any] = request.body["messages"][-1]
        return [Tokens([str(last["content"])]), Done()]

    async with VendorServer("openai", echo) as server:
        provider = provider_for("openai", server.base_url)
        assert (await ask(provider, TURNS)).text == "Why?"
        await provider.close()


async def test_openai_itself_is_asked_in_its_own_words() -> None:
    own = OpenAIProvider(ProviderConfig("openai", "m", api_key="k"))
    assert own.call(TURNS).options() == {"max_completion_tokens": 77, "temperature": 0.25}
    assert own.base_url == "https://api.openai.com/v1"
    assert OpenAIProvider(ProviderConfig("openai", "m", base_url="http://127.0.0.1:9/")).base_url.endswith(
        "/v1"
    )
