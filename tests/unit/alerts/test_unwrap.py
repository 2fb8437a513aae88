"""Records that carry several documents: each comes out as it stood, in order."""

import gzip
import json

import pytest

from backend.alerts import unwrap as module
from backend.alerts.model import DeadLetter, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from tests.unit.alerts.reading import EVE, FINDING, NOW_MS, line

A, B = line(EVE), line(FINDING)


def kinds(data: bytes) -> list[str]:
    items = Parser().parse(data, NOW_MS)
    assert [item.sub for item in items] == list(range(len(items)))
    return [item.head.format if isinstance(item, ParsedAlert) else type(item).__name__ for item in items]


@pytest.mark.parametrize(
    "data",
    [
        b"[" + A + b"," + B + b"]",
        b" [\r\n " + A + b" , " + B + b"\n]\n",
        b"[[" + A + b"],[" + B + b"]]",
        b'{"Records":[' + A + b"," + B + b"]}",
        b'{"records":[' + A + b"," + B + b"]}",
        b'{"@odata.context":"x","value":[' + A + b"," + B + b"]}",
        b'{"reply":{"total":2,"alerts":[' + A + b"," + B + b"]}}",
        b'{"took":1,"hits":{"total":2,"hits":[{"_id":"1","_source":'
        + A
        + b'},{"_id":"2","_source":'
        + B
        + b"}]}}",
        A + B,
        A + b"\n" + B + b"\n",
        json.dumps(EVE, indent=2).encode() + json.dumps(FINDING, indent=2).encode(),
        b"[" + A + b'],{"value":[' + B + b"]}",
        b"\xef\xbb\xbf[" + A + b"," + B + b"]",
    ],
)
def test_two_documents(data: bytes) -> None:
    assert kinds(data) == ["suricata_eve", "ocsf"]


def test_the_raw_bytes_are_the_ones_received() -> None:
    spaced = A.replace(b",", b" ,\t").replace(b"ET MALWARE", b"ET\\u0020MALWARE")
    for data in (
        b"[" + B + b", " + spaced + b" ]",
        b'{"Records": [' + B + b", " + spaced + b"]}",
        B + spaced,
        b"[" + B + b", NaN, " + spaced + b"]",
    ):
        items = [item for item in Parser().parse(data, NOW_MS) if isinstance(item, ParsedAlert)]
        assert [item.raw for item in items] == [B, spaced]


def test_one_pretty_printed_document() -> None:
    pretty = json.dumps(EVE, indent=4).encode()
    (item,) = Parser().parse(pretty, NOW_MS)
    assert isinstance(item, ParsedAlert)
    assert (item.raw, item.head.format) == (pretty, "suricata_eve")


def test_json_in_a_message_field() -> None:
    shell = {"@timestamp": "2026-01-01T00:00:00Z", "host": {"name": "shipper"}, "message": A.decode()}
    (item,) = Parser().parse(line(shell), NOW_MS)
    assert isinstance(item, ParsedAlert)
    assert (item.head.format, item.raw) == ("suricata_eve", A)
    generic = {"message": '{"title": "inner", "severity": "high"}', "tags": ["x"]}
    (item,) = Parser().parse(line(generic), NOW_MS)
    assert isinstance(item, ParsedAlert) and item.head.title == "inner"
    rated = {"message": '{"a": 1}', "title": "outer", "severity": "high"}
    (item,) = Parser().parse(line(rated), NOW_MS)
    assert isinstance(item, ParsedAlert) and item.head.title == "outer"
    (item,) = Parser().parse(line({"message": "{not json", "title": "outer"}), NOW_MS)
    assert isinstance(item, ParsedAlert) and item.head.title == "outer"


def test_json_in_a_json_string() -> None:
    assert kinds(line(A.decode())) == ["suricata_eve"]
    assert kinds(line("[" + A.decode() + "]")) == ["suricata_eve"]


