"""Stream entries to records: which field of an entry holds the alert, and entry ids as positions."""

from collections.abc import Mapping, Sequence

import msgspec

_CARRIERS = (b"data", b"json", b"raw", b"payload", b"body")
"""Field names that say "the record is in here"."""
_PERHAPS = (b"message", b"event", b"alert")
"""Names that flattened alerts have too: taken when what they hold looks like a whole record."""
_RECORD_STARTS = (b"{", b"[", b"<", b"CEF:", b"LEEF:")

Entry = tuple[str, Mapping[bytes, bytes] | None]
"""Id and fields; no fields where the entry was deleted after it was handed out."""


def record_bytes(fields: Mapping[bytes, bytes]) -> bytes:
    """The record in an entry: its only field, the one named for it, or all of it as a JSON object."""
    if len(fields) == 1:
        return next(iter(fields.values()))
    for name in _CARRIERS:
        if name in fields:
            return fields[name]
    for name in _PERHAPS:
        if fields.get(name, b"").lstrip().startswith(_RECORD_STARTS):
            return fields[name]
    return msgspec.json.encode({_text(name): _text(value) for name, value in fields.items()})


def entries(reply: Sequence[tuple[bytes | None, Mapping[bytes, bytes] | None]]) -> list[Entry]:
    """Entries as the client gives them, with ids as text."""
    return [(ident.decode("ascii"), fields) for ident, fields in reply if ident is not None]


def before(ident: str) -> str:
    """The greatest id that is smaller: reading after it gives `ident` again."""
    millis, _, sequence = ident.partition("-")
    if int(sequence or 0):
        return f"{millis}-{int(sequence) - 1}"
    return f"{max(0, int(millis) - 1)}-{2**64 - 1}" if int(millis) else "0-0"


def order(ident: str) -> tuple[int, int]:
    """Ids in stream order."""
    millis, _, sequence = ident.partition("-")
    return int(millis), int(sequence or 0)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
