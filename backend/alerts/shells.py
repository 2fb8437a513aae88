"""What is around an event on its way: several lines in one record, syslog headers, shippers' own fields.

A shell knows when and where it was sent. That stands in where the event inside does not say.
"""

import re
from collections.abc import Iterator

import msgspec

from backend.alerts.base import Outcome
from backend.alerts.fields import Object, dig, first, stable_uid, text
from backend.alerts.model import Head
from backend.alerts.syslog_header import Header
from backend.alerts.text_line import from_pri
from backend.alerts.times import parse_time
from backend.alerts.unwrap import MAX_ITEMS

_MAX_LINES = 20_000
_STARTS = (
    rb"(?:(?:\d{1,6} )?<\d{1,3}>|(?:CEF|LEEF):\s?\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
)
_LINE_START = re.compile(_STARTS)
_LINE_BREAK = re.compile(rb"\n(?=" + _STARTS + rb")")
_COOKIE = re.compile(r"@?cee:\s*", re.IGNORECASE)
_JSON_START = re.compile(r"\{\s*[\"}]|\[\s*\{")
_NO_JSON = re.compile(rb"\s*(?:\[\s*[^\s\[{\"\]]|\")")
# A document with one of these has a story of its own; its `message` is only a part of that.
_OWN_STORY = ("severity", "title", "rule", "alert", "signature", "name", "alert_name", "rule_name", "finding")


def text_lines(data: bytes) -> Iterator[bytes]:
    """The lines of a record of several log lines; a line that starts like none belongs to the one before."""
    if b"\n" not in data.rstrip() or not _LINE_START.match(data):
        yield data
        return
    start = 0
    for found in _LINE_BREAK.finditer(data):
        yield data[start : found.start()].rstrip(b"\r\n")
        start = found.end()
    yield data[start:].rstrip(b"\r\n")


def most_lines(data: bytes) -> int:
    """How many lines and documents a record of text may hold; a Zeek log may have more rows."""
    return MAX_ITEMS if data.startswith(b"#") else _MAX_LINES


def json_in_body(header: Header) -> bytes | None:
    """The bytes of the JSON that a line's message is, without a `@cee:` cookie; None where it is none."""
    body = header.body
    if cookie := _COOKIE.match(body):
        body = body[cookie.end() :]
    return body.encode("utf-8", "surrogateescape") if _JSON_START.match(body) else None


def is_no_json(data: bytes) -> bool:
    """Whether text that starts with a bracket or a quote can't be JSON that alerts come in.

    `[error] …` and `[2026-01-02 03:04:05] …` are lines of a log; what starts with `{` or `[{` is JSON, and
    torn where it can't be read.
    """
    return _NO_JSON.match(data) is not None


def shell_of(obj: Object) -> Header:
    """The time and host of a shipper's or bus's document around an event, as a header says them."""
    time = next((obj[key] for key in ("@timestamp", "timestamp", "time") if obj.get(key)), "")
    host = dig(obj, "host.name") or dig(obj, "host.hostname") or obj.get("hostname") or obj.get("host")
    return Header(time=str(text(first(time), 64)), host=str(text(host)))


def tells_its_own_story(obj: Object) -> bool:
    """Whether a document is more than a shell around its message."""
    return any(first(obj.get(key)) is not None for key in _OWN_STORY)


def with_header(outcome: Outcome, header: Header, received_ms: int) -> Outcome:
    """An event's own head, with the header's host, time and rank where it has none."""
    if not isinstance(outcome, Head):
        return outcome
    hostname, uid = outcome.hostname or text(header.host), outcome.uid
    time_ms, quality = outcome.time_ms, outcome.time_quality
    if quality == "received" and header.time:
        time_ms, quality = parse_time(header.time, received_ms)
        # Without a time of its own the same words, sent again, are another event.
        uid = stable_uid(uid, header.time, header.host)
    severity_id, native = outcome.severity_id, outcome.severity_native
    if not severity_id and not native:
        severity_id, native = from_pri(header)
    return msgspec.structs.replace(
        outcome,
        uid=uid,
        hostname=hostname,
        time_ms=time_ms,
        time_quality=quality,
        severity_id=severity_id,
        severity_native=native,
    )
