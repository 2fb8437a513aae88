"""Suricata EVE records made up for tests: documentation addresses, invented rules."""

import json
from collections.abc import Iterable
from pathlib import Path


def alert(number: int, *, severity: int = 2, **fields: object) -> dict[str, object]:
    """One EVE alert, different for every `number`. EVE severity 1 is High, 2 Medium, 3 Low."""
    minute, second = number // 60 % 60, number % 60
    document: dict[str, object] = {
        "timestamp": f"2026-01-02T03:{minute:02d}:{second:02d}.{number % 1000:03d}678+0000",
        "flow_id": 1_000_000_000 + number,
        "event_type": "alert",
        "src_ip": f"203.0.113.{number % 250}",
        "src_port": 1024 + number % 60_000,
        "dest_ip": f"198.51.100.{number % 100}",
        "dest_port": 443,
        "proto": "TCP",
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": 9_000_000 + number % 40,
            "rev": 1,
            "signature": f"TEST Suspicious inbound {number % 40}",
            "category": "Attempted Information Leak",
            "severity": severity,
        },
    }
    return document | fields


def flow(number: int) -> dict[str, object]:
    """Telemetry that is no alert."""
    return {"timestamp": "2026-01-02T03:04:05.000000+0000", "event_type": "flow", "flow_id": number,
            "src_ip": "203.0.113.9", "dest_ip": "198.51.100.9", "proto": "UDP"}  # fmt: skip


def lines(documents: Iterable[dict[str, object]]) -> bytes:
    """As NDJSON."""
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def write(path: Path, count: int, *, severity: int = 2) -> Path:
    """A file of `count` alerts."""
    path.write_bytes(lines(alert(number, severity=severity) for number in range(count)))
    return path
