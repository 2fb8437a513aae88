"""What doctor says of a model, without a server."""

import typing

import pytest

from backend.clock import SystemClock
from backend.doctor import model_cache
from backend.doctor.model_list import Listing
from backend.doctor.model_probe import Answer
from backend.doctor.model_server import server_of
from backend.doctor.model_words import Asked, told
from backend.doctor.report import Check, Report
from backend.providers.base import ErrorClass, Outcome, OutcomeKind, Usage
from backend.settings import ModelConfig


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("OLLAMA_HOST", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("provider", "base_url", "host", "secure"),
    [
        ("anthropic", None, ("api.anthropic.com", 443), True),
        ("openai", None, ("api.openai.com", 443), True),
        ("openai", "http://[::1]:8080/v1", ("::1", 8080), False),
        ("openai", "http://gateway/v1", ("gateway", 80), False),
        ("ollama", None, ("127.0.0.1", 11434), False),
        ("ollama", "box:5000", ("box", 5000), False),
        ("ollama", "box", ("box", 11434), False),
        ("ollama", "https://box", ("box", 443), True),
        ("ollama", ":5000", ("127.0.0.1", 5000), False),
    ],
)
def test_where_a_model_is(provider: str, base_url: str | None, host: tuple[str, int], secure: bool) -> None:
    server = server_of(ModelConfig(provider=provider, model="m", base_url=base_url))  # type: ignore[arg-type]
    assert server is not None
    assert (server.host, server.secure, server.proxy) == (host, secure, None)


def test_where_the_environment_says_a_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "box:7")
    ollama = server_of(ModelConfig(provider="ollama", model="m"))
    assert ollama is not None
    assert ollama.host == ("box", 7)
    bedrock = ModelConfig(provider="bedrock", model="m")
    assert server_of(bedrock) is None
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    found = server_of(bedrock)
    assert found is not None
    assert found.host == ("bedrock-runtime.eu-central-1.amazonaws.com", 443)


def test_the_proxy_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:pw@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inner.example")
    out = server_of(ModelConfig(provider="openai", model="m"))
    assert out is not None
    assert out.proxy_host == ("proxy.example", 3128)
    inner = server_of(ModelConfig(provider="openai", model="m", base_url="https://inner.example/v1"))
    assert inner is not None
    assert inner.proxy is None


def test_a_password_in_an_address_is_not_shown() -> None:
    server = server_of(ModelConfig(provider="openai", model="m", base_url="https://u:secret@h/v1"))
    assert server is not None
    assert "secret" not in server.url


def answer(usage: Usage, first_text_s: float | None = 0.2) -> Answer:
    return Answer(Outcome("complete"), usage, first_text_s, 1.0, 20)


def cache_check(provider: str, first: Usage, second: Usage, base_url: str | None = None) -> Check:
    said: list[Check] = []
    config = ModelConfig(provider=provider, model="m", base_url=base_url)  # type: ignore[arg-type]
    model_cache.tell(Report("model m", SystemClock(), said.append), config, answer(first), answer(second))
    (check,) = said
    return check


@pytest.mark.parametrize(
    ("provider", "tokens", "state", "words"),
    [
        ("anthropic", 900, "ok", "from 1,024 tokens on"),
        ("anthropic", 3_000, "ok", "from 2,048 or 4,096 tokens on"),
        ("anthropic", 5_000, "warn", "none of 5,000"),
        ("openai", 900, "ok", "from 1,024 tokens on"),
        ("openai", 3_000, "warn", "none of 3,000"),
    ],
)
def test_a_prompt_too_short_for_the_vendors_cache(provider: str, tokens: int, state: str, words: str) -> None:
    check = cache_check(provider, Usage(tokens, 9), Usage(tokens, 9))
    assert (check.state, words in check.found) == (state, True)


def test_a_server_of_ones_own_has_no_such_minimum() -> None:
    own = cache_check("openai", Usage(900, 9), Usage(900, 9), "http://127.0.0.1:1/v1")
    assert own.state == "warn"


def test_a_speed_is_told_only_of_what_was_measured() -> None:
    assert answer(Usage(9, 21)).tokens_per_s == 20
    assert answer(Usage(9, 0)).tokens_per_s == 19  # by the pieces, where nothing was counted
    at_once = Answer(Outcome("complete"), Usage(9, 30), 0.1, 0.0, 1)
    assert at_once.tokens_per_s is None


def test_a_list_of_models() -> None:
    listing = Listing(("llama3:latest", "qwen3:8b", *(f"m{number}" for number in range(9))))
    assert listing.holds("llama3")
    assert not listing.holds("llama")
    assert listing.nearest("qwen3") == "qwen3:8b"
    assert listing.nearest("xyzzy-99") == ""
    assert listing.words() == "llama3:latest, qwen3:8b, m0, m1, m2 and 6 more"
    assert not Listing().holds("m")


def test_every_ending_is_told_with_what_to_do() -> None:
    config = ModelConfig(provider="openai", model="m")
    asked = Asked("best", config, "https://h/v1", "$KEY", Listing())
    kinds = [kind for kind in typing.get_args(OutcomeKind) if kind not in ("complete", "length", "error")]
    endings = [Outcome(kind, "it happened") for kind in kinds]
    endings += [Outcome("error", "it happened", error_class=one) for one in typing.get_args(ErrorClass)]
    for ending in endings:
        step, found, mend = told(asked, ending)
        assert step in ("key", "request", "model", "first token"), ending
        assert "it happened" in found
        assert len(mend) > 10, ending
