"""One record, many documents: arrays, envelopes, JSON in a string, documents one after the other, CSV rows.

What comes out are the documents as they stood in the record, byte for byte; a row becomes a JSON object, and
a finding that shares an EventBridge event with others keeps its own copy of what is around it.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import cast

import msgspec

from backend.alerts.csv_rows import is_csv, rows
from backend.alerts.decode import Reader, Unreadable, broken, decode, describe, kind_of, to_text
from backend.alerts.fields import Object, dig

_ENVELOPES = ("Records", "records", "value", "Findings")
"""Keys whose value, a list of objects, is what the envelope carries: AWS, Azure diagnostics, Graph, and the
answer of AWS's GetFindings."""

_ENVELOPE_KEYS = 6
"""An object with more keys than that beside its list is a document of its own."""

_MAX_LEVELS = 3
"""Envelopes inside envelopes that are opened; a fourth is taken for a document."""

MAX_ITEMS = 100_000
"""Documents taken out of one record; the rest of such a record is one dead letter."""

_FREE_ITEMS = 1000
_BYTES_PER_ITEM = 200
"""Beyond the first `_FREE_ITEMS` a record may hold one document for so many of its bytes: alerts are longer,
and millions of `{}` would keep the pipeline busy for seconds."""

_SLICE_LIMIT = 4 * 1024 * 1024
"""Bytes of an array that are sliced in one go; a longer one is read element by element, up to `MAX_ITEMS`."""

_FAN_OUT_BYTES = 64 * 1024 * 1024
"""Bytes the copies of one event's envelope may take together; AWS sends at most 100 findings in 256 kB."""

_BETWEEN = " \t\r\n,"
_TOO_DEEP = "not readable: JSON nested too deeply"

_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


_Fields = dict[str, msgspec.Raw]


class Item(msgspec.Struct, frozen=True, gc=False):
    """One document of a record: decoded, or with the reason why not; with neither, an empty envelope."""

    raw: bytes
    value: Object | None
    reason: str = ""


def unwrap(data: bytes) -> list[Item]:
    """The documents in a record, in order; at least one item, which may be an unreadable one."""
    limit = most_items(data)
    items = list(islice(_unwrap(data, 0), limit + 1))
    if len(items) > limit:
        items[limit] = Item(data, None, f"more than {limit} documents in one record")
    return items


