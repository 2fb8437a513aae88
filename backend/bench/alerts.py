"""Suricata alerts of about 1 KB, all different, for load."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_PADDING = (
    "GET /static/app.bundle.js?v=20260102 HTTP/1.1\r\nHost: intranet.example\r\nAccept: */*\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n"
)


def suricata_alerts(count: int, *, seed: int = 7) -> Iterator[bytes]:
    """`count` EVE alerts, the same for the same seed, spread over severities as sensors spread them."""
    rng = random.Random(seed)  # noqa: S311 - load, not secrets
    encode = msgspec.json.Encoder().encode
    for number in range(count):
        yield encode(_alert(number, rng))


def _alert(number: int, rng: random.Random) -> dict[str, object]:
    rule = 9_000_000 + number % 400
    when = _START + timedelta(milliseconds=number * 3)
    return {
        "timestamp": when.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
        "flow_id": 1_000_000_000_000 + number,
        "in_iface": "eth0",
        "event_type": "alert",
        "src_ip": f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
        "src_port": rng.randrange(1024, 65_536),
        "dest_ip": f"203.0.113.{rng.randrange(1, 255)}",
        "dest_port": rng.choice((80, 443, 8080)),
        "proto": "TCP",
        "app_proto": "http",
        "alert": {
            "action": "allowed",
            "gid": 1,
            "signature_id": rule,
            "rev": 3,
            "signature": f"LOAD WEB Request pattern {rule % 400} seen in outbound traffic",
            "category": "Potentially Bad Traffic",
            "severity": rng.choices((1, 2, 3), (1, 9, 90))[0],
            "metadata": {"signature_severity": ["Minor"], "created_at": ["2026_01_02"]},
        },
        "http": {
            "hostname": "intranet.example",
            "url": f"/static/app.bundle.js?v={number}",
            "http_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "http_method": "GET",
            "protocol": "HTTP/1.1",
            "status": 200,
            "length": rng.randrange(200, 40_000),
        },
        "payload_printable": _PADDING,
        "stream": 0,
        "host": f"sensor-{number % 8:02d}",
    }
