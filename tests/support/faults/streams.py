"""The faults of one call: what the vendor does, and the outcome that must come of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from backend.providers.base import ErrorClass, OutcomeKind, Usage
from backend.providers.limits import Limits
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
    Rubbish,
    Script,
    Status,
    Thinking,
    Tokens,
    ToolUse,
)
from tests.support.vendors.server import Answer, ReceivedRequest

CHAT = ("openai", "azure")
AWS = ("bedrock", "converse")
PATIENT = Limits(first_token_s=9.0, idle_s=9.0, total_s=9.0)
SLACK_S = 1.5
"""What an ending may take beyond the limit that brings it, or beyond nothing, on a machine that is busy."""


@dataclass(frozen=True)
class Ending:
    """What a provider must say of a call."""

    kind: OutcomeKind
    error_class: ErrorClass = ""
    retryable: bool = False
    status: int | None = None
    detail: str = ""
    """A part of the words."""
    retry_after_s: tuple[float, float] | None = None
    """From and up to; None: it must not say."""


@dataclass(frozen=True)
class StreamFault:
    """One row: what is sent, and what must come of it."""

    script: Script | Answer
    ends: Ending
    text: str = ""
    """What must have come through by then; the end of it matters where it goes on for ever."""
    limits: Limits = PATIENT
    after_s: float = 0.0
    """The limit that ends it: it may not end before, nor much after."""
    read_timeout_s: float = 5.0
    """The socket's own limit."""
    usage: Usage | None = None
    but: Mapping[str, Ending] = field(default_factory=dict)
    """Vendors that must say something else of the same."""
    usages: Mapping[str, Usage] = field(default_factory=dict)
    """Vendors that count less."""
    none: Mapping[str, str] = field(default_factory=dict)
    """Vendors on whose wire there is no such thing, and why."""
    goes_on: bool = False
    """It repeats `text` until it is ended."""


def _none(why: str, *vendors: str) -> dict[str, str]:
    return dict.fromkeys(vendors, why)


TEXT = "Hello big world"
HELLO = Tokens(TEXT)
ONE = Tokens(["a"])
HTML = "<!doctype html><html><body>Bad gateway, sk-secret-1</body></html>"
COUNTED = Usage(100, 20, cache_read_tokens=3_000, cache_write_tokens=40)

BROKEN = Ending("truncated", "network", retryable=True)
UNFINISHED = Ending("truncated", "protocol", retryable=True)
LOST = Ending("error", "network", retryable=True)
NOT_ITS_WIRE = Ending("error", "protocol")
OVERLOADED = Ending("error", "overloaded", retryable=True, detail="Overloaded")
UNTYPED = Ending("error", "server", retryable=True, detail="Overloaded")
SOCKET_SILENT = Ending("idle", retryable=True, detail="the server fell silent")

NO_TYPES = "its error object has words alone, no type"
NO_PINGS = "its wire has no keep-alive"
NO_AUTH_FRAME = "who asks is checked before a stream begins; there is no such frame"
ALWAYS_COUNTS = "its counts are a part of the stream and always sent"
NO_REFUSAL = "it has no refusal apart from the text"


def _silent(kind: OutcomeKind, detail: str) -> Ending:
    return Ending(kind, retryable=kind == "idle", detail=detail)


def _failure(code: int, error_class: ErrorClass, *, retryable: bool) -> StreamFault:
    body = {"error": {"type": "some_error", "message": "because I say so"}}
    ends = Ending("error", error_class, retryable, code, "because I say so")
    return StreamFault([Status(code, body)], ends)


SLOW_DOWN = {"error": {"type": "rate_limit_error", "message": "slow"}}


def _limited(header: str, wait_s: tuple[float, float] | None) -> StreamFault:
    ends = Ending("error", "rate_limited", True, 429, retry_after_s=wait_s)
    return StreamFault([Status(429, SLOW_DOWN, {"retry-after": header})], ends)


def _in_half_a_minute(_: ReceivedRequest) -> Script:
    return [Status(429, SLOW_DOWN, {"retry-after": formatdate(time.time() + 30, usegmt=True)})]


def _refused(
    body: Mapping[str, object], status: int, error_class: ErrorClass, *, retryable: bool
) -> StreamFault:
    return StreamFault([Status(status, body)], Ending("error", error_class, retryable, status))


TOO_LONG = {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}}
LLAMA_TOO_LONG = {
    "error": {"code": 400, "message": "request exceeds the context", "type": "exceed_context_size_error"}
}
NO_QUOTA = {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "no credit"}}
LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}

