"""Bedrock's binary frames: cut anywhere, damaged, with exceptions in them, without an end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from backend.providers.base import ErrorClass, OutcomeKind, Provider, Usage
from tests.integration.providers.asking import AWS, ask, provider_for
from tests.support.vendors import Done, Script, Tokens, VendorServer
from tests.support.vendors.bedrock import BedrockWire, ConverseWire, event, exception, frame
from tests.support.vendors.http import HttpRequest, HttpServer, Response

KINDS = tuple(AWS)
USAGE = Usage(11, 7, 300, 20)


def wire(kind: str) -> BedrockWire | ConverseWire:
    return (BedrockWire if kind == "bedrock" else ConverseWire)("m", USAGE)


def begun(kind: str) -> bytes:
    """Frames up to and with two pieces of text, the second of more than one byte a character."""
    answer = wire(kind)
    return answer.opening() + answer.token("Hello ") + answer.token("wörld")


def whole(kind: str) -> bytes:
    answer = wire(kind)
    return answer.opening() + answer.token("Hello ") + answer.token("wörld") + answer.done(Done(usage=USAGE))


class ByteServer:
    """Answers each request with the next list of chunks, then ends the body cleanly or breaks off."""

    def __init__(self, *answers: Sequence[bytes], cut: bool = False) -> None:
        self._answers = list(answers)
        self._cut = cut
        self.http = HttpServer(self._serve)

    async def _serve(self, _: HttpRequest, response: Response) -> None:
        await response.begin(ConverseWire.content_type)
        for chunk in self._answers.pop(0):
            await response.chunk(chunk)
            await asyncio.sleep(0)
        if self._cut:
            await response.pause(0.05)
            response.cut(reset=True)
        await response.end()


@contextlib.asynccontextmanager
async def serving(kind: str, *answers: Sequence[bytes], cut: bool = False) -> AsyncIterator[Provider]:
    server = ByteServer(*answers, cut=cut)
    async with server.http:
        provider = provider_for(kind, f"http://127.0.0.1:{server.http.port}")
        yield provider
        await provider.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_frames_cut_at_every_byte(kind: str) -> None:
    stream = whole(kind)
    cuts = [(stream[:at], stream[at:]) for at in range(1, len(stream))]
    async with serving(kind, *cuts, [stream[at : at + 1] for at in range(len(stream))]) as provider:
        for at in range(len(cuts) + 1):
            heard = await ask(provider)
            assert (heard.outcome.kind, heard.text, heard.usage) == ("complete", "Hello wörld", USAGE), at


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_that_ends_anywhere_is_never_whole(kind: str) -> None:
    stream = whole(kind)
    ends = range(1, len(stream), 7)
    async with serving(kind, *([stream[:end]] for end in ends)) as provider:
        for end in ends:
            outcome = (await ask(provider)).outcome
            assert outcome.kind in {"truncated", "error"}, (end, outcome)
            assert outcome.error_class == "protocol"


@pytest.mark.parametrize("kind", KINDS)
async def test_every_damaged_byte_is_noticed(kind: str) -> None:
    """One bit turned in the frame with the text: its lengths, checksums, headers or payload."""
    answer = wire(kind)
    opening, token, done = answer.opening(), answer.token("Hello"), answer.done(Done(usage=USAGE))
    broken = [
        opening + token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :] + done for at in range(len(token))
    ]
    async with serving(kind, *([stream] for stream in broken)) as provider:
        for at in range(len(broken)):
            heard = await ask(provider)
            assert (heard.outcome.kind, heard.outcome.error_class, heard.text) == (
                "truncated",
                "protocol",
                "",
            ), (at, heard.outcome)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_damaged_first_frame_is_no_stream_of_this_vendor(kind: str) -> None:
    stream = bytearray(whole(kind))
    stream[20] ^= 1
    async with serving(kind, [bytes(stream)]) as provider:
        outcome = (await ask(provider)).outcome
    assert (outcome.kind, outcome.error_class, outcome.retryable) == ("error", "protocol", False)
    assert "ChecksumMismatch" in outcome.detail


@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_cut_within_a_frame(kind: str) -> None:
    async with serving(kind, [begun(kind) + whole(kind)[:30]], cut=True) as provider:
        heard = await ask(provider)
    assert (heard.outcome.kind, heard.outcome.error_class, heard.text) == (
        "truncated",
        "network",
        "Hello wörld",
    )


@dataclass
class Row:
    """A frame after some text, and what must come of it."""

    frame: bytes
    error_class: ErrorClass
    retryable: bool
    detail: str
    kind: OutcomeKind = "error"


EXCEPTIONS = {
    "throttled": Row(
        exception("throttlingException", "Too many tokens, please wait before trying again."),
        "rate_limited",
        True,
        "Too many tokens",
    ),
    "model broke": Row(
        exception("modelStreamErrorException", "broke", originalStatusCode=500), "server", True, "broke"
    ),
    "internal": Row(exception("internalServerException", "oops"), "server", True, "oops"),
    "down": Row(exception("serviceUnavailableException", "later"), "overloaded", True, "later"),
    "invalid": Row(exception("validationException", "no such field"), "bad_request", False, "no such field"),
    "too long": Row(
        exception("validationException", "Input is too long for requested model."),
        "too_long",
        False,
        "too long",
    ),
    "unknown error": Row(
        frame(
            {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "we are sorry"},
            b"",
        ),
        "server",
        True,
        "we are sorry",
    ),
}
TIMED_OUT = Row(exception("modelTimeoutException", "took too long"), "server", True, "took too long")


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        *(pytest.param(k, row, id=f"{k}: {name}") for name, row in EXCEPTIONS.items() for k in KINDS),
        pytest.param("converse", TIMED_OUT, id="converse: timed out"),
        pytest.param("bedrock", TIMED_OUT, id="bedrock: timed out"),
    ],
)
async def test_exception_frame(kind: str, row: Row) -> None:
    async with serving(kind, [begun(kind) + row.frame]) as provider:
        heard = await ask(provider)
    outcome = heard.outcome
    assert heard.text == "Hello wörld"
    assert (outcome.kind, outcome.error_class, outcome.retryable) == (
        row.kind,
        row.error_class,
        row.retryable,
    ), outcome
    assert row.detail in outcome.detail


@pytest.mark.parametrize(
    ("stop", "kind", "detail"),
    [
        ("end_turn", "complete", ""),
        ("stop_sequence", "complete", ""),
        ("tool_use", "complete", "stop reason tool_use"),
        ("max_tokens", "length", "stop reason max_tokens"),
        ("model_context_window_exceeded", "length", "stop reason model_context_window_exceeded"),
        ("guardrail_intervened", "filtered", "guardrail"),
        ("content_filtered", "filtered", "content filter"),
        ("malformed_model_output", "truncated", "malformed_model_output"),
    ],
)
async def test_stop_reason_of_converse(stop: str, kind: OutcomeKind, detail: str) -> None:
    script: Script = [Tokens("ok"), Done(stop, USAGE)]
    async with VendorServer("converse", script) as server:
        heard = await ask(provider := provider_for("converse", server.base_url))
        await provider.close()
    assert heard.outcome.kind == kind
    assert detail in heard.outcome.detail
    assert heard.usage == USAGE


@pytest.mark.parametrize(
    "last",
    [
        event("messageStop", {"stopReason": "end_turn"}),
        event("metadata", {"usage": {"inputTokens": 1}}),
        event("messageStop", {}) + event("metadata", {}),
        event("messageStop", {"stopReason": None}) + event("metadata", {}),
        event("metadata", {"usage": [1]}),
        event("contentBlockDelta", {"delta": "text"}),
        frame({":event-type": "contentBlockDelta", ":message-type": "event"}, b"{"),
        frame({":event-type": "contentBlockDelta", ":message-type": "event"}, b"\xff\xfe"),
    ],
    ids=[
        "no metadata",
        "no stop",
        "no reason",
        "null reason",
        "odd usage",
        "odd delta",
        "half JSON",
        "no text",
    ],
)
async def test_converse_without_its_whole_end(last: bytes) -> None:
    async with serving("converse", [begun("converse") + last]) as provider:
        heard = await ask(provider)
    assert heard.text == "Hello wörld"
    assert heard.outcome.kind in {"truncated", "error"}
    assert heard.outcome.error_class == "protocol"


async def test_frames_of_another_kind_pass_by() -> None:
    strange = (
        frame({}, b"") + event("somethingNew", {"delta": {"text": "no"}}) + event("contentBlockDelta", {})
    )
    answer = wire("converse")
    stream = begun("converse") + strange + answer.done(Done(usage=USAGE))
    async with serving("converse", [stream]) as provider:
        heard = await ask(provider)
    assert (heard.outcome.kind, heard.text) == ("complete", "Hello wörld")
