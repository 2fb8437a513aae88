"""Every way a stream can end, for every vendor's SDK, against real sockets."""

from dataclasses import dataclass, field

import pytest

from backend.providers.base import ErrorClass, OutcomeKind
from tests.integration.providers.asking import VENDORS, ask, provider_for
from tests.support.vendors import (
    Binary,
    Cut,
    Done,
    End,
    Error,
    Hang,
    Page,
    Pings,
    Refusal,
    Script,
    Status,
    Thinking,
    Tokens,
    ToolUse,
    VendorServer,
)

TEXT = "Hello big world"
HELLO = Tokens(TEXT)
CHAT = ("openai", "azure")
SSE = ("anthropic", *CHAT)
"""The vendors whose errors in a stream have a type."""
HTML = "<!doctype html><html><body>Bad gateway, sk-secret-1</body></html>"


@dataclass
class Row:
    """One script and what must come of it."""

    script: Script
    kind: OutcomeKind
    error_class: ErrorClass = ""
    retryable: bool = False
    text: str = ""
    status: int | None = None
    retry_after_s: float | None = None
    detail: str = ""
    vendors: tuple[str, ...] = VENDORS
    config: dict[str, object] = field(default_factory=dict)


def failure(code: int, error_class: ErrorClass, *, retryable: bool, **more: object) -> Row:
    body = {"error": {"type": "some_error", "message": "because I say so"}}
    row = Row([Status(code, body)], "error", error_class, retryable, status=code, detail="because I say so")
    for name, value in more.items():
        setattr(row, name, value)
    return row


def waits(header: str, seconds: float | None) -> Row:
    script = [
        Status(429, {"error": {"type": "rate_limit_error", "message": "slow"}}, {"retry-after": header})
    ]
    return Row(script, "error", "rate_limited", True, status=429, retry_after_s=seconds)


TOO_LONG = {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}}
LLAMA_TOO_LONG = {
    "error": {"code": 400, "message": "request exceeds the context", "type": "exceed_context_size_error"}
}
NO_QUOTA = {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "no credit"}}
LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}