WHOLE: dict[str, StreamFault] = {
    "a whole answer": StreamFault([HELLO, Done()], Ending("complete"), TEXT),
    "a whole answer of one byte": StreamFault([Tokens(["x"]), Done()], Ending("complete"), "x"),
    "thinking and tool use pass by": StreamFault(
        [Thinking(), HELLO, ToolUse(), Done()], Ending("complete"), TEXT
    ),
    "cut off at its length limit": StreamFault([HELLO, Done("max_tokens")], Ending("length"), TEXT),
    "refused by a filter": StreamFault(
        [HELLO, Done("refusal")], Ending("filtered"), TEXT, none=_none(NO_REFUSAL, "ollama")
    ),
    "refused in words": StreamFault(
        [Refusal("I can't"), Done()],
        Ending("filtered", detail="I can't"),
        none=_none(NO_REFUSAL, "anthropic", "ollama", *AWS),
    ),
    "turn paused": StreamFault(
        [HELLO, Done("pause_turn")],
        Ending("truncated", retryable=True),
        TEXT,
        none=_none("only Anthropic's API pauses a turn", *CHAT, "ollama", "converse"),
    ),
    "aborted by the gateway": StreamFault(
        [HELLO, Done("abort")],
        Ending("truncated", "server", retryable=True),
        TEXT,
        none=_none("such gateways speak OpenAI's wire", "anthropic", "ollama", *AWS),
    ),
    "usage, with what the cache read and wrote": StreamFault(
        [HELLO, Done(usage=COUNTED)],
        Ending("complete"),
        TEXT,
        usage=COUNTED,
        usages={"ollama": Usage(100, 20)},  # it has no word for its cache
    ),
    "usage that is not sent": StreamFault(
        [HELLO, Done(counted=False)],
        Ending("complete"),
        TEXT,
        usage=Usage(),
        none=_none(ALWAYS_COUNTS, "anthropic", *AWS),
    ),
}

CUT: dict[str, StreamFault] = {
    "reset before the headers": StreamFault([Cut()], LOST),
    "closed before the headers": StreamFault([Cut(reset=False)], LOST),
    "reset before the first content": StreamFault([Pings(0.01, 1), Cut()], LOST),
    "closed before the first content": StreamFault([Pings(0.01, 1), Cut(reset=False)], LOST),
    "clean end without a marker before the first content": StreamFault(
        [End()],
        UNFINISHED,
        but={"ollama": NOT_ITS_WIRE},  # nothing at all came: its stream has no opening
    ),
    "error event before the first content": StreamFault([Error()], OVERLOADED, but={"ollama": UNTYPED}),
    "reset after the first content": StreamFault([HELLO, Cut()], BROKEN, TEXT),
    "closed after the first content": StreamFault([HELLO, Cut(reset=False)], BROKEN, TEXT),
    "clean end without a marker after the first content": StreamFault([HELLO, End()], UNFINISHED, TEXT),
    "error event after the first content": StreamFault(
        [HELLO, Error()], OVERLOADED, TEXT, but={"ollama": UNTYPED}
    ),
    "error event: rate limit": StreamFault(
        [Error("rate_limit_error", "slow")],
        Ending("error", "rate_limited", retryable=True),
        none=_none(NO_TYPES, "ollama"),
    ),
    "error event: key": StreamFault(
        [Error("authentication_error", "no")],
        Ending("error", "auth"),
        none={**_none(NO_TYPES, "ollama"), **_none(NO_AUTH_FRAME, *AWS)},
    ),
    "rubbish after the first content": StreamFault(
        [HELLO, Rubbish()],
        NOT_ITS_WIRE,
        TEXT,
        # Anthropic's SDK passes over an event without a name; a damaged frame is noticed as one.
        but=dict.fromkeys(("anthropic", *AWS), UNFINISHED),
    ),
    "200 with an HTML page": StreamFault([Page()], Ending("error", "protocol", status=200)),
    "200 with binary rubbish": StreamFault([Binary()], NOT_ITS_WIRE),
    "200 with a JSON document": StreamFault(
        [Status(200, {"object": "chat.completion"})],
        Ending("error", "protocol", status=200),
        but={"ollama": NOT_ITS_WIRE},  # JSON is its wire: the document holds no event of it
    ),
}

