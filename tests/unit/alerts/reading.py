"""Helpers shared by the alert tests."""

import json
import unicodedata
from collections.abc import Mapping

from backend.alerts.model import Alert, DeadLetter, Head, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import _INVISIBLE

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z

EVE: dict[str, object] = {
    "timestamp": "2025-12-31T23:59:58.123456+0100",
    "flow_id": 1374195536821504,
    "in_iface": "eth1",
    "event_type": "alert",
    "src_ip": "203.0.113.9",
    "src_port": 51698,
    "dest_ip": "10.4.2.17",
    "dest_port": 443,
    "proto": "TCP",
    "alert": {
        "action": "allowed",
        "gid": 1,
        "signature_id": 2403388,
        "rev": 7,
        "signature": "ET MALWARE Beacon",
        "category": "Misc Attack",
        "severity": 1,
    },
    "host": "sensor-1",
}

FINDING: dict[str, object] = {
    "class_uid": 2004,
    "category_uid": 2,
    "class_name": "Detection Finding",
    "severity_id": 4,
    "severity": "High",
    "time": 1767139200000,
    "metadata": {
        "version": "1.4.0",
        "product": {"name": "Sensor", "vendor_name": "Acme"},
        "event_code": "R-7",
    },
    "finding_info": {"uid": "f-0001-aaaa", "title": "Odd login", "desc": "A login that is odd"},
}


def line(document: object) -> bytes:
    return json.dumps(document).encode()


def one(
    data: bytes | Mapping[str, object], parser: Parser | None = None
) -> ParsedAlert | ParsedEvent | DeadLetter:
    raw = data if isinstance(data, bytes) else line(data)
    (item,) = (parser or Parser()).parse(raw, NOW_MS)
    return item


def head_of(data: bytes | Mapping[str, object], parser: Parser | None = None) -> Head:
    item = one(data, parser)
    assert isinstance(item, ParsedAlert), item
    return item.head


def alert_of(data: bytes | Mapping[str, object], parser: Parser | None = None) -> Alert:
    used = parser or Parser()
    item = one(data, used)
    assert isinstance(item, ParsedAlert), item
    return used.build_alert(item.raw, item.head)


def reason_of(data: bytes | Mapping[str, object], parser: Parser | None = None) -> str:
    item = one(data, parser)
    assert isinstance(item, DeadLetter), item
    return item.reason


def forbidden(text: str, allowed: str = "") -> list[str]:
    """Every character of a text that must not reach a terminal."""
    return [
        f"U+{ord(char):04X}"
        for char in text
        if char not in allowed
        and (
            unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
            or ord(char) in _INVISIBLE
        )
    ]


def texts_in(value: object) -> list[str]:
    """Every string of an alert but its raw bytes, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts_in(item)]
    fields = getattr(value, "__struct_fields__", ())
    return [text for field in fields if field != "raw" for text in texts_in(getattr(value, field))]
