"""Tolerant getters: any scalar may be a list or null, any number a string, any path dotted or nested."""

import hashlib
import ipaddress
import re
from typing import cast

import msgspec

from backend.alerts.model import NOTHING
from backend.alerts.text import SafeText, safe

Object = dict[str, object]

TITLE_CHARS = 300
"""A queue row and a summary line show no more; the raw record keeps all of it."""
SHORT_CHARS = 256
"""Names, addresses, ids."""
LONG_CHARS = 4000
"""Descriptions, command lines, single facts."""

_FOLD_DEPTH = 12
_LEADING_INT = re.compile(r"\s*([+-]?\d{1,18})(?!\d*[eE]\d)", re.ASCII)
_PLACEHOLDER = re.compile(r"<[^<>]*>|\{[^{}]*\}|\$\{.*\}|%\w+%|X{4,}[.X]*|[-_.?*]*", re.DOTALL)
_NO_VALUE = frozenset({"null", "none", "nil", "n/a", "na", "unknown", "undefined", "<na>", "0"})


def first(value: object) -> object:
    """The value itself; of a list its first item that is not null."""
    if isinstance(value, list):
        return next((item for item in value if item is not None), None)
    return value


def text(value: object, limit: int = SHORT_CHARS) -> SafeText:
    """A scalar made safe to show; null and objects are empty, a list gives its first item."""
    if type(value) is str:
        return safe(value, limit)
    value = first(value)
    if value is None or isinstance(value, dict | list):
        return NOTHING
    return safe(value, limit)


def integer(value: object, default: int = 0) -> int:
    """A whole number from an int, a float, or the leading digits of a string ("5cat=…" is 5)."""
    value = first(value)
    if isinstance(value, bool):
        return default
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if abs(value) < 1e18 else default
    if isinstance(value, str) and (found := _LEADING_INT.match(value)):
        return int(found.group(1))
    return default


def port(value: object) -> int:
    """A TCP or UDP port, 0 where there is none."""
    number = value if type(value) is int else integer(value)
    return number if 0 < number < 65536 else 0


def whole(value: object, limit: int = 1 << 53) -> int:
    """A count or id that is not negative and fits a JSON number; 0 otherwise."""
    number = integer(value)
    return number if 0 <= number <= limit else 0


def mapping(value: object) -> Object:
    """An object; of a list the first object in it; else an empty one."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    return cast(Object, value) if isinstance(value, dict) else {}


def listed(value: object) -> list[object]:
    """A list as it is, null as none, anything else as a list of one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def dig(source: object, path: str) -> object:
    """The value at a dotted path, where any part of the path may itself be one key with dots in it.

    `process.parent.name` finds {"process": {"parent.name": …}} too; lists are entered at their first object.
    """
    here = mapping(source)
    if path in here:
        return here[path]
    start = 0
    while (dot := path.find(".", start)) > 0:
        inner = here.get(path[:dot])
        if isinstance(inner, dict | list):
            found = dig(inner, path[dot + 1 :])
            if found is not None:
                return found
        start = dot + 1
    return None


def folded(obj: Object, depth: int = 0) -> Object:
    """A copy with every key in lower case, `_FOLD_DEPTH` levels deep; of two spellings the first stands."""
    made: Object = {}
    for key, value in obj.items():
        made.setdefault(key.lower(), _folded_value(value, depth))
    return made


def _folded_value(value: object, depth: int) -> object:
    if depth < _FOLD_DEPTH:
        if isinstance(value, dict):
            return folded(value, depth + 1)
        if isinstance(value, list):
            return [_folded_value(item, depth + 1) for item in value]
    return value


def opened(value: object) -> object:
    """The document inside a string that holds JSON (an object or a list); anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return cast(object, msgspec.json.decode(value.encode("utf-8", "surrogatepass")))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return value


def is_placeholder(value: str) -> bool:
    """Whether an id is no id: empty, `<finding_uid>`, `{timestamp}`, `XXXX.XX`, "null" and their kin."""
    stripped = value.strip()
    return not stripped or stripped.lower() in _NO_VALUE or _PLACEHOLDER.fullmatch(stripped) is not None


def is_ip(value: object) -> bool:
    """Whether a string is an IPv4 or IPv6 address."""
    if not isinstance(value, str) or not 2 < len(value) <= 45:
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def endpoint(address: object, port_value: object = None) -> tuple[SafeText, int]:
    """An address and its port; `192.168.10.122:80` and `[2001:db8::1]:443` in one field are taken apart."""
    shown = text(address)
    number = port(port_value)
    host, colon, tail = shown.rpartition(":")
    if colon and tail.isdigit() and is_ip(host.strip("[]")) and not is_ip(shown):
        return SafeText(host.strip("[]")), number or port(tail)
    return shown, number


def file_path(folder: object, name: object) -> SafeText:
    """A folder and a file name as one path, with the folder's own kind of slash; a path that ends so already
    stays as it is.
    """
    place, last = text(folder, LONG_CHARS), text(name, LONG_CHARS)
    if not place or not last or place.lower().endswith(last.lower()):
        return place
    slash = "/" if "/" in place and "\\" not in place else "\\"
    return safe(f"{place.rstrip(slash)}{slash}{last}", LONG_CHARS)


def stable_uid(*parts: object) -> str:
    """A uid of identifying fields: the same fields give the same 32 hex digits, on any machine."""
    joined = "\x1f".join([part if type(part) is str else safe(part, LONG_CHARS) for part in parts])
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def content_uid(obj: Object | None, raw: bytes) -> str:
    """A uid of all a record says, whatever its spacing and key order; of its bytes if it is no object."""
    try:
        content = msgspec.json.encode(obj, order="sorted") if obj is not None else raw
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        content = raw  # lone surrogates, integers beyond 64 bits, endless nesting
    return hashlib.blake2b(content, digest_size=16).hexdigest()