SILENT: dict[str, StreamFault] = {
    "silence before the headers": StreamFault(
        [Hang()], _silent("idle", "no first token within 0.3 s"), limits=Limits(0.3, 9, 9), after_s=0.3
    ),
    "silence before the first content": StreamFault(
        [Pings(0.01, 1), Hang()],
        _silent("idle", "no first token within 0.3 s"),
        limits=Limits(0.3, 9, 9),
        after_s=0.3,
    ),
    "silence after N tokens": StreamFault(
        [HELLO, Hang()],
        _silent("idle", "no more text within 0.3 s"),
        TEXT,
        limits=Limits(9, 0.3, 9),
        after_s=0.3,
    ),
    "silence, total deadline first": StreamFault(
        [Hang()], _silent("deadline", "not done within 0.3 s"), limits=Limits(9, 9, 0.3), after_s=0.3
    ),
    "silence of the socket before the first content": StreamFault(
        [Hang()], SOCKET_SILENT, read_timeout_s=0.3, after_s=0.3
    ),
    "silence of the socket after N tokens": StreamFault(
        [HELLO, Hang()], SOCKET_SILENT, TEXT, read_timeout_s=0.3, after_s=0.3
    ),
    "pings only": StreamFault(
        [Pings()],
        _silent("idle", "no first token within 0.3 s"),
        limits=Limits(0.3, 9, 9),
        after_s=0.3,
        none=_none(NO_PINGS, "ollama", "converse"),
    ),
    "pings only after N tokens": StreamFault(
        [HELLO, Pings()],
        _silent("idle", "no more text within 0.3 s"),
        TEXT,
        limits=Limits(9, 0.3, 9),
        after_s=0.3,
        none=_none(NO_PINGS, "ollama", "converse"),
    ),
    "empty pieces only": StreamFault(
        [Tokens([""] * 1_000, every_s=0.02)],
        _silent("idle", "no first token within 0.3 s"),
        limits=Limits(0.3, 9, 9),
        after_s=0.3,
    ),
    "thinking only": StreamFault(
        [Thinking()] * 3 + [Hang()],
        _silent("idle", "no first token within 0.3 s"),
        limits=Limits(0.3, 9, 9),
        after_s=0.3,
    ),
    "one token every so often for ever": StreamFault(
        [Tokens(["a"] * 10_000, every_s=0.05)],
        _silent("deadline", "not done within 1 s"),
        "a",
        limits=Limits(9, 0.5, 1.0),
        after_s=1.0,
        goes_on=True,
    ),
    "a flood of tokens for ever": StreamFault(
        [Tokens(["a"] * 200_000)],
        _silent("deadline", "not done within 1 s"),
        "a",
        limits=Limits(9, 9, 1.0),
        after_s=1.0,
        goes_on=True,
    ),
}

STATUSES: dict[str, StreamFault] = {
    "429 with 0.2 s": _limited("0.2", (0.2, 0.2)),
    "429 with 3600 s": _limited("3600", (3600.0, 3600.0)),
    "429 with weeks": _limited("9999999", (3600.0, 3600.0)),
    "429 with a date in half a minute": StreamFault(
        _in_half_a_minute, Ending("error", "rate_limited", True, 429, retry_after_s=(25.0, 30.0))
    ),
    "429 with a past date": _limited("Wed, 21 Oct 2015 07:28:00 GMT", (0.0, 0.0)),
    "429 with a far date": _limited("Wed, 21 Oct 2099 07:28:00 GMT", (3600.0, 3600.0)),
    "429 with rubbish": _limited("soon", None),
    "429 with a negative number": _limited("-5", None),
    "429 with nothing": _failure(429, "rate_limited", retryable=True),
    "429, quota spent": _refused(NO_QUOTA, 429, "auth", retryable=False),
    "529": _failure(529, "overloaded", retryable=True),
    "503": _failure(503, "overloaded", retryable=True),
    "503, model still loading": _refused(LOADING, 503, "unavailable", retryable=True),
    "500": _failure(500, "server", retryable=True),
    "500 with nothing": StreamFault([Status(500)], Ending("error", "server", True, 500)),
    "502 with HTML": StreamFault([Status(502, HTML)], Ending("error", "server", True, 502, "an HTML page")),
    "400": _failure(400, "bad_request", retryable=False),
    "401": _failure(401, "auth", retryable=False),
    "402": _failure(402, "auth", retryable=False),
    "403": _failure(403, "auth", retryable=False),
    "404": _failure(404, "not_found", retryable=False),
    "408": _failure(408, "server", retryable=True),
    "422": _failure(422, "bad_request", retryable=False),
    "too long, 400": _refused(TOO_LONG, 400, "too_long", retryable=False),
    "too long, 400 of llama.cpp": _refused(LLAMA_TOO_LONG, 400, "too_long", retryable=False),
    "too long, 413": _failure(413, "too_long", retryable=False),
}

STREAM_FAULTS: dict[str, StreamFault] = {**CUT, **SILENT, **STATUSES, **WHOLE}
"""Row by row."""