def test_the_detail_of_a_bus_is_opened_where_its_format_is_known() -> None:
    spaced = A.replace(b",", b" , ")
    bus = (
        b'{"source": "aws.x", "detail-type": "X", "time": "2026-01-01T00:00:00Z", "detail": ' + spaced + b"}"
    )
    (item,) = Parser().parse(bus, NOW_MS)
    assert isinstance(item, ParsedAlert)
    assert (item.head.format, item.raw) == ("suricata_eve", spaced)
    whole = line({"detail-type": "X", "source": "aws.x", "detail": {"title": "T", "severity": "high"}})
    (item,) = Parser().parse(whole, NOW_MS)
    assert isinstance(item, ParsedAlert)
    assert (item.head.format, item.head.title, item.raw) == ("generic_json", "T", whole)


def test_a_shells_time_and_host_stand_in() -> None:
    timeless = {key: value for key, value in FINDING.items() if key != "time"}
    shells: list[dict[str, object]] = [
        {
            "@timestamp": "2026-01-01T00:00:00Z",
            "host": {"name": "shipper-1"},
            "message": json.dumps(timeless),
        },
        {"time": "2026-01-01T00:00:00Z", "host": "shipper-1", "detail": timeless},
    ]
    for shell in shells:
        (item,) = Parser().parse(line(shell), 7)
        assert isinstance(item, ParsedAlert)
        assert (item.head.format, item.head.hostname) == ("ocsf", "shipper-1")
        assert (item.head.time_ms, item.head.time_quality) == (NOW_MS, "exact")


def test_messages_in_messages_and_lists_in_messages() -> None:
    once = line({"message": A.decode()}).decode()
    twice = line({"message": once}).decode()
    assert kinds(twice.encode()) == ["suricata_eve"]
    assert kinds(line({"message": twice})) == ["suricata_eve"]
    # A fourth shell is taken for a document.
    assert kinds(line({"message": line({"message": twice}).decode()})) == ["generic_json"]
    assert kinds(line({"message": f"[{A.decode()}, {B.decode()}]"})) == ["suricata_eve", "ocsf"]
    assert kinds(line({"message": json.dumps({"Records": [EVE, FINDING]})})) == ["suricata_eve", "ocsf"]


def test_json_strings_in_json_strings() -> None:
    assert kinds(line(json.dumps(json.dumps(EVE)))) == ["suricata_eve"]


def test_firehose_runs_documents_together() -> None:
    data = (A + B) * 40
    items = [item for item in Parser().parse(data, NOW_MS) if isinstance(item, ParsedAlert)]
    assert [item.raw for item in items] == [A, B] * 40


def test_a_fixed_format_is_found_inside_shells() -> None:
    for shell in ({"message": A.decode()}, {"detail": EVE}, {"records": [{"message": A.decode()}]}):
        (item,) = Parser(fixed_format="suricata_eve").parse(line(shell), NOW_MS)
        assert isinstance(item, ParsedAlert), shell
        assert item.head.format == "suricata_eve"
    (item,) = Parser(fixed_format="generic_json").parse(line({"message": A.decode(), "title": "x"}), NOW_MS)
    assert isinstance(item, ParsedAlert)
    assert (item.head.format, item.head.title) == ("generic_json", "x")


@pytest.mark.parametrize(
    "data",
    [
        b"{}" * 1_000_000,
        b'{"a":1}' * 300_000,
        b"[" + b",".join([b"{}"] * 700_000) + b"]",
        b'{"records":[' + b",".join([b"{}"] * 700_000) + b"]}",
        b"[[" + b",".join([b"{}"] * 700_000) + b"]]",
    ],
    ids=lambda data: data[:14].decode(),
)
def test_a_hostile_record_gives_few_documents(data: bytes) -> None:
    items = Parser().parse(data, NOW_MS)
    assert len(items) <= len(data) // 200 + 1
    last = items[-1]
    assert isinstance(last, DeadLetter)
    assert last.raw == data
    if len(items) > 1:
        assert last.reason == f"more than {len(items) - 1} documents in one record"


def test_documents_in_messages_count_with_the_rest() -> None:
    message = line({"message": "{}" * 200})
    data = b"[" + b",".join([message] * 2_000) + b"]"
    limit = len(data) // 200
    items = Parser().parse(data, NOW_MS)
    assert len(items) == limit + 1
    last = items[-1]
    assert isinstance(last, DeadLetter)
    assert (last.raw, last.sub) == (data, limit)


