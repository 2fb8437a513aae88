"""Secrets in text: found by their form or by the name beside them, and masked before the text goes anywhere.

Alerts carry what was typed and sent: passwords on command lines, tokens in headers, keys in files. Whoever
works on the alert may see them in its raw record; prompts, logs, exports and reports get `mask`ed text.
Hashes, UUIDs and other indicators stay: a long random value is a secret only in the form of one or beside a
telling name. Every pattern is bounded, so that the work is linear in the text whatever stands in it.
"""

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from backend.alerts.secret_forms import (
    COMMANDS,
    HEADERS,
    LOWER_KEYS,
    LOWER_PASSWORDS,
    NAMED_KEYS,
    NAMED_PASSWORDS,
    NAMES,
    NO_VALUE,
    TOKENS,
    VALUE,
    any_of,
)

T = TypeVar("T")

LOOKED_AT = 1024 * 1024
"""Characters of one text that are looked at; what lies behind is left out of the result, not let through."""
LEFT_OUT = "[masked: too long to be looked through]"
_PEM = "PRIVATE KEY"
_AROUND = (*HEADERS, *COMMANDS)
_A_TOKEN = any_of(hint for hints, _, _ in TOKENS for hint in hints)
_AROUND_ONE = any_of((*NAMES, *(hint for hints, _, _ in _AROUND for hint in hints)))
"""Each tells whether one of many hints stands in a text, in a fifth of the time of one after the other."""
_KEPT_CHARS = 200
_KEPT_TEXTS = 4_096
_harmless: set[str] = set()
"""Short texts in which nothing was to be masked: names of fields, products and rules come in every alert.
Emptied where it is full."""
_FOR_PASSWORDS = (NAMED_PASSWORDS, LOWER_PASSWORDS)
_KEY_LENGTH = 12
"""A value beside a key's name is a secret from this length on; shorter ones are numbers and words."""
_DIGITS = re.compile(r"[0-9]")
_PROSE = re.compile(r"[A-Za-z][a-z]*[.,]?")
_NOTHING_BEHIND = re.compile(
    r"[_.-]?(?:key_?ids?|ids?|hash(?:ed)?|t|name|type|policy|age|expir\w*|last\w*|set|changed?|length|len|ur[il]|path|count|required|reset"
    r"|elevation\w*|privileges?|attempts?|hint|status|state|manager|protect\w*|spray\w*|guess\w*|dump\w*)",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"[/~]|[A-Za-z]:")
_NOTHING_BEFORE = re.compile(r"(?:public|no|publickey|bad|incorrect|wrong|invalid|:)[ _-]?$", re.IGNORECASE)


def masked(kind: str) -> str:
    """What stands in a secret's place. Needs no escaping in JSON, Markdown or a shell."""
    return f"[masked: {kind}]"


def mask(text: str) -> str:
    """`text` with every secret in it masked; the same object where there is none.

    Works on prose, command lines, headers, URLs, key=value pairs, and JSON, also escaped inside JSON.
    """
    # Below eight characters there is no room for a name and a value, or for a token.
    if len(text) < 8 or text in _harmless:
        return text
    rest = ""
    if len(text) > LOOKED_AT:
        text, rest = text[:LOOKED_AT], LEFT_OUT
    lower = text.lower()
    tokens, around = _A_TOKEN.search(text) is not None, _AROUND_ONE.search(lower) is not None
    shown = text
    if tokens or around or _PEM in text or ("://" in text and "@" in text):
        shown = _masked(text, lower, tokens=tokens, around=around)
    if shown is text and len(text) <= _KEPT_CHARS:
        _remember(text)
    return shown + rest if rest else shown


def _remember(text: str) -> None:
    if len(_harmless) >= _KEPT_TEXTS:
        _harmless.clear()
    _harmless.add(text)


def _masked(text: str, lower: str, *, tokens: bool, around: bool) -> str:
    """All that is looked for, one by one; `tokens` and `around` tell whether hints of such stand there."""
    if _PEM in text:
        text = _without_pem(text)
    if tokens:
        for hints, pattern, kind in TOKENS:
            if _one(hints, text):
                text = pattern.sub(functools.partial(_token, kind), text)
    if "://" in text and "@" in text:
        text = _without_url_passwords(text)
    if around:
        for hints, pattern, kind in _AROUND:
            if _one(hints, lower):
                text = pattern.sub(_keeping(kind), text)
        if _one(NAMES, lower):
            text = _without_named(text)
    return text


def _one(hints: tuple[str, ...], text: str) -> bool:
    for hint in hints:  # noqa: SIM110 - a generator costs twice as much, a hundred times a text
        if hint in text:
            return True
    return False


def mask_named(name: str, value: str) -> str:
    """`value` of a field called `name`, masked as a whole where the name tells that it is a secret."""
    found = _telling(name) if value else None
    if found is not None and _is_secret(name, found, value, strong=True):
        return masked(_kind(found[0]))
    return mask(value)


def _telling(name: str) -> re.Match[str] | None:
    """What in a field's name tells that a secret stands in it."""
    return _telling_known(name) if len(name) <= _KEPT_CHARS else _telling_now(name)


def _telling_now(name: str) -> re.Match[str] | None:
    return (NAMED_PASSWORDS.search(name) or NAMED_KEYS.search(name)) if _one(NAMES, name.lower()) else None


_telling_known = functools.lru_cache(_KEPT_TEXTS)(_telling_now)


def mask_tree(value: object) -> object:
    """A JSON-like value with every string in it masked, by its form and by its key."""
    return _tree("", value, 0)


