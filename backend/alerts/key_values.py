"""Fields in a line of text: `key=value key="value"`, and values that hold blanks and equals signs."""

import re

MAX_PAIRS = 300
"""Fields read from one line; what comes after them stays in the raw record only."""
MAX_CHARS = 256 * 1024
"""So far into a line fields are looked for."""

_QUOTED = re.compile(
    r"(?<![\w.@/-])(?P<key>[A-Za-z_][\w.@/-]{0,63})=(?:\"(?P<quoted>(?:\\.|[^\"\\])*+)\"|(?P<bare>[^\s\"]*))",
    re.DOTALL,
)
_SPACED = re.compile(r"(?:^|(?<![\\\s])\s)\s*+(\w[\w.\[\]-]{0,63})=")


def quoted_pairs(text: str) -> dict[str, str]:
    """The fields of `key="value with blanks" key=word` (firewalls); of two of one name the first stands."""
    pairs: dict[str, str] = {}
    for found in _QUOTED.finditer(text[:MAX_CHARS]):
        if len(pairs) == MAX_PAIRS:
            break
        quoted = found.group("quoted")
        value = found.group("bare").rstrip(",;") if quoted is None else quoted.replace('\\"', '"')
        pairs.setdefault(found.group("key"), value)
    return pairs


def spaced_pairs(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The fields of `key=value with blanks and = signs key=…` (CEF), and the keys that came twice.

    A new field starts at a blank that is followed by a word and an equals sign, neither of them escaped. Of
    two fields of one name the first stands: whoever can write into a value can add a field behind it.
    """
    text = text[:MAX_CHARS]
    pairs: dict[str, str] = {}
    twice: dict[str, None] = {}
    key, start = "", 0
    for found in _SPACED.finditer(text):
        if key:
            _keep(pairs, twice, key, text[start : found.start()])
        if len(pairs) == MAX_PAIRS:
            key = ""
            break
        key, start = found.group(1), found.end()
    if key:
        _keep(pairs, twice, key, text[start:])
    return pairs, tuple(twice)


def split_pairs(text: str, delimiter: str) -> dict[str, str]:
    """The fields of `key=value` with a delimiter between them (LEEF); of two of one name the first stands."""
    pairs: dict[str, str] = {}
    for part in text[:MAX_CHARS].split(delimiter, MAX_PAIRS)[:MAX_PAIRS]:
        key, equals, value = part.partition("=")
        key = key.strip()
        if equals and key and len(key) <= 64:
            pairs.setdefault(key, value.strip())
    return pairs


def _keep(pairs: dict[str, str], twice: dict[str, None], key: str, value: str) -> None:
    if key in pairs:
        twice[key] = None
    else:
        pairs[key] = value.strip()