def test_many_alerts_in_one_record_are_all_read() -> None:
    count = 3_000
    for data in (A * count, b"[" + b",".join([A] * count) + b"]"):
        assert len(Parser().parse(data, NOW_MS)) == count


def test_an_alert_with_a_list_of_its_own_is_no_envelope() -> None:
    alert = {
        "title": "T",
        "severity": "high",
        "host": "h",
        "user": "u",
        "id": "0123456789",
        "b": 1,
        "value": [{"a": 1}],
    }
    assert kinds(line(alert)) == ["generic_json"]


@pytest.mark.parametrize(
    "data", [b"[]", b' {"Records": []} ', b'{"value": [], "@odata.context": "x"}', b"[[],[]]"]
)
def test_an_empty_list_is_an_event(data: bytes) -> None:
    for item in Parser().parse(data, NOW_MS):
        assert isinstance(item, ParsedEvent) and item.kind == "empty list"


def test_the_whole_part_of_a_broken_record_is_kept() -> None:
    for data, rest in (
        (A + b'{"title": ', b'{"title": '),
        (b"[" + A + b', {"title": ]', b'{"title": ]'),
        (A + b" rubbish", b"rubbish"),
    ):
        alert, dead = Parser().parse(data, NOW_MS)
        assert isinstance(alert, ParsedAlert) and alert.raw == A
        assert isinstance(dead, DeadLetter)
        assert (dead.raw, dead.sub) == (rest, 1)
    alert, dead = Parser().parse(b"[" + A + b",", NOW_MS)
    assert isinstance(dead, DeadLetter) and dead.reason == "JSON array ends before it is complete"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty record"),
        (b" \n", "empty record"),
        (
            gzip.compress(A, mtime=0),
            "not text: gzip-compressed data (starts with 1F 8B); decompress it before sending",
        ),
        (b"\x00\x01\x02", "not text: binary data, starts with 00 01 02"),
        (b"7", "not an alert: JSON, but a number and not an object"),
        (b"null", "not an alert: JSON, but null and not an object"),
        (b'"text"', "not an alert: JSON, but a string and not an object"),
        (b"[1, 2, null]", "not an alert: a JSON array without objects"),
        (b'[{"a": 1, x', "JSON is malformed at byte 10: expecting property name enclosed in double quotes"),
        (b"[{", "JSON ends before it is complete (after 2 bytes)"),
        (b'{"a": ', "JSON ends before it is complete (after 6 bytes)"),
        (b'{"a": "b', "JSON ends before it is complete (after 8 bytes)"),
        ('{"ä": x}'.encode(), "JSON is malformed at byte 7: expecting value"),
        (b'{"a" 1}', "JSON is malformed at byte 5: expecting ':' delimiter"),
        (b"{" * 100_000, "JSON is malformed at byte 1: expecting property name enclosed in double quotes"),
        (b"[" * 100_000, "not readable: JSON nested too deeply"),
        (b'{"a":' * 100_000, "not readable: JSON nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not readable: JSON nested too deeply"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_reasons(data: bytes, reason: str) -> None:
    (item,) = Parser().parse(data, NOW_MS)
    assert isinstance(item, DeadLetter)
    assert (item.reason, item.raw) == (reason, data)


def test_arrays_are_opened_three_deep() -> None:
    assert kinds(b"[[[" + A + b"]]]") == ["suricata_eve"]
    (item,) = Parser().parse(b"[[[[" + A + b"]]]]", NOW_MS)
    assert isinstance(item, DeadLetter)
    assert (item.reason, item.raw) == ("JSON arrays nested more than 3 deep", b"[" + A + b"]")


def test_documents_in_one_record_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 10)
    for data in (b"{}" * 100, b"[" + b",".join([b"{}"] * 100) + b"]"):
        items = Parser().parse(data, NOW_MS)
        assert len(items) == 11
        last = items[-1]
        assert isinstance(last, DeadLetter)
        assert (last.reason, last.raw) == ("more than 10 documents in one record", data)


def test_a_long_array_is_read_element_by_element(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE_LIMIT", 100)
    assert kinds(b"[" + A + b",\n" + B + b"]") == ["suricata_eve", "ocsf"]
