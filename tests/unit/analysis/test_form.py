"""The form that servers enforce: what keeps to it is a verdict; it is sent where it is configured."""

import json
from typing import Literal

import pytest

from backend.analysis.form import VERDICT
from backend.analysis.schema import check
from backend.clock import SystemClock
from backend.providers.base import Message, ModelRequest, Provider
from backend.providers.config import ProviderConfig
from backend.providers.ollama import OllamaProvider
from backend.providers.openai import OpenAIProvider
from backend.settings_errors import enforce_problem
from tests.support.vendors import Done, Tokens, VendorServer


def test_the_schema_asks_for_what_a_verdict_needs() -> None:
    schema = json.loads(VERDICT.schema)
    line = {
        "facts": [{"text": "Seen", "evidence": ["E1"]}],
        "verdict": "Suspicious",
        "confidence": 0.5,
        "severity": "Low",
        "summary": "Odd.",
        "actions": [{"action": "watch", "target": "a"}],
    }
    assert list(schema["properties"]) == list(line) == schema["required"]
    for word in schema["properties"]["verdict"]["enum"]:
        assert check(json.dumps({**line, "verdict": word})).notes == ()
    for word in schema["properties"]["severity"]["enum"]:
        assert check(json.dumps({**line, "severity": word})).verdict.severity_id


@pytest.mark.parametrize(
    ("vendor", "enforce", "sent"),
    [
        ("openai", "grammar", {"grammar"}),
        ("openai", "schema", {"response_format"}),
        ("openai", None, set()),
        ("ollama", "schema", {"format"}),
        ("ollama", None, set()),
    ],
)
async def test_it_is_sent_where_it_is_wanted_and_fits(
    vendor: str, enforce: Literal["grammar", "schema"] | None, sent: set[str]
) -> None:
    async with VendorServer(vendor, [Tokens("ok"), Done()]) as server:
        config = ProviderConfig(vendor, "m", base_url=server.base_url, enforce=enforce)
        kind = OpenAIProvider if vendor == "openai" else OllamaProvider
        provider: Provider = kind(config, SystemClock())
        for form in (VERDICT, None):
            request = ModelRequest("s", (Message("user", "q"),), form=form)
            assert [chunk async for chunk in provider.stream(request)]
        await provider.close()
    asked, free = (request.body for request in server.requests)
    known = {"grammar", "response_format", "format"}
    assert {name for name in asked if name in known and asked[name]} == sent
    assert not {name for name in free if name in known and free[name]}
    if enforce == "grammar":
        assert asked["grammar"] == VERDICT.grammar


@pytest.mark.parametrize(
    ("enforce", "provider", "base_url", "said"),
    [
        (None, "anthropic", None, ""),
        ("grammar", "openai", "http://127.0.0.1:1", ""),
        ("schema", "ollama", None, ""),
        ("grammar", "ollama", None, "ollama takes 'schema'"),
        ("schema", "openai", None, "servers of your own"),
        ("schema", "anthropic", "http://127.0.0.1:1", "servers of your own"),
    ],
)
def test_where_it_does_not_fit_is_said(enforce: str, provider: str, base_url: str, said: str) -> None:
    problem = enforce_problem(enforce, provider, base_url)
    assert said in problem if said else problem == ""
