"""The parser as ingest uses it: sticky, fixed, and never surprised."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.model import FORMAT_NAMES, Alert, DeadLetter, Head, ParsedAlert, ParsedEvent
from backend.alerts.plain import Plain
from backend.alerts.recognise import Parser
from backend.alerts.registry import BY_NAME, build_alert, format_named
from backend.alerts.text import SafeText
from tests.unit.alerts.reading import (
    EVE,
    FINDING,
    NOW_MS,
    alert_of,
    forbidden,
    head_of,
    line,
    one,
    reason_of,
    texts_in,
)


def test_formats_may_alternate_in_one_source() -> None:
    parser = Parser()
    sent: list[Mapping[str, object]] = [
        EVE,
        FINDING,
        {"title": "x"},
        EVE,
        {"title": "y"},
        FINDING,
        FINDING,
        EVE,
    ]
    names = [head_of(document, parser).format for document in sent]
    assert names == [
        *(
            "suricata_eve",
            "ocsf",
            "generic_json",
            "suricata_eve",
            "generic_json",
            "ocsf",
            "ocsf",
            "suricata_eve",
        ),
    ]


def test_what_was_seen_before_does_not_change_what_is_read() -> None:
    seasoned = Parser()
    documents: list[Mapping[str, object]] = [EVE, FINDING, {"title": "x"}]
    for document in documents:
        head_of(document, seasoned)
        for probe in documents:
            assert one(probe, seasoned) == one(probe)


def test_a_fixed_format_reads_everything_as_that() -> None:
    parser = Parser(fixed_format="suricata_eve")
    assert head_of(EVE, parser).format == "suricata_eve"
    assert "event_type" in reason_of(FINDING, parser)
    assert "not JSON" in reason_of(b"plain text", parser)
    generic = Parser(fixed_format="generic_json")
    assert head_of(EVE, generic).format == "generic_json"
    assert head_of(EVE, generic).src_ip == "203.0.113.9"


def test_every_registered_format_is_one_of_the_contracts() -> None:
    assert set(BY_NAME) <= set(FORMAT_NAMES)
    assert list(BY_NAME)[-2:] == ["generic_json", "plain"]


def test_a_format_that_is_unknown_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"format 'xml' is unknown; use one of suricata_eve .*generic_json"):
        Parser(fixed_format="xml")
    monkeypatch.delitem(BY_NAME, "ocsf")
    with pytest.raises(ValueError, match="format 'ocsf' has no parser"):
        format_named("ocsf")


def test_building_survives_a_format_that_is_gone() -> None:
    head = Head("u", "extinct", 0, 3, SafeText("T"))
    alert = build_alert(b"{}", head)
    assert (alert.head, alert.parse_errors) == (head, ("format 'extinct' has no parser here",))


def test_a_text_format_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shout:
        name = "cef"

        def recognises_text(self, line: str) -> bool:
            return line.isupper()

        def head(self, raw: bytes, received_ms: int) -> ParsedEvent:
            return ParsedEvent("cef", "shout")

        def alert(self, raw: bytes, head: Head) -> Alert:
            raise NotImplementedError

    monkeypatch.setattr("backend.alerts.recognise.TEXT_FORMATS", (Shout(), Plain()))
    assert one(b"HELP <13>") == ParsedEvent("cef", "shout")
    assert one(b"help") == ParsedEvent("plain", "line")
    assert head_of(EVE).format == "suricata_eve"


def test_hostile_numbers_are_read_and_noted() -> None:
    raw = (
        b'{"title": "x", "severity": "high", "a": NaN, "b": -Infinity, "c": 1e400, "d": ' + b"9" * 5000 + b"}"
    )
    alert = alert_of(raw)
    assert (alert.head.title, alert.head.severity_id) == ("x", 4)
    notes = " ".join(alert.parse_errors)
    assert "NaN" in notes and "-Infinity" in notes and "1e400" in notes and "5000 digits" in notes


def test_numbers_where_others_are_expected() -> None:
    for rating in (b"NaN", b"1e400", b"9" * 5000, b"-1"):
        raw = line(EVE).replace(b'"severity": 1', b'"severity": ' + rating)
        assert head_of(raw).severity_id == 0
        port = line(EVE).replace(b'"src_port": 51698', b'"src_port": ' + rating)
        assert head_of(port).src_port == 0
        when = json.dumps(FINDING).encode().replace(b'"time": 1767139200000', b'"time": ' + rating)
        assert head_of(when).time_quality in {"received", "exact"}


def test_text_in_odd_encodings() -> None:
    assert head_of(json.dumps(EVE).encode("utf-16")).format == "suricata_eve"
    assert "UTF-16" in alert_of(json.dumps(EVE).encode("utf-16")).parse_errors[0]
    assert head_of(b"\xef\xbb\xbf" + line(EVE)).format == "suricata_eve"
    broken = line(EVE).replace(b"Beacon", b"Bea\xffcon\x9b")
    assert head_of(broken).title == "ET MALWARE Bea⟨FF⟩con⟨9B⟩"
    assert "not UTF-8" in alert_of(broken).parse_errors[0]
    assert head_of(line(EVE).replace(b"Beacon", b"\\ud800 \\udc80")).title == "ET MALWARE ⟨U+D800⟩ ⟨80⟩"
    assert head_of(line(EVE).replace(b"Beacon", b"\x1b[2J\n")).title == "ET MALWARE ␛[2J␤"


def test_ten_megabytes_in_a_field() -> None:
    document = EVE | {"alert": {"signature": "x\x1b" * 5_000_000, "severity": 1}}
    head = head_of(document)
    assert len(head.title) == 300
    alert = alert_of({"title": "t", "note": "y" * 10_000_000})
    assert max(len(text) for text in texts_in(alert)) <= 4000


def test_a_record_beyond_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.alerts.recognise.MAX_RECORD_BYTES", 10)
    assert reason_of({"title": "x" * 20}).endswith("the limit is 10")


def check(data: bytes, parser: Parser) -> None:
    items = parser.parse(data, NOW_MS)
    assert items
    for item in items:
        if isinstance(item, ParsedAlert):
            alert = parser.build_alert(item.raw, item.head)
            for text in texts_in(alert):
                assert forbidden(text) == []
        elif isinstance(item, DeadLetter):
            assert item.reason and forbidden(item.reason) == []
        else:
            assert forbidden(item.kind) == []


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    check(data, Parser())
    check(b"{" + data, Parser())
    check(b"[" + data, Parser())
    for name in BY_NAME:
        check(data, Parser(fixed_format=name))


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
_keys = st.sampled_from(
    [*EVE, *FINDING, *dict.fromkeys(["message", "value", "Records", "hits", "evidences", "device"])]
)
_rules = st.dictionaries(
    st.sampled_from(["signature", "severity", "metadata", "signature_id", "gid", "uid"]), _json
)


@given(st.sampled_from([EVE, FINDING, {"title": "x"}]), st.dictionaries(_keys, _json | _rules, max_size=6))
def test_any_document_with_any_field_of_any_type(base: dict[str, object], changes: dict[str, object]) -> None:
    data = json.dumps(base | changes).encode()
    check(data, Parser())
    for name in BY_NAME:
        check(data, Parser(fixed_format=name))


@given(st.sampled_from([line(EVE), line(FINDING)]), st.data())
def test_any_byte_of_a_document_changed(base: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(base) - 1))
    cut = base[:place] + data.draw(st.binary(max_size=4)) + base[place + data.draw(st.integers(0, 4)) :]
    check(cut, Parser())


@given(_json)
def test_any_json(document: object) -> None:
    check(json.dumps(document).encode(), Parser())
