"""Which names of people and machines an alert and its evidence hold: what pseudonyms are given to."""

import re
from collections.abc import Iterator, Sequence

import jiter

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.analysis.guardrails.name_rules import (
    DOMAIN_USER,
    HOST_FIELD,
    HOST_PHRASES,
    USER_FIELD,
    USER_PHRASES,
    WELL_KNOWN,
    WORDS,
)
from backend.analysis.guardrails.pseudonyms import Case, Own
from backend.enrichment.base import Evidence

TEXT_CHARS = 4_096
"""How much of one text is searched for names; a prompt shows less of it."""
RAW_CHARS = 16_384
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ADDRESS = re.compile(r"[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*")
_HOST = re.compile(r"[\w.-]{2,253}")
_LIST = re.compile(r"\s*[,;]\s*")
_PERSON_KINDS = ("user", "email", "account")
_MACHINE_KINDS = ("host", "endpoint", "device", "computer")
_USER_HINTS = (
    "user", "account", "acct", "login", "logon", "logname", "runas", "owner", "home", "settings", "for ",
    "to ", "-u", "/ru", "su", "doas", "@", "assumed-role", "employee", "colleague",
)  # fmt: skip


def learn(case: Case, own: Own, alert: Alert, evidence: Sequence[Evidence]) -> None:
    """Tell `case` every name that stands in the alert or its evidence."""
    head = alert.head
    for user in (head.user, alert.user_name):
        _user(case, user)
    for device in (head.hostname, alert.device_hostname):
        _host(case, own, device, device=True)
    for hostname in (alert.src.hostname, alert.dst.hostname):
        _host(case, own, hostname)
    for observable in alert.observables:
        kind = observable.type.lower()
        if any(word in kind for word in _PERSON_KINDS):
            _user(case, observable.value)
        elif any(word in kind for word in _MACHINE_KINDS):
            _host(case, own, observable.value)
    for fact in alert.facts:
        _field(case, own, fact.name, fact.value)
    for text in _texts(alert, evidence):
        phrases(case, own, text)


def phrases(case: Case, own: Own, text: str) -> None:
    """Tell `case` the names that stand in prose, a command line, or a record."""
    text = text[:TEXT_CHARS]
    lower = text.lower()
    if any(hint in lower for hint in _USER_HINTS):
        for pattern in USER_PHRASES:
            for match in pattern.finditer(text):
                _said(case, own, match["name"], user=True)
    if any(
        hint in lower
        for hint in ("host", "comput", "machine", "station", "device", "node", "\\\\", "@", "asset")
    ):
        for pattern in HOST_PHRASES:
            for match in pattern.finditer(text):
                _said(case, own, match["name"], user=False)
    if "\\" in text:
        for match in DOMAIN_USER.finditer(text):
            if match["domain"].lower() not in WELL_KNOWN:
                case.learn("DOM", match["domain"])
                _user(case, match["user"])


def _said(case: Case, own: Own, name: str, *, user: bool) -> None:
    """A name out of prose, where a plain word may stand in its place."""
    name = name.strip(".-+\\@")
    if name.lower() in WORDS or _ADDRESS.fullmatch(name):
        return
    if user:
        _user(case, name)
    else:
        _host(case, own, name)


def _texts(alert: Alert, evidence: Sequence[Evidence]) -> Iterator[str]:
    yield from (alert.head.title, alert.description, alert.process.cmd_line, alert.file.path)
    yield from (fact.value for fact in alert.facts)
    yield from (item.finding.text for item in evidence)


def raw_names(case: Case, own: Own, raw: bytes) -> None:
    """Tell `case` the names in a raw record: by the keys of JSON, else by phrases."""
    text = raw[:RAW_CHARS].decode("utf-8", "replace")
    if raw.lstrip()[:1] in (b"{", b"["):
        try:
            _walk(case, own, "", jiter.from_json(raw[:RAW_CHARS], partial_mode="on"), 0)
        except ValueError:
            pass
        else:
            return
    for start in range(0, len(text), TEXT_CHARS):
        phrases(case, own, text[start : start + TEXT_CHARS])


def _walk(case: Case, own: Own, name: str, value: object, depth: int) -> None:
    if isinstance(value, str):
        _field(case, own, name, value)
        phrases(case, own, value)
    elif depth < 32 and isinstance(value, dict):
        for key, inner in value.items():
            _walk(case, own, f"{name}.{key}" if name else key, inner, depth + 1)
    elif depth < 32 and isinstance(value, list):
        for inner in value:
            _walk(case, own, name, inner, depth + 1)


def _field(case: Case, own: Own, name: str, value: str) -> None:
    """A named value, where the name tells that it is somebody or a machine."""
    if not value or len(value) > 512:
        return
    plain = _CAMEL.sub("_", name).lower().replace("-", "_")
    if plain.endswith(".name"):  # user.name, host.name
        plain = plain.removesuffix(".name")
    if USER_FIELD.search(plain):
        for one in _LIST.split(value)[:16]:
            _user(case, one)
    elif HOST_FIELD.search(plain):
        for one in _LIST.split(value)[:16]:
            _host(case, own, one)


def _user(case: Case, value: str) -> None:
    """An account: bare, with its domain before or behind it, or a machine's own (WS-1$)."""
    value = str(safe(value.strip(), 256))
    if not value or _ADDRESS.fullmatch(value) or value.startswith("S-1-"):
        return
    domain, sign, user = value.rpartition("\\")
    if sign and domain.strip("\\").lower() not in WELL_KNOWN:
        case.learn("DOM", domain.strip("\\"))
    user, _at, _realm = user.partition("@")  # with its realm it is hidden as an e-mail address is
    if user.endswith("$"):
        case.learn("HOST", user[:-1])
    else:
        case.learn("USER", user)


def _host(case: Case, own: Own, value: str, *, device: bool = False) -> None:
    """A machine: by its short name always, by its full one where it is inside or is the device itself."""
    value = value.strip().strip("\\").rstrip(".")
    if not _HOST.fullmatch(value) or _ADDRESS.fullmatch(value):
        return
    if "." not in value:
        case.learn("HOST", value)
        return
    if not (device or own.is_own(value)):
        return  # a domain out there is an indicator
    case.learn("HOST", value)
    short = value.partition(".")[0]
    if any(char.isdigit() for char in short) or "-" in short:  # else a word such as mail or www
        case.learn("HOST", short)
