"""The shared corpus of text formats: every line is recognised as FORMATS says, none is lost or raises."""

from collections import Counter
from pathlib import Path

import pytest

from backend.alerts.model import DeadLetter, Parsed, ParsedAlert
from backend.alerts.recognise import Parser
from tests.corpus import CORPUS
from tests.unit.alerts.reading import NOW_MS, forbidden, texts_in

pytestmark = [pytest.mark.corpus, pytest.mark.skipif(CORPUS is None, reason="no corpus")]


def lines_of(name: str) -> list[bytes]:
    assert CORPUS is not None
    return (Path(CORPUS) / name).read_bytes().splitlines()


def read(name: str) -> list[Parsed]:
    parser = Parser()
    items: list[Parsed] = []
    for line in lines_of(name):
        (item,) = parser.parse(line, NOW_MS)
        items.append(item)
        if isinstance(item, ParsedAlert):
            alert = parser.build_alert(item.raw, item.head)
            assert item.head.title
            assert all(forbidden(text) == [] for text in texts_in(alert))
    return items


def counted(items: list[Parsed]) -> Counter[tuple[str, str]]:
    return Counter(
        (type(item).__name__, "" if isinstance(item, DeadLetter) else format_of(item)) for item in items
    )


def format_of(item: Parsed) -> str:
    if isinstance(item, ParsedAlert):
        return item.head.format
    return "" if isinstance(item, DeadLetter) else item.format


@pytest.mark.parametrize(
    ("name", "records"), [("cef_leef_syslog/sc4s_raw.log", 98), ("cef_leef_syslog/sc4s_templated.log", 170)]
)
def test_each_line_is_of_the_format_it_says(name: str, records: int) -> None:
    items = read(name)
    assert len(items) == records
    for line, item in zip(lines_of(name), items, strict=True):
        assert not isinstance(item, DeadLetter), line
        expected = "cef" if b"CEF:0|" in line else "leef" if b"LEEF:" in line else ""
        if expected:
            assert (type(item).__name__, format_of(item)) == ("ParsedAlert", expected)
        else:
            assert format_of(item) in ("syslog", "generic_json"), line


def test_counts() -> None:
    assert counted(read("cef_leef_syslog/sc4s_raw.log")) == {
        ("ParsedAlert", "cef"): 8,
        ("ParsedAlert", "leef"): 2,
        ("ParsedAlert", "syslog"): 8,
        ("ParsedAlert", "generic_json"): 2,
        ("ParsedEvent", "syslog"): 78,
    }
    templated = counted(read("cef_leef_syslog/sc4s_templated.log"))
    assert templated["ParsedAlert", "cef"] == 5
    assert templated["ParsedAlert", "leef"] == 13


def test_the_lines_formats_names() -> None:
    raw, templated = (
        [
            item.head if isinstance(item, ParsedAlert) else None
            for item in read(f"cef_leef_syslog/sc4s_{name}.log")
        ]
        for name in ("raw", "templated")
    )

    def severities(*numbers: int) -> list[tuple[int, str]]:
        heads = [raw[number - 1] for number in numbers]
        return [(head.severity_id, str(head.severity_native)) for head in heads if head is not None]

    assert severities(33, 39, 40, 41, 44) == [(4, "7"), (3, "5"), (3, "5"), (2, "Low"), (0, "Unknown")]
    for number in range(101, 114):
        head = templated[number - 1]
        assert head is not None and head.format == "leef"
        assert head.src_ip in ("192.0.2.0", "200.0.2.0", "1.1.1.1") and head.dst_port in (21, 443)
    web_attack = templated[46]
    assert web_attack is not None and web_attack.severity_id == 3  # CEF 6, under a PRI of local0.info


def test_raw_logs_are_telemetry() -> None:
    benchmark = counted(read("raw_logs/wazuh_benchmark_syslog.log"))
    assert benchmark == {("ParsedEvent", "syslog"): 1000}
    ruleset = read("raw_logs/wazuh_ruleset_logs.log")
    assert len(ruleset) == 140
    assert not any(isinstance(item, DeadLetter) for item in ruleset)
    sonicwall = [item.head for item in ruleset[:8] if isinstance(item, ParsedAlert)]
    assert [(head.severity_native, head.severity_id) for head in sonicwall] == [
        ("1", 5),
        ("1", 5),
        ("3", 4),
        ("3", 4),
    ]
    assert [(head.src_ip, head.src_port) for head in sonicwall[2:]] == [
        ("192.168.0.62", 54993),
        ("192.168.0.46", 59668),
    ]