ROWS = {
    "complete": Row([HELLO, Done()], "complete", text=TEXT),
    "complete, one byte of text": Row([Tokens(["x"]), Done()], "complete", text="x"),
    "thinking and tool use pass by": Row([Thinking(), HELLO, ToolUse(), Done()], "complete", text=TEXT),
    "length": Row([HELLO, Done("max_tokens")], "length", text=TEXT),
    "refused": Row([HELLO, Done("refusal")], "filtered", text=TEXT, vendors=SSE),
    "refused in words": Row([Refusal("I can't"), Done()], "filtered", detail="I can't", vendors=CHAT),
    "turn paused": Row([HELLO, Done("pause_turn")], "truncated", "", True, TEXT, vendors=("anthropic",)),
    "aborted by the gateway": Row([HELLO, Done("abort")], "truncated", "server", True, TEXT, vendors=CHAT),
    "end without marker": Row([HELLO, End()], "truncated", "protocol", True, TEXT),
    "reset after text": Row([HELLO, Cut()], "truncated", "network", True, TEXT),
    "closed after text": Row([HELLO, Cut(reset=False)], "truncated", "network", True, TEXT),
    "reset before the headers": Row([Cut()], "error", "network", True),
    "closed before the headers": Row([Cut(reset=False)], "error", "network", True),
    "reset before text": Row([Pings(0.01, 1), Cut()], "error", "network", True),
    "error event before text": Row([Error()], "error", "overloaded", True, detail="Overloaded", vendors=SSE),
    "error event after text": Row([HELLO, Error()], "error", "overloaded", True, TEXT, vendors=SSE),
    "error object after text": Row(
        [HELLO, Error()], "error", "server", True, TEXT, detail="Overloaded", vendors=("ollama",)
    ),
    "rate limit event": Row([Error("rate_limit_error", "slow")], "error", "rate_limited", True, vendors=SSE),
    "auth event": Row([Error("authentication_error", "no")], "error", "auth", vendors=SSE),
    "HTML page with 200": Row([Page()], "error", "protocol", status=200),
    "binary with 200": Row([Binary()], "error", "protocol"),
    "JSON document with 200": Row(
        [Status(200, {"object": "chat.completion"})],
        "error",
        "protocol",
        status=200,
        vendors=SSE,
    ),
    "silence of the socket before text": Row([Hang()], "idle", "", True, config={"read_timeout_s": 0.3}),
    "silence of the socket after text": Row(
        [HELLO, Hang()], "idle", "", True, TEXT, config={"read_timeout_s": 0.3}
    ),
    "400": failure(400, "bad_request", retryable=False),
    "401": failure(401, "auth", retryable=False),
    "402": failure(402, "auth", retryable=False),
    "403": failure(403, "auth", retryable=False),
    "404": failure(404, "not_found", retryable=False),
    "408": failure(408, "server", retryable=True),
    "413": failure(413, "too_long", retryable=False),
    "422": failure(422, "bad_request", retryable=False),
    "429": failure(429, "rate_limited", retryable=True),
    "500": failure(500, "server", retryable=True),
    "503": failure(503, "overloaded", retryable=True),
    "529": failure(529, "overloaded", retryable=True),
    "502 with HTML": Row([Status(502, HTML)], "error", "server", True, status=502, detail="an HTML page"),
    "500 with nothing": Row([Status(500)], "error", "server", True, status=500),
    "too long": Row([Status(400, TOO_LONG)], "error", "too_long", status=400),
    "too long for llama.cpp": Row([Status(400, LLAMA_TOO_LONG)], "error", "too_long", status=400),
    "quota spent": Row([Status(429, NO_QUOTA)], "error", "auth", status=429),
    "model still loading": Row([Status(503, LOADING)], "error", "unavailable", True, status=503),
    "429 for 0.2 s": waits("0.2", 0.2),
    "429 for an hour": waits("3600", 3600.0),
    "429 for weeks": waits("9999999", 3600.0),
    "429 with a past date": waits("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    "429 with a far date": waits("Wed, 21 Oct 2099 07:28:00 GMT", 3600.0),
    "429 with rubbish": waits("soon", None),
    "429 with a negative": waits("-5", None),
}
CASES = [pytest.param(v, row, id=f"{v}: {name}") for name, row in ROWS.items() for v in row.vendors]


@pytest.mark.parametrize(("vendor", "row"), CASES)
async def test_ending(vendor: str, row: Row) -> None:
    async with VendorServer(vendor, row.script) as server:
        provider = provider_for(vendor, server.base_url, **row.config)
        heard = await ask(provider)
        assert len(server.requests) == 1, "no retry may hide in an SDK"
        await provider.close()
        await server.until_open(0)
    outcome = heard.outcome
    assert heard.text == row.text
    assert (outcome.kind, outcome.error_class, outcome.retryable) == (
        row.kind,
        row.error_class,
        row.retryable,
    ), outcome
    assert outcome.status == row.status
    assert outcome.retry_after_s == row.retry_after_s
    assert row.detail in outcome.detail
    assert "\n" not in outcome.detail


@pytest.mark.parametrize("vendor", VENDORS)
async def test_nobody_listens(vendor: str) -> None:
    async with VendorServer(vendor, [Done()]) as server:
        address = server.base_url
    provider = provider_for(vendor, address)
    heard = await ask(provider)
    await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class, heard.outcome.retryable) == (
        "error",
        "network",
        True,
    )


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_address_that_is_none(vendor: str) -> None:
    provider = provider_for(vendor, "ftp://127.0.0.1:1/v1")
    heard = await ask(provider)
    await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class) == ("error", "bad_request")
    assert "base_url" in heard.outcome.detail
    assert not heard.texts
