"""What full alerts are made of beside the head: observables, facts and ATT&CK mappings, each bounded."""

import re
from collections.abc import Callable, Iterable

from backend.alerts.fields import LONG_CHARS, SHORT_CHARS, Object, is_ip, listed, text
from backend.alerts.model import Attack, Fact, Observable
from backend.alerts.text import SafeText, safe

MAX_OBSERVABLES = 100
MAX_FACTS = 200
MAX_ATTACKS = 32
MAX_DEPTH = 8
"""Levels of nesting that are opened for facts; deeper values are shown as JSON."""

_TECHNIQUE = re.compile(r"\bT\d{4}(?:\.\d{3})?\b", re.ASCII)
_TACTIC = re.compile(r"\bTA\d{4}\b", re.ASCII)
_HASH = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_HASH_NAMES = {32: "md5", 40: "sha1", 64: "sha256"}


class Observables:
    """Collects observables in order, each once, at most `MAX_OBSERVABLES`."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Observable] = {}

    def add(self, kind: str, value: object, limit: int = SHORT_CHARS) -> None:
        """Add one scalar or each of a list; empty values are passed over."""
        for item in listed(value)[:MAX_OBSERVABLES]:
            shown = text(item, limit)
            if shown and len(self._found) < MAX_OBSERVABLES:
                self._found.setdefault((kind, shown), Observable(kind, shown))

    def add_host(self, value: object) -> None:
        """Add a name that may be an address."""
        for item in listed(value)[:MAX_OBSERVABLES]:
            self.add("IP Address" if is_ip(item) else "Hostname", item)

    def all(self) -> tuple[Observable, ...]:
        """What was found."""
        return tuple(self._found.values())


def leaves(obj: Object, limit: int = MAX_FACTS) -> list[tuple[str, object]]:
    """Every scalar of a document with its dotted path, in document order; lists of scalars stay whole.

    Lists of objects are opened with their index (`files[0].filename`).
    """
    found: list[tuple[str, object]] = []
    stack: list[tuple[str, object, int]] = [("", obj, 0)]
    while stack and len(found) < limit:
        path, value, depth = stack.pop()
        if isinstance(value, dict) and depth < MAX_DEPTH:
            inside = list(value.items())[:limit]
            stack.extend(
                (f"{path}.{key}" if path else key, inner, depth + 1) for key, inner in reversed(inside)
            )
        elif (
            isinstance(value, list)
            and depth < MAX_DEPTH
            and any(isinstance(item, dict | list) for item in value)
        ):
            numbered = list(enumerate(value[:limit]))
            stack.extend((f"{path}[{index}]", item, depth + 1) for index, item in reversed(numbered))
        elif value is not None and value not in ("", [], {}):
            found.append((path, value))
    return found


def facts(obj: Object, hidden: Iterable[str], attacker: Callable[[str], bool]) -> tuple[Fact, ...]:
    """The document's own named values as facts, without those at or below a path in `hidden`.

    `attacker` says of a path whether who caused the event could choose its value.
    """
    skip = tuple(hidden)
    made: list[Fact] = []
    for path, value in leaves(obj, MAX_FACTS * 2):
        if is_under(path, skip):
            continue
        shown = (
            ", ".join(str(safe(item, LONG_CHARS)) for item in value[:50])
            if isinstance(value, list)
            else value
        )
        made.append(Fact(safe(path, SHORT_CHARS), safe(shown, LONG_CHARS), attacker(path)))
        if len(made) == MAX_FACTS:
            break
    return tuple(made)


def is_under(path: str, prefixes: Iterable[str]) -> bool:
    """Whether a path is one of `prefixes` or lies below one."""
    for prefix in prefixes:
        if path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] in ".["):
            return True
    return False


def techniques_in(value: object) -> list[str]:
    """ATT&CK technique ids found in a string or a list of them, in order, each once."""
    return _ids(_TECHNIQUE, value)


def tactics_in(value: object) -> list[str]:
    """ATT&CK tactic ids found in a string or a list of them, in order, each once."""
    return _ids(_TACTIC, value)


def _ids(pattern: re.Pattern[str], value: object) -> list[str]:
    found: dict[str, None] = {}
    for item in listed(value)[:MAX_ATTACKS]:
        if isinstance(item, str):
            found.update(dict.fromkeys(pattern.findall(item[:LONG_CHARS])))
    return list(found)


def pair_attacks(techniques: list[str], tactics: list[str]) -> tuple[Attack, ...]:
    """Technique and tactic ids as mappings.

    Lists of one length belong together item by item; one tactic belongs to every technique; otherwise which
    belongs to which is not known, and each stands alone.
    """
    if len(tactics) == len(techniques):
        pairs = list(zip(techniques, tactics, strict=True))
    elif len(tactics) == 1:
        pairs = [(technique, tactics[0]) for technique in techniques]
    else:
        pairs = [(technique, "") for technique in techniques] + [("", tactic) for tactic in tactics]
    if not techniques:
        pairs = [("", tactic) for tactic in tactics]
    made = (Attack(SafeText(technique), SafeText(tactic)) for technique, tactic in pairs[:MAX_ATTACKS])
    return tuple(dict.fromkeys(made))


def hash_kind(value: object) -> str:
    """md5, sha1 or sha256 where a string is such a digest in hex, told by its length; else empty."""
    if isinstance(value, str) and len(value) in _HASH_NAMES and _HASH.fullmatch(value):
        return _HASH_NAMES[len(value)]
    return ""
