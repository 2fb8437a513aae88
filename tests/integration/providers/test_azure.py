"""What is Azure's alone: its filters, its errors, its addresses and versions."""

import pytest

from backend.providers.azure import AzureProvider
from backend.providers.config import LOCAL_KEY, ProviderConfig
from tests.integration.providers.asking import QUESTION, Heard, ask, provider_for
from tests.support.vendors import Done, ReceivedRequest, Script, Status, Tokens, VendorServer
from tests.support.vendors.http import HttpRequest, HttpServer, Response

OK: Script = [Tokens("ok"), Done()]
ENDPOINT = "https://soc.openai.azure.com"
BLOCKED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": {"filtered": False, "severity": "safe"},
                "jailbreak": {"filtered": True, "detected": True},
                "violence": {"filtered": True, "severity": "medium"},
            },
        },
    }
}
NO_DEPLOYMENT = {
    "error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}
}
BAD_KEY = {
    "error": {
        "code": "401",
        "message": "Access denied due to invalid subscription key or wrong API endpoint.",
    }
}
TOO_MANY = {"error": {"code": "429", "message": "Requests have exceeded the token rate limit. Retry later."}}


def objects_to(name: str) -> Status:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return Status(
        400, {"error": {"message": message, "code": "unsupported_parameter", "param": name, "type": "x"}}
    )


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)


async def answer_to(script: Script) -> Heard:
    async with VendorServer("azure", script) as server:
        provider = provider_for("azure", server.base_url)
        heard = await ask(provider)
        assert len(server.requests) == 1
        await provider.close()
    return heard


async def test_a_prompt_that_the_filter_blocks() -> None:
    outcome = (await answer_to([Status(400, BLOCKED)])).outcome
    assert (outcome.kind, outcome.error_class, outcome.status) == ("filtered", "", 400)
    assert outcome.detail == "the vendor's content filter refused the prompt (jailbreak, violence)"


async def test_an_answer_that_the_filter_breaks_off() -> None:
    heard = await answer_to([Tokens("some text"), Done("refusal")])
    assert heard.text == "some text"
    assert (heard.outcome.kind, heard.outcome.detail) == (
        "filtered",
        "the vendor's content filter (violence)",
    )
    assert heard.usage.output_tokens == 5, "the usage comes after the filter's word"


async def test_a_wait_in_milliseconds() -> None:
    headers = {"retry-after-ms": "1500", "retry-after": "2"}
    outcome = (await answer_to([Status(429, TOO_MANY, headers)])).outcome
    assert (outcome.error_class, outcome.retryable, outcome.retry_after_s) == ("rate_limited", True, 1.5)


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [(401, BAD_KEY, "auth"), (404, NO_DEPLOYMENT, "not_found")],
    ids=["wrong key", "no such deployment"],
)
async def test_what_a_person_must_mend(status: int, body: dict[str, object], error_class: str) -> None:
    outcome = (await answer_to([Status(status, body)])).outcome
    assert (outcome.kind, outcome.error_class, outcome.retryable) == ("error", error_class, False)
    assert f"HTTP {status}: " in outcome.detail


@pytest.mark.parametrize(
    ("vendor", "first", "then"),
    [
        ("azure", "max_completion_tokens", "max_tokens"),
        ("openai", "max_tokens", "max_completion_tokens"),
    ],
)
async def test_the_limit_has_the_name_that_the_model_takes(vendor: str, first: str, then: str) -> None:
    def picky(request: ReceivedRequest) -> Script:
        return [objects_to(first)] if first in request.body else OK

    async with VendorServer(vendor, picky) as server:
        provider = provider_for(vendor, server.base_url)
        assert (await ask(provider)).text == "ok"
        assert (await ask(provider)).text == "ok"
        await provider.close()
    assert [next(n for n in (first, then) if n in request.body) for request in server.requests] == [
        first,
        then,
        then,
    ], "what was learnt is kept"
    assert {request.body[then] for request in server.requests[1:]} == {QUESTION.max_tokens}


async def test_a_limit_that_is_too_high_is_no_question_of_names() -> None:
    body = {"error": {"message": "max_completion_tokens is too large: 64", "param": "max_completion_tokens"}}
    outcome = (await answer_to([Status(400, body)])).outcome
    assert outcome.error_class == "bad_request"


async def test_version_and_key_go_where_azure_looks_for_them() -> None:
    seen: list[HttpRequest] = []

    async def serve(request: HttpRequest, response: Response) -> None:
        seen.append(request)
        await response.whole(404, b"{}", {})

    async with HttpServer(serve) as server:
        provider = provider_for(
            "azure", f"http://127.0.0.1:{server.port}", api_version="2025-04-01-preview", api_key="k-1"
        )
        await ask(provider)
        await provider.close()
    assert seen[0].path == "/openai/deployments/test-model/chat/completions?api-version=2025-04-01-preview"
    assert seen[0].headers["api-key"] == "k-1"
    assert "authorization" not in seen[0].headers


async def test_endpoint_and_version_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with VendorServer("azure", OK) as server:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.base_url + "/")
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k-env")
        monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
        provider = AzureProvider(ProviderConfig("azure", "test-model"))
        assert (await ask(provider)).text == "ok"
        await provider.close()
    assert server.requests[0].headers["api-key"] == "k-env", "key and endpoint come from one hand"


async def test_no_endpoint_is_an_outcome_that_names_what_to_set() -> None:
    provider = AzureProvider(ProviderConfig("azure", "m", api_key="k"))
    outcome = (await ask(provider)).outcome
    assert (outcome.error_class, outcome.retryable) == ("not_found", False)
    assert "base_url" in outcome.detail
    assert "AZURE_OPENAI_ENDPOINT" in outcome.detail


async def test_no_key_is_an_outcome_that_names_the_variable() -> None:
    outcome = (await ask(AzureProvider(ProviderConfig("azure", "m", base_url=ENDPOINT)))).outcome
    assert outcome.error_class == "auth"
    assert "AZURE_OPENAI_API_KEY" in outcome.detail


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        (ENDPOINT, "k-env"),
        (f"{ENDPOINT}/openai/v1/", "k-env"),
        ("https://soc.openai.azure.us", "k-env"),
        ("http://soc.openai.azure.com", LOCAL_KEY),  # not in the clear
        ("https://openai.azure.com.evil.example", LOCAL_KEY),
        ("https://gateway.example", LOCAL_KEY),
    ],
)
def test_the_environments_key_goes_to_azure_alone(
    base_url: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k-env")
    assert AzureProvider(ProviderConfig("azure", "m", base_url=base_url)).key == key


@pytest.mark.parametrize(
    "base_url",
    [
        ENDPOINT,
        f"{ENDPOINT}/",
        f"{ENDPOINT}/openai",
        f"{ENDPOINT}/openai/v1/",
        f"{ENDPOINT}/openai/deployments/gpt-4o/chat/completions?api-version=2024-02-01",
    ],
)
def test_any_address_of_the_portal_will_do(base_url: str) -> None:
    assert AzureProvider(ProviderConfig("azure", "m", base_url=base_url)).endpoint == ENDPOINT
