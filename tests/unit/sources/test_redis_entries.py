import msgspec
import pytest

from backend.sources.redis_entries import before, order, record_bytes


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({b"anything": b"x"}, b"x"),
        ({b"ts": b"1", b"data": b"<134>text"}, b"<134>text"),
        ({b"message": b' {"a":1}', b"host": b"h"}, b' {"a":1}'),
        ({b"event": b"[1]", b"data": b"d"}, b"d"),
    ],
)
def test_the_field_that_carries_the_record(fields: dict[bytes, bytes], wanted: bytes) -> None:
    assert record_bytes(fields) == wanted


def test_a_flattened_alert_is_kept_whole() -> None:
    fields = {b"message": b"brute force", b"severity": b"high", b"raw_ip": b"\xff10.0.0.1"}
    assert msgspec.json.decode(record_bytes(fields)) == {
        "message": "brute force",
        "severity": "high",
        "raw_ip": "\\xff10.0.0.1",
    }


@pytest.mark.parametrize(
    ("ident", "wanted"), [("5-3", "5-2"), ("5-0", f"4-{2**64 - 1}"), ("0-1", "0-0"), ("0-0", "0-0")]
)
def test_the_id_before(ident: str, wanted: str) -> None:
    assert before(ident) == wanted


def test_ids_order_by_number() -> None:
    assert sorted(["10-0", "9-5", "9-10"], key=order) == ["9-5", "9-10", "10-0"]
