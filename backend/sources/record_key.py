"""The partition key of a record that is replayed: the value at a dotted path in its JSON."""

from collections.abc import Sequence

import msgspec


def key_at(record: bytes, path: Sequence[str]) -> bytes | None:
    """The value at `path` as bytes; None without a path or the field, or where the record is no JSON."""
    if not path:
        return None
    try:
        value = msgspec.json.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return None if value is None else str(value).encode("utf-8", "replace")