def most_items(data: bytes) -> int:
    """How many documents a record may hold."""
    if is_csv(data):  # rows are shorter, and cheaper
        return MAX_ITEMS
    return min(MAX_ITEMS, max(_FREE_ITEMS, len(data) // _BYTES_PER_ITEM))


def message_of(obj: Object) -> bytes | None:
    """The bytes of the JSON that a shipper put, as a string, into `message`; None without such a start."""
    message = obj.get("message")
    if isinstance(message, str) and len(message) > 2 and message.lstrip()[:1] in ("{", "["):
        return message.encode("utf-8", "surrogatepass")
    return None


def _unwrap(data: bytes, level: int) -> Iterator[Item]:
    """Lazily: what lies beyond the limit is never made."""
    if data.lstrip()[:1] == b"[":
        yield from _array(data, level)
        return
    if is_csv(data):
        yield from (Item(row.raw, row.value, row.reason) for row in rows(data))
        return
    try:
        value, _ = decode(data)
    except Unreadable as error:
        if describe(data):
            yield Item(data, None, str(error))
        else:
            yield from _several(data, str(error), level)
        return
    yield from _document(data, value, level)


def _document(raw: bytes, value: object, level: int) -> Iterator[Item]:
    if isinstance(value, list):
        yield from _array(raw, level)
    elif isinstance(value, str) and level < _MAX_LEVELS and value.lstrip()[:1] in ("{", "[", '"'):
        yield from _unwrap(value.encode("utf-8", "surrogatepass"), level + 1)
    elif not isinstance(value, dict):
        yield Item(raw, None, f"not an alert: JSON, but {kind_of(value)} and not an object")
    elif level < _MAX_LEVELS and (inside := _envelope(raw, value)) is not None:
        for inner in inside:
            yield from _unwrap(inner, level + 1)
        if not inside:
            yield Item(raw, None)
    else:
        yield Item(raw, value)


def _envelope(raw: bytes, obj: Object) -> list[bytes] | None:
    """The documents an envelope carries; None where the object is none."""
    for key in _ENVELOPES if len(obj) <= _ENVELOPE_KEYS else ():
        held = obj.get(key)
        if isinstance(held, list) and all(isinstance(one, dict) for one in held):
            return _slices(raw, held, (key,))
    hits = obj.get("hits")
    held = hits.get("hits") if isinstance(hits, dict) else None
    if isinstance(held, list) and held and all(isinstance(dig(hit, "_source"), dict) for hit in held):
        parts = zip(_slices(raw, held, ("hits", "hits")), held, strict=True)
        return [field_of(part, "_source", dig(hit, "_source")) for part, hit in parts]
    reply = obj.get("reply")
    if isinstance(reply, dict) and isinstance(held := reply.get("alerts"), list) and held:
        return _slices(raw, held, ("reply", "alerts"))
    return _hook_events(raw, obj) or _findings(raw, obj)


def _hook_events(raw: bytes, obj: Object) -> list[bytes] | None:
    """The events of an Okta event hook's delivery."""
    held = dig(obj, "data.events") if "cloudEventsVersion" in obj else None
    if isinstance(held, list) and held and all(isinstance(one, dict) for one in held):
        return _slices(raw, held, ("data", "events"))
    return None


def _findings(raw: bytes, obj: Object) -> list[bytes] | None:
    """Each finding of a Security Hub event that has several, as an event of its own; one in OCSF stands bare.

    None also where the copies would take more than `_FAN_OUT_BYTES`.
    """
    detail = obj.get("detail")
    held = (
        detail.get("findings")
        if obj.get("source") == "aws.securityhub" and isinstance(detail, dict)
        else None
    )
    if not isinstance(held, list) or not held:
        return None
    in_ocsf = [isinstance(one, dict) and "class_uid" in one for one in held]
    if len(held) == 1 and not in_ocsf[0]:
        return None
    parts = _slices(raw, held, ("detail", "findings"))
    if len(parts) != len(held) or (len(raw) - sum(map(len, parts))) * len(parts) > _FAN_OUT_BYTES:
        return None
    try:
        around = _raw_fields.decode(raw)
        inside = _raw_fields.decode(around["detail"])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        around, inside = cast(_Fields, dict(obj)), cast(_Fields, dict(cast(Object, detail)))
    return [
        part if bare else _around(part, around, inside) for part, bare in zip(parts, in_ocsf, strict=True)
    ]


def _around(finding: bytes, around: _Fields, inside: _Fields) -> bytes:
    """An event with one finding in place of all of them."""
    one = msgspec.Raw(b"[" + finding + b"]")
    return msgspec.json.encode(around | {"detail": inside | {"findings": one}})


def _slices(raw: bytes, decoded: list[object], path: tuple[str, ...]) -> list[bytes]:
    """The items of the list at `path` as they stand in `raw`; written anew where that can't be sliced."""
    try:
        here = raw
        for key in path:
            here = bytes(_raw_fields.decode(here)[key])
        return [bytes(one) for one in _raw_list.decode(here)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        return [_encode(one) for one in decoded]


def field_of(raw: bytes, key: str, decoded: object) -> bytes:
    """A field of an object as it stands in `raw`; written anew where that can't be sliced."""
    try:
        return bytes(_raw_fields.decode(raw)[key])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        return _encode(decoded)


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()


def _array(data: bytes, level: int) -> Iterator[Item]:
    """Each element of an array; an array in an array is taken apart too."""
    if level >= _MAX_LEVELS:
        yield Item(data, None, f"JSON arrays nested more than {_MAX_LEVELS} deep")
        return
    try:
        parts = None if len(data) > _SLICE_LIMIT else _raw_list.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        parts = None
    except RecursionError:
        yield Item(data, None, _TOO_DEEP)
        return
    if parts is None:
        yield from _several(data, "", level)
    elif parts and not any(bytes(part)[:1] in (b"{", b"[", b'"') for part in parts):
        yield Item(data, None, "not an alert: a JSON array without objects")
    elif not parts:
        yield Item(data, None)
    else:
        for part in parts:
            yield from _unwrap(bytes(part), level + 1)


def _several(data: bytes, reason: str, level: int) -> Iterator[Item]:
    """Documents one after the other, or in an array that is damaged: all that is whole, then the rest.

    `reason` is why the record is no single document, where that is known; it stands if no object is found.
    """
    text, _ = to_text(data)
    decoder = Reader().decoder
    held: list[Item] = []  # before the first object
    any_object = in_array = False
    why = "JSON array ends before it is complete"
    place = _skip(text, 0)
    while place < len(text) and len(held) <= MAX_ITEMS:
        if text[place] == ("]" if in_array else "["):
            in_array = not in_array
            place = _skip(text, place + 1)
            continue
        try:
            value, end = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError) as error:
            why = broken(error) if isinstance(error, json.JSONDecodeError) else _TOO_DEEP
            held.append(Item(_bytes(text[place:]), None, why))
            in_array = False
            break
        for item in _document(_bytes(text[place:end]), value, level + 1):
            held.append(item)
            any_object = any_object or item.value is not None
            if any_object:
                yield from held
                held.clear()
        place = _skip(text, end)
    if not any_object:
        yield Item(data, None, reason or why)
        return
    yield from held
    if in_array:
        yield Item(data, None, why)


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BETWEEN:
        place += 1
    return place


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
