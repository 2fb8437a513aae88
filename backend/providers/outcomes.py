"""From an HTTP status, an error body or an exception to an `Outcome`: one place for every vendor."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from backend.providers.base import ErrorClass, Outcome

RETRY_AFTER_CAP_S = 3600.0
"""A server may ask for weeks; nobody waits longer than an hour, the next look at it comes sooner."""

DETAIL_LIMIT = 300
RETRYABLE: frozenset[ErrorClass] = frozenset(
    {"rate_limited", "overloaded", "server", "network", "unavailable"}
)

_STATUS: dict[int, ErrorClass] = {
    401: "auth",
    402: "auth",
    403: "auth",
    404: "not_found",
    408: "server",
    409: "server",
    413: "too_long",
    425: "server",
    429: "rate_limited",
    503: "overloaded",
    529: "overloaded",
}

# The `type` and `code` words of Anthropic, OpenAI, llama.cpp and vLLM error bodies, the specific ones first:
# OpenAI says `invalid_request_error` beside nearly every code.
_WORDS: tuple[tuple[re.Pattern[str], ErrorClass], ...] = (
    (re.compile(r"context_length|exceed_context|too_large|above_max_length|too_long"), "too_long"),
    (re.compile(r"overloaded"), "overloaded"),
    (re.compile(r"unavailable"), "unavailable"),
    (re.compile(r"quota|billing|authentication|permission|api_key|unauthorized"), "auth"),
    (re.compile(r"rate_limit|too_many_requests"), "rate_limited"),
    (re.compile(r"not_found"), "not_found"),
    (re.compile(r"timeout|api_error|server_error|internal"), "server"),
    (re.compile(r"invalid_request|bad_request|invalid_"), "bad_request"),
)
_TOO_LONG = re.compile(
    r"prompt is too long|context (?:length|limit|size|window)|maximum context|too many (?:input )?tokens",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content_filter|content_policy|responsibleai")
_NETWORK = frozenset(
    {
        "TransportError",
        "APIConnectionError",
        "EndOfStream",
        "BrokenResourceError",
        "ClosedResourceError",
        "OSError",
    }
)
_SILENCE = frozenset({"ReadTimeout", "APITimeoutError"})

# Exceptions that stand below those above in the libraries' trees and mean something else: looked at first.
_EXCEPTIONS: tuple[tuple[frozenset[str], ErrorClass, str], ...] = (
    (
        frozenset({"UnsupportedProtocol", "InvalidURL", "LocalProtocolError", "UnicodeEncodeError"}),
        "bad_request",
        "the request can't be sent, check base_url, key and headers ({})",
    ),
    (frozenset({"ProxyError"}), "network", "the proxy did not pass the request on ({})"),
    (frozenset({"ImportError"}), "bad_request", "the vendor's SDK can't be loaded ({})"),
    (frozenset({"ConnectTimeout", "PoolTimeout", "WriteTimeout"}), "network", "no connection in time ({})"),
    (frozenset({"DecodingError", "TooManyRedirects"}), "protocol", "{}"),
)
# OpenSSL's words: the libraries pass them on, but not the exception that had them apart.
_CERTIFICATE = re.compile(
    r"CERTIFICATE_VERIFY_FAILED(?:\] certificate verify failed: (.{1,200}?)(?: \(_ssl|$))?"
)
_UNTRUSTED = "the server's certificate is not trusted ({}): name its authority's file as ca_file"
_HTML = re.compile(r"^\s*<(?:!doctype|html|head|body)", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")


class FailedError(Exception):
    """A failure whose outcome is known where it is noticed."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


def failed(error_class: ErrorClass, detail: str, *, status: int | None = None) -> FailedError:
    """Build the exception that ends a call with `error_class`."""
    return FailedError(error(error_class, detail, status=status))


def error(
    error_class: ErrorClass, detail: str, *, status: int | None = None, retry_after_s: float | None = None
) -> Outcome:
    """Build an error outcome; whether a retry may help follows from its class."""
    return Outcome(
        "error",
        one_line(detail),
        error_class=error_class,
        retryable=error_class in RETRYABLE,
        retry_after_s=retry_after_s,
        status=status,
    )


def one_line(text: str) -> str:
    """`text` with its white space folded, cut between words to a length that fits a notice.

    Between words, because half a key would no longer be recognised and masked.
    """
    folded = " ".join(text.split())
    if len(folded) <= DETAIL_LIMIT:
        return folded
    return folded[:DETAIL_LIMIT].rpartition(" ")[0] + " …"


def masked(outcome: Outcome, secret: str | None) -> Outcome:
    """`outcome` with the key taken out of its detail: vendors and libraries quote what they refuse."""
    if not secret or secret not in outcome.detail:
        return outcome
    return msgspec.structs.replace(outcome, detail=outcome.detail.replace(secret, "***"))


