"""Plain lines: readable text is counted, never a dead letter; what is no text is one."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.model import DeadLetter, Head, ParsedEvent
from backend.alerts.plain import Plain
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.reading import EVE, head_of, line, one, reason_of


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"just some words", "line"),
        (b"kernel: it is warm", "kernel"),
        (b"/usr/sbin/cron[12]: it ran", "cron"),
        (b"[Mon Jan 01] [error] it failed", "line"),
        (b"[2026-01-01 00:00:00 +0000] info it ran", "line"),
        (b"[error] {not json", "line"),
        (b'"0" "1" "quoted words"', "line"),
        (b"\x1b[31mred\x1b[0m words", "line"),
        (b"12:03:11 Warning", "line"),
        ("naïve ünïcode →".encode(), "line"),
        ("проверка связи".encode("cp1251"), "line"),
        ("naïve words".encode("utf-16"), "line"),
        (b"words ended by a NUL\x00", "line"),
        (b"session-93412281: it ran", "line"),
        (b"a-name-that-is-far-too-long-to-be-a-program: it ran", "line"),
        (b"1 2 3", "line"),
        (b"Jan 1", "line"),
        (b"first line\nsecond line", "line"),
    ],
)
def test_text_is_counted(data: bytes, kind: str) -> None:
    assert one(data) == ParsedEvent("plain", kind)
    assert one(data, Parser(fixed_format="plain")) == ParsedEvent("plain", kind)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00\x01\x02\x03", "not text: binary data, starts with 00 01 02 03"),
        (bytes(range(256)) * 4, "not text: binary data, starts with 00 01 02 03 04 05 06 07"),
        (gzip.compress(b"words", mtime=0), "not text: gzip-compressed data (starts with 1F 8B); decompress"),
        (b" \t ", "empty record"),
        ("words".encode("utf-16-le"), "not text: binary data, starts with 77 00"),
    ],
)
def test_what_is_no_text_is_a_dead_letter(data: bytes, reason: str) -> None:
    for parser in (Parser(), Parser(fixed_format="plain")):
        assert reason_of(data, parser).startswith(reason)


@pytest.mark.parametrize(
    "data", [b'{"title": "Od', b'[{"title": "Od', b"{", b'{"a": x}', b'[["a', line(EVE)[:-9]]
)
def test_torn_json_is_a_dead_letter(data: bytes) -> None:
    assert reason_of(data).startswith("JSON")


@pytest.mark.parametrize("data", [b"7", b"-1.5", b"null", b"true", b'"word"'])
def test_a_json_scalar_is_no_line(data: bytes) -> None:
    assert reason_of(data).startswith("not an alert: JSON, but")


def test_lines_do_not_change_what_json_is() -> None:
    parser = Parser()
    one(b"just some words", parser)
    assert head_of(EVE, parser) == head_of(EVE)


def test_a_plain_line_as_an_alert_tells_its_text() -> None:
    head = Head("u", "plain", 0, 2, SafeText("New pattern"))
    alert = Plain().alert(b" words\xff ", head)
    assert alert.description == "words⟨FF⟩"
    assert alert.parse_errors == ("record holds bytes that are not UTF-8",)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=80))
def test_readable_text_is_never_a_dead_letter(text: str) -> None:
    if not text.strip() or text.lstrip()[0] in '{["' or text.strip()[0] in "-0123456789tfn":
        return
    assert not isinstance(one(text.encode()), DeadLetter)
