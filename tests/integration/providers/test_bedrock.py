"""Bedrock: where requests go, how they prove who asks, and what AWS's errors mean."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from backend.providers.base import ErrorClass, Message, ModelRequest
from backend.providers.bedrock import ClaudeOnBedrock, open_bedrock
from backend.providers.config import ProviderConfig
from backend.providers.converse import ConverseProvider
from tests.integration.providers.asking import AWS, QUESTION, Heard, ask, provider_for
from tests.support.vendors import Done, ReceivedRequest, Script, Status, Tokens, VendorServer
from tests.support.vendors.bedrock import ACCESS_KEY, REGION, SECRET_KEY

OK: Script = [Tokens("ok"), Done()]
KINDS = tuple(AWS)
CLAUDE, NOVA = "anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0"
ARN = "arn:aws:bedrock:eu-west-3:123456789012:"


async def sent(
    vendor: str, model: str, request: ModelRequest = QUESTION, **config: object
) -> ReceivedRequest:
    async with VendorServer(vendor, OK) as server:
        provider = open_bedrock(ProviderConfig("bedrock", model, base_url=server.base_url, **config))  # type: ignore[arg-type]  # keyword fields pass through
        heard = await ask(provider, request)
        await provider.close()
        assert (heard.outcome.kind, heard.text) == ("complete", "ok"), heard.outcome
        return server.requests[0]


async def refused(provider: ClaudeOnBedrock | ConverseProvider) -> Heard:
    heard = await ask(provider)
    await provider.close()
    assert heard.outcome.kind == "error"
    return heard


@pytest.mark.parametrize(
    ("model", "way"),
    [
        (CLAUDE, ClaudeOnBedrock),
        (f"us.{CLAUDE}", ClaudeOnBedrock),
        (f"global.{CLAUDE}", ClaudeOnBedrock),
        (f"{ARN}inference-profile/eu.{CLAUDE}", ClaudeOnBedrock),
        (f"{ARN}application-inference-profile/a1b2c3", ConverseProvider),
        (NOVA, ConverseProvider),
        ("us.meta.llama3-3-70b-instruct-v1:0", ConverseProvider),
    ],
)
def test_the_way_is_chosen_by_the_model(model: str, way: type) -> None:
    assert type(open_bedrock(ProviderConfig("bedrock", model))) is way


@pytest.mark.parametrize(
    ("vendor", "model", "in_path"),
    [
        ("bedrock", CLAUDE, CLAUDE),
        ("bedrock", f"{ARN}inference-profile/eu.{CLAUDE}", f"{ARN}inference-profile%2Feu.{CLAUDE}"),
        ("converse", NOVA, NOVA.replace(":", "%3A")),
        (
            "converse",
            f"{ARN}inference-profile/eu.{NOVA}",
            f"{ARN}inference-profile%2Feu.{NOVA}".replace(":", "%3A"),
        ),
    ],
)
async def test_the_model_is_one_segment_of_a_signed_path(vendor: str, model: str, in_path: str) -> None:
    request = await sent(vendor, model, region=REGION)  # the server answers 403 to a wrong signature
    assert request.path.split("/")[2] == in_path
    assert f"Credential={ACCESS_KEY}/" in request.headers["authorization"]
    assert f"/{REGION}/bedrock/aws4_request" in request.headers["authorization"]


async def test_converse_request() -> None:
    turns = ModelRequest(
        "You triage alerts.", (Message("user", "Bad?"), Message("assistant", "Yes."), Message("user", "Why?"))
    )
    body = (await sent("converse", NOVA, turns, region=REGION)).body
    assert body == {
        "system": [{"text": "You triage alerts."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {"role": "user", "content": [{"text": "Bad?"}]},
            {"role": "assistant", "content": [{"text": "Yes."}]},
            {"role": "user", "content": [{"text": "Why?"}]},
        ],
        "inferenceConfig": {"maxTokens": 1024},
    }
    warm = ModelRequest("", QUESTION.messages, max_tokens=9, temperature=0.25)
    body = (await sent("converse", NOVA, warm, region=REGION)).body
    assert "system" not in body
    assert body["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.25}


async def test_claude_request() -> None:
    body = (await sent("bedrock", CLAUDE, region=REGION)).body
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["anthropic_version"]
    assert not {"model", "stream"} & set(body), "both stand in the path"


async def test_models_that_know_no_cache_are_not_asked_for_one() -> None:
    body = (await sent("converse", "meta.llama3-1-8b-instruct-v1:0", region=REGION)).body
    assert body["system"] == [{"text": QUESTION.system}]
    body = (await sent("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", region=REGION)).body
    assert body["system"] == [{"type": "text", "text": QUESTION.system}]


async def test_a_model_without_system_prompts_is_told_in_the_question() -> None:
    body = (await sent("converse", "mistral.mistral-7b-instruct-v0:2", region=REGION)).body
    assert "system" not in body
    assert body["messages"][0]["content"] == [{"text": f"{QUESTION.system}\n\n{QUESTION.messages[0].text}"}]


async def test_a_refused_cache_point_is_left_out_from_then_on() -> None:
    words = "You invoked an unsupported model or your request did not allow prompt caching."

    def answer(request: ReceivedRequest) -> Script:
        if len(request.body["system"]) == 2:
            return [Status(403, {"message": words}, {"x-amzn-errortype": "AccessDeniedException:http://x/"})]
        return OK

    async with VendorServer("converse", answer) as server:
        provider = provider_for("converse", server.base_url)
        for _ in range(2):
            assert (await ask(provider)).outcome.kind == "complete"
        await provider.close()
    assert [len(request.body["system"]) for request in server.requests] == [2, 1, 1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_token_is_sent_and_signed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session-token")
    request = await sent(kind, AWS[kind], region=REGION)
    assert request.headers["x-amz-security-token"] == "a-session-token"
    assert "x-amz-security-token" in request.headers["authorization"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_secret_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    async with VendorServer(kind, OK) as server:
        heard = await ask(provider := provider_for(kind, server.base_url))
        await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class, heard.outcome.status) == ("error", "auth", 403)
    assert not server.requests


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_token_in_an_error_is_masked(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session-token")
    quoted = {"message": "The canonical string should have been 'x-amz-security-token:a-session-token'"}
    async with VendorServer(kind, [Status(403, quoted)]) as server:
        heard = await refused(provider_for(kind, server.base_url))  # type: ignore[arg-type]  # it is one of the two
    assert "a-session-token" not in heard.outcome.detail
    assert "x-amz-security-token:***" in heard.outcome.detail


@pytest.mark.parametrize("kind", KINDS)
async def test_keys_that_change_are_taken_up(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keys that expire are asked for anew; botocore's own process provider stands for SSO and roles."""
    keys = tmp_path / "keys.json"
    config = tmp_path / "config"
    config.write_text(f"[default]\nregion = {REGION}\ncredential_process = cat {keys}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    async with VendorServer(kind, OK) as server:
        provider = open_bedrock(ProviderConfig("bedrock", AWS[kind], base_url=server.base_url))
        soon = time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 300)
        )  # botocore renews before that
        for token in ("one", "two"):
            given = {"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY}
            keys.write_text(json.dumps({**given, "SessionToken": token, "Expiration": soon}))
            assert (await ask(provider)).outcome.kind == "complete"
        await provider.close()
    assert [request.headers["x-amz-security-token"] for request in server.requests] == ["one", "two"]
    assert f"/{REGION}/" in server.requests[0].headers["authorization"]


@pytest.mark.parametrize("kind", KINDS)
async def test_without_credentials(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    provider = open_bedrock(ProviderConfig("bedrock", AWS[kind], region=REGION))
    heard = await refused(provider)
    assert (heard.outcome.error_class, heard.outcome.retryable) == ("auth", False)
    assert "AWS_BEARER_TOKEN_BEDROCK" in heard.outcome.detail
    assert "aws configure" in heard.outcome.detail
    # Nor is the chain walked again at once.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    assert (await refused(provider)).outcome == heard.outcome


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("region", "says"), [("", "AWS_REGION"), ("nowhere", "us-east-1"), ("a/b", "us-east-1")]
)
async def test_without_a_region(kind: str, region: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    if region:
        with pytest.raises(ValueError, match=says):
            open_bedrock(ProviderConfig("bedrock", AWS[kind], region=region))
    heard = await refused(open_bedrock(ProviderConfig("bedrock", AWS[kind])))
    assert (heard.outcome.error_class, heard.outcome.retryable) == ("auth", False)
    assert says in heard.outcome.detail


@pytest.mark.parametrize("kind", KINDS)
async def test_a_profile_that_is_not_there(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such")
    heard = await refused(open_bedrock(ProviderConfig("bedrock", AWS[kind], region=REGION)))
    assert heard.outcome.error_class == "auth"
    assert "no-such" in heard.outcome.detail
    assert "AWS_PROFILE" in heard.outcome.detail


@pytest.mark.parametrize("kind", KINDS)
async def test_a_role_that_cannot_be_taken_on_now(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The service for roles does not listen: a network failure, so it is asked again at the next call."""
    config = tmp_path / "config"
    config.write_text(
        "[profile soc]\nrole_arn = arn:aws:iam::123456789012:role/soc\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = base\n"
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")  # keys in the environment would come first
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "soc")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    provider = open_bedrock(ProviderConfig("bedrock", AWS[kind], region=REGION))
    heard = await refused(provider)
    assert (heard.outcome.error_class, heard.outcome.retryable) == ("network", True)
    assert "127.0.0.1:1" in heard.outcome.detail


async def test_a_metadata_service_that_says_nothing_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[asyncio.StreamWriter] = []

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}/")
    provider = open_bedrock(ProviderConfig("bedrock", NOVA, region=REGION))
    begun, beats = time.monotonic(), 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.02)
            beats += 1

    beating = asyncio.create_task(beat())
    # All at once: they share one look-up.
    heard = await asyncio.gather(*(ask(provider) for _ in range(8)))
    took = time.monotonic() - begun
    beating.cancel()
    for writer in held:
        writer.close()
    server.close()
    await provider.close()
    assert {answer.outcome.error_class for answer in heard} == {"auth"}
    assert held, "the service was asked"
    assert len(held) <= 2
    assert took < 6
    assert beats > took / 0.02 / 4, "the loop went on meanwhile"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_loop_is_never_blocked(kind: str) -> None:
    async with VendorServer(kind, OK) as server:
        provider = provider_for(kind, server.base_url)
        with blockbuster_ctx():
            for _ in range(2):
                assert (await ask(provider)).outcome.kind == "complete"
            await provider.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_warming_opens_the_connection_that_is_then_used(kind: str) -> None:
    async with VendorServer(kind, OK) as server:
        provider = open_bedrock(ProviderConfig("bedrock", AWS[kind], base_url=server.base_url, region=REGION))
        await provider.warm()
        assert server.open_connections == 1
        assert (await ask(provider)).outcome.kind == "complete"
        assert server.open_connections == 1
        await provider.close()


@pytest.mark.parametrize("module", ["botocore", "boto3"])
def test_without_the_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else real(name))
    with pytest.raises(ValueError, match=r"install watchfloor\[aws\]"):
        open_bedrock(ProviderConfig("bedrock", CLAUDE))


ERRORS: dict[str, tuple[int, str, str, ErrorClass, bool]] = {
    "throttled": (429, "ThrottlingException", "Too many tokens, please wait", "rate_limited", True),
    "quota": (400, "ServiceQuotaExceededException", "over the quota", "rate_limited", True),
    "cold": (429, "ModelNotReadyException", "The model is not ready", "unavailable", True),
    "no access": (403, "AccessDeniedException", "not authorized to perform: bedrock:Invoke", "auth", False),
    "not enabled": (
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
        "not_found",
        False,
    ),
    "expired": (403, "ExpiredTokenException", "The security token is expired", "auth", False),
    "unknown key": (403, "UnrecognizedClientException", "The token is invalid", "auth", False),
    "gone": (404, "ResourceNotFoundException", "This model version has reached its end", "not_found", False),
    "no model": (
        400,
        "ValidationException",
        "The provided model identifier is invalid.",
        "not_found",
        False,
    ),
    "profile only": (
        400,
        "ValidationException",
        "Invocation of model ID x with on-demand throughput isn't supported.",
        "not_found",
        False,
    ),
    "too long": (400, "ValidationException", "Input is too long for requested model.", "too_long", False),
    "too long, Nova": (400, "ValidationException", "Too many input tokens. Max: 9", "too_long", False),
    "too long, Titan": (
        400,
        "ValidationException",
        "Malformed input request: expected maxLength: 9, actual: 10",
        "too_long",
        False,
    ),
    "invalid": (400, "ValidationException", "max tokens must be positive", "bad_request", False),
    "model failed": (424, "ModelErrorException", "The model failed", "server", True),
    "model failed, unnamed": (424, "", "The model failed", "server", True),
    "model was slow": (408, "ModelTimeoutException", "The model took too long", "server", True),
    "internal": (500, "InternalServerException", "oops", "server", True),
    "down": (503, "ServiceUnavailableException", "come back later", "overloaded", True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
async def test_http_error(kind: str, row: tuple[int, str, str, ErrorClass, bool]) -> None:
    status, name, message, error_class, retryable = row
    headers = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/"} if name else {}
    body: dict[str, Any] = {"message": message}
    async with VendorServer(kind, [Status(status, body, {**headers, "retry-after": "3"})]) as server:
        heard = await ask(provider := provider_for(kind, server.base_url))
        await provider.close()
    outcome = heard.outcome
    assert (outcome.kind, outcome.error_class, outcome.retryable) == ("error", error_class, retryable), (
        outcome
    )
    assert (outcome.status, outcome.retry_after_s) == (status, 3.0)
    assert message in outcome.detail