def mask_struct(value: T, text: Callable[[str], str] = mask) -> T:
    """A msgspec struct, or a tuple of them, with `text` applied to every string in it, however deep.

    The same object where nothing changes. Bytes are left as they are.
    """
    changed = _struct(value, text)
    return changed  # type: ignore[return-value]  # of the same shape as what came in


def _struct(value: object, text: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return text(value) if value else value
    if isinstance(value, tuple):
        items = tuple(_struct(item, text) for item in value)
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if isinstance(value, msgspec.Struct):
        changes = {}
        for field in value.__struct_fields__:
            old = getattr(value, field)
            new = _struct(old, text)
            if new is not old:
                changes[field] = new
        return msgspec.structs.replace(value, **changes) if changes else value
    return value


def _tree(name: str, value: object, depth: int) -> object:
    if isinstance(value, str):
        return mask_named(name, value) if name else mask(value)
    if depth > 64:
        return LEFT_OUT
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, dict | Mapping):  # a dict is told faster
        return {mask(str(key)): _tree(str(key), inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_tree(name, inner, depth + 1) for inner in value]
    return value


def _token(kind: str, match: re.Match[str]) -> str:
    shown = f" ending in {match[0][-4:]}" if kind == "aws key id" else ""  # an id: worth recognising
    return masked(kind + shown)


def _keeping(kind: str) -> Callable[[re.Match[str]], str]:
    """Replace the group `secret` of a match and keep what stands around it."""

    def replace(match: re.Match[str]) -> str:
        value = match["secret"]
        if _said(value):
            return match[0]
        start, end = match.span("secret")
        at = match.start()
        return f"{match[0][: start - at]}{masked(kind)}{match[0][end - at :]}"

    return replace


def _said(value: str) -> bool:
    """Whether a value is a placeholder, or was masked already."""
    return value.startswith("[masked:") or NO_VALUE.fullmatch(value) is not None


def _without_pem(text: str) -> str:
    """Every private key block out, also one whose end is missing: then all that follows it."""
    parts: list[str] = []
    done = 0
    while True:
        at = text.find("-----BEGIN ", done)
        if at < 0:
            break
        head_end = text.find("-----", at + 11, at + 80)
        if head_end < 0 or _PEM not in text[at:head_end]:
            parts.append(text[done : at + 11])
            done = at + 11
            continue
        parts += [text[done:at], masked("private key")]
        end = text.find("-----END ", head_end)
        tail = text.find("-----", end + 9, end + 80) if end >= 0 else -1
        done = tail + 5 if tail >= 0 else len(text)
    return "".join(parts) + text[done:]


_AUTHORITY = re.compile(r"[^\s/\"'<>\\?#]{0,400}")


def _without_url_passwords(text: str) -> str:
    parts: list[str] = []
    done = 0
    at = text.find("://")
    while at >= 0:
        run = _AUTHORITY.match(text, at + 3)
        authority = run[0] if run else ""
        login, sign, _ = authority.rpartition("@")
        user, colon, password = login.partition(":")
        begin = at + 3 + len(user) + 1
        if sign and colon and password and not _said(password):
            parts += [text[done:begin], masked("password")]
            done = begin + len(password)
        at = text.find("://", at + 3 + len(authority))
    return "".join(parts) + text[done:]


def _without_named(text: str) -> str:
    """Values behind `password=`, `"api_key": "…"` and their like."""
    if "=" not in text and ":" not in text:
        return text
    both = (LOWER_PASSWORDS, LOWER_KEYS) if text.isascii() else (NAMED_PASSWORDS, NAMED_KEYS)
    for pattern, every in zip(both, (True, False), strict=True):
        parts: list[str] = []
        done = 0
        for found in pattern.finditer(text.lower() if text.isascii() else text):
            if found.end() <= done or (not every and found.start() < done):
                continue
            value = VALUE.match(text, found.end())
            if value is None:
                continue
            group = next(name for name in ("double", "single", "bare") if value[name] is not None)
            secret = value[group]
            strong = group != "bare" or "=" in value["sign"] or bool(value["quote"])
            if _is_secret(text, found, secret, strong=strong, behind=value["behind"]):
                start, end = value.span(group)
                parts += [text[done:start], masked(_kind(found[0]))]
                done = end
        text = "".join(parts) + text[done:]
    return text


def _kind(name: str) -> str:
    lower = name.lower()
    if "pass" in lower or "pwd" in lower:
        return "password"
    return "secret" if "secret" in lower else "key"


def _is_secret(
    text: str, found: re.Match[str], value: str, *, strong: bool, behind: str | None = None
) -> bool:
    """Whether a value is the secret that the name before it promises."""
    if _said(value) or len(value) < 3:
        return False
    rest = text[found.end() : found.end() + 24] if behind is None else behind
    if _NOTHING_BEHIND.match(rest) or _NOTHING_BEFORE.search(text, max(0, found.start() - 12), found.start()):
        return False
    if found.re in _FOR_PASSWORDS:
        if _FOLDER.match(value) and found[0].lower() == "pwd":
            return False  # the working directory
        return strong or not _PROSE.fullmatch(value)
    return len(value) >= _KEY_LENGTH and _random(value)


def _random(value: str) -> bool:
    """Whether a value looks drawn by lot: it has digits, no spaces, and many different characters."""
    if not _DIGITS.search(value) or " " in value.strip():
        return False
    sample = value[:256]
    counts = (sample.count(char) for char in set(sample))
    return sum(-n / len(sample) * math.log2(n / len(sample)) for n in counts) >= 2.5
