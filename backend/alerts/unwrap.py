"""One record, many documents: arrays, envelopes, JSON in a string, documents one after the other.

What comes out are the documents as they stood in the record, byte for byte.
"""

import json

import msgspec

from backend.alerts.decode import Reader, Unreadable, broken, decode, describe, kind_of, to_text
from backend.alerts.fields import Object, dig

_ENVELOPES = ("Records", "records", "value")
"""Keys whose value, a list of objects, is what the envelope carries: AWS, Azure diagnostics, Graph."""

_ENVELOPE_KEYS = 6
"""An object with more keys than that beside its list is a document of its own."""

_MAX_LEVELS = 3
"""Envelopes inside envelopes that are opened; a fourth is taken for a document."""

MAX_ITEMS = 100_000
"""Documents taken out of one record; the rest of such a record is one dead letter."""

_SLICE_LIMIT = 4 * 1024 * 1024
"""Bytes of an array that are sliced in one go; a longer one is read element by element, up to `MAX_ITEMS`."""

_BETWEEN = " \t\r\n,"
_TOO_DEEP = "not readable: JSON nested too deeply"

_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Item(msgspec.Struct, frozen=True, gc=False):
    """One document of a record: decoded, or with the reason why not; with neither, an empty envelope."""

    raw: bytes
    value: Object | None
    reason: str = ""


def unwrap(data: bytes) -> list[Item]:
    """The documents in a record, in order; at least one item, which may be an unreadable one."""
    items = _unwrap(data, 0)
    if len(items) > MAX_ITEMS:
        return [*items[:MAX_ITEMS], Item(data, None, f"more than {MAX_ITEMS} documents in one record")]
    return items


def message_of(obj: Object) -> bytes | None:
    """The bytes of a JSON object that a shipper put, as a string, into `message`; None without one."""
    message = obj.get("message")
    if isinstance(message, str) and len(message) > 2 and message.lstrip()[:1] == "{":
        return message.encode("utf-8", "surrogatepass")
    return None


def _unwrap(data: bytes, level: int) -> list[Item]:
    if data.lstrip()[:1] == b"[":
        return _array(data, level)
    try:
        value, _ = decode(data)
    except Unreadable as error:
        return [Item(data, None, str(error))] if describe(data) else _several(data, str(error), level)
    return _document(data, value, level)


def _document(raw: bytes, value: object, level: int) -> list[Item]:
    if isinstance(value, list):
        return _array(raw, level)
    if isinstance(value, str) and level < _MAX_LEVELS and value.lstrip()[:1] in ("{", "["):
        return _unwrap(value.encode("utf-8", "surrogatepass"), level + 1)
    if not isinstance(value, dict):
        return [Item(raw, None, f"not an alert: JSON, but {kind_of(value)} and not an object")]
    if level < _MAX_LEVELS:
        inside = _envelope(raw, value)
        if inside is not None:
            return [item for inner in inside for item in _unwrap(inner, level + 1)] or [Item(raw, None)]
    return [Item(raw, value)]


def _envelope(raw: bytes, obj: Object) -> list[bytes] | None:
    """The documents an envelope carries; None where the object is none."""
    for key in _ENVELOPES if len(obj) <= _ENVELOPE_KEYS else ():
        held = obj.get(key)
        if isinstance(held, list) and all(isinstance(one, dict) for one in held):
            return _slices(raw, held, (key,))
    hits = obj.get("hits")
    held = hits.get("hits") if isinstance(hits, dict) else None
    if isinstance(held, list) and held and all(isinstance(dig(hit, "_source"), dict) for hit in held):
        return [_field(one, "_source") for one in _slices(raw, held, ("hits", "hits"))]
    reply = obj.get("reply")
    if isinstance(reply, dict) and isinstance(held := reply.get("alerts"), list) and held:
        return _slices(raw, held, ("reply", "alerts"))
    return None


def _slices(raw: bytes, decoded: list[object], path: tuple[str, ...]) -> list[bytes]:
    """The items of the list at `path` as they stand in `raw`; written anew where that can't be sliced."""
    try:
        here = raw
        for key in path:
            here = bytes(_raw_fields.decode(here)[key])
        return [bytes(one) for one in _raw_list.decode(here)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        return [_encode(one) for one in decoded]


def _field(raw: bytes, key: str) -> bytes:
    try:
        return bytes(_raw_fields.decode(raw)[key])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        return raw


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()


def _array(data: bytes, level: int) -> list[Item]:
    """Each element of an array; an array in an array is taken apart too."""
    if level >= _MAX_LEVELS:
        return [Item(data, None, f"JSON arrays nested more than {_MAX_LEVELS} deep")]
    try:
        parts = None if len(data) > _SLICE_LIMIT else [bytes(one) for one in _raw_list.decode(data)]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        parts = None
    except RecursionError:
        return [Item(data, None, _TOO_DEEP)]
    if parts is None:
        return _several(data, "", level)
    if parts and not any(part[:1] in (b"{", b"[", b'"') for part in parts):
        return [Item(data, None, "not an alert: a JSON array without objects")]
    return [item for part in parts for item in _unwrap(part, level + 1)] or [Item(data, None)]


def _several(data: bytes, reason: str, level: int) -> list[Item]:
    """Documents one after the other, or in an array that is damaged: all that is whole, then the rest.

    `reason` is why the record is no single document, where that is known; it stands if no object is found.
    """
    text, _ = to_text(data)
    decoder = Reader().decoder
    items: list[Item] = []
    in_array = False
    why = "JSON array ends before it is complete"
    place = _skip(text, 0)
    while place < len(text) and len(items) <= MAX_ITEMS:
        if text[place] == ("]" if in_array else "["):
            in_array = not in_array
            place = _skip(text, place + 1)
            continue
        try:
            value, end = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError) as error:
            why = broken(error) if isinstance(error, json.JSONDecodeError) else _TOO_DEEP
            items.append(Item(_bytes(text[place:]), None, why))
            in_array = False
            break
        items += _document(_bytes(text[place:end]), value, level + 1)
        place = _skip(text, end)
    if not any(item.value is not None for item in items):
        return [Item(data, None, reason or why)]
    if in_array:
        items.append(Item(data, None, why))
    return items


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BETWEEN:
        place += 1
    return place


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