def retry_after_s(headers: Mapping[str, str], now_ms: int) -> float | None:
    """How long the server asks to wait, in seconds from 0 to `RETRY_AFTER_CAP_S`; None if it doesn't say.

    Reads `retry-after-ms` (OpenAI, Azure) and `retry-after` as seconds or an HTTP date (RFC 9110, 10.2.3);
    a date is measured from `now_ms`. What is neither is None.
    """
    millis = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(millis):
        return min(float(millis) / 1000, RETRY_AFTER_CAP_S)
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), RETRY_AFTER_CAP_S)
    try:
        at = parsedate_to_datetime(text)
        at_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()  # HTTP dates are GMT
    except (ValueError, IndexError, OverflowError, TypeError):
        return None
    return min(max(at_s - now_ms / 1000, 0.0), RETRY_AFTER_CAP_S)


def from_status(status: int, body: object, headers: Mapping[str, str], now_ms: int) -> Outcome:
    """What a status of 400 and above means; `body` is decoded JSON or text, as far as there is one."""
    words, message = _read_body(body)
    detail = f"HTTP {status}: {message}" if message else f"HTTP {status}"
    if _FILTERED.search(words):
        return Outcome("filtered", one_line(detail), status=status)
    error_class = _class_of(status, words, message)
    return error(error_class, detail, status=status, retry_after_s=retry_after_s(headers, now_ms))


def from_event(body: object) -> Outcome:
    """What an error event inside a stream means; the response itself had status 200."""
    words, message = _read_body(body)
    detail = f"error in the stream: {message or words or 'no reason given'}"
    if _FILTERED.search(words):
        return Outcome("filtered", one_line(detail))
    code = re.search(r"\b[45]\d\d\b", words)
    return error(_class_of(int(code.group()) if code else None, words, message), detail)


def from_exception(exc: BaseException, *, seen: bool) -> Outcome:
    """What an exception of an SDK or an HTTP library means; `seen` says whether text had come before it.

    anthropic and openai stand on httpx2, ollama on httpx: two trees with the same class names, so names are
    compared and neither library is imported here.
    """
    links = list(_causes(exc))
    names = {cls.__name__ for link in links for cls in type(link).__mro__}
    untrusted = next((found for link in links if (found := _CERTIFICATE.search(str(link)))), None)
    if untrusted is not None:
        return error("network", _UNTRUSTED.format(untrusted[1] or "no reason given"))
    reason = one_line(f"{type(exc).__name__}: {exc}")
    rule = next((rule for rule in _EXCEPTIONS if names & rule[0]), None)
    if rule is not None:
        return error(rule[1], rule[2].format(_reason(links, rule[0])))
    if names & _SILENCE:
        return Outcome("idle", "the server fell silent", retryable=True)
    if names & _NETWORK and seen:
        return Outcome("truncated", f"connection lost ({reason})", error_class="network", retryable=True)
    if names & _NETWORK:
        return error("network", f"connection failed ({reason})")
    return error("protocol", f"the answer is not what this vendor sends ({reason})")


def without_end(*, started: bool) -> Outcome:
    """A stream that ended as if all were well, but never said that the answer was whole."""
    if started:
        detail = "the stream ended without its end marker"
        return Outcome("truncated", detail, error_class="protocol", retryable=True)
    return error("protocol", "the answer held no event of this vendor's stream")


def check_stream_type(content_type: str) -> None:
    """Refuse a 200 that is a page or a document instead of a stream.

    Raises `FailedError`. A missing or unusual type passes: compatible servers are loose about it, and the end
    marker is checked in any case.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml", "application/json"}:
        raise failed(
            "protocol", f"the server answered with {kind} instead of a stream: check base_url", status=200
        )


def _reason(links: list[BaseException], names: frozenset[str]) -> str:
    """The words of the exception that `names` are about: an SDK's own around it says less."""
    told = next((link for link in links if names & {cls.__name__ for cls in type(link).__mro__}), links[0])
    return one_line(f"{type(told).__name__}: {told}")


def _causes(exc: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = exc
    for _ in range(8):  # a cause chain may be a ring
        if link is None:
            return
        yield link
        link = link.__cause__


def _read_body(body: object) -> tuple[str, str]:
    """The machine-readable words of an error body, and its message for people."""
    if isinstance(body, str):
        return "", "an HTML page" if _HTML.match(body) else body
    if not isinstance(body, Mapping):
        return "", ""
    inner: Any = body.get("error", body)
    if not isinstance(inner, Mapping):
        return "", str(inner)
    words = " ".join(str(inner[key]) for key in ("type", "code") if inner.get(key) is not None).lower()
    message = inner.get("message") or inner.get("detail") or ""
    return words, message if isinstance(message, str) else str(message)


def _class_of(status: int | None, words: str, message: str) -> ErrorClass:
    if status in {None, 400, 413, 422, 500} and _TOO_LONG.search(message):
        return "too_long"
    by_status: ErrorClass = "server"
    if status is not None:
        by_status = _STATUS.get(
            status, "server" if status >= 500 else "bad_request" if status >= 400 else "protocol"
        )
    by_words = next((found for pattern, found in _WORDS if pattern.search(words)), None)
    if by_words is None or (
        status is not None and status >= 500 and by_words not in RETRYABLE | {"too_long"}
    ):
        return by_status
    return by_words
