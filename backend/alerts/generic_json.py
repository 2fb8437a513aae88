"""JSON of no known format: every object is an alert, its fields found by what their keys usually mean.

But for audit and flow logs that `audit_logs` knows: those are events, unless the source has a mapping.
"""

from collections.abc import Callable
from functools import partial

from backend.alerts import severity
from backend.alerts.audit_logs import audit_kind
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import (
    Observables,
    facts,
    hash_kind,
    leaves,
    pair_attacks,
    tactics_in,
    techniques_in,
)
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    endpoint,
    first,
    integer,
    is_ip,
    is_placeholder,
    text,
    whole,
)
from backend.alerts.generic_keys import GenericMapping, Lookup, canonical
from backend.alerts.model import (
    SEVERITY_NAMES,
    Alert,
    Attack,
    Endpoint,
    File,
    Head,
    Observable,
    ParsedEvent,
    Process,
)
from backend.alerts.text import SafeText, safe
from backend.alerts.times import parse_time

_DONE_WORDS = frozenset({"resolved", "closed", "archived", "suppressed", "dismissed"})
_DONE_FLAGS = ("resolved", "archived", "suppressed", "dismissed")
_MIN_UID_CHARS = 8  # a shorter id ("42") is unique in its product at best, not here

# Keys whose values whoever causes an event usually chooses.
_ATTACKER_WORDS = (
    *(
        "url",
        "uri",
        "agent",
        "cmd",
        "command",
        "args",
        "subject",
        "file",
        "path",
        "query",
        "payload",
        "message",
    ),
    *(
        "body",
        "header",
        "referer",
        "referrer",
        "sender",
        "from",
        "email",
        "domain",
        "request",
        "response",
        "text",
    ),
    *("content", "sni", "comment", "process", "parameters", "script", "attachment", "raw", "log", "output"),
)


class GenericJson(JsonFormat):
    """FORMATS, section 4 (other EDR, cloud, mail): any JSON object."""

    name = "generic_json"

    def __init__(self, explicit: GenericMapping | None = None) -> None:
        self._explicit = explicit

    def recognises(self, obj: Object) -> bool:
        """Anything; this is the last to be asked."""
        return True

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """There is no fast path: the keys are not known beforehand."""
        return None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        if self._explicit is None and (kind := audit_kind(obj)):
            return ParsedEvent(self.name, kind)
        found = Lookup(obj, self._explicit)
        time_ms, quality = received_ms, "received"
        for _, value in found.all("time"):
            time_ms, quality = parse_time(value, received_ms)
            if quality != "received":
                break
        severity_id, native = self._severity(found)
        src_ip, src_port = endpoint(_source(found), found.find("src_port"))
        dst_ip, dst_port = endpoint(found.find("dst_ip"), found.find("dst_port"))
        vendor = text(found.find("vendor"))
        return Head(
            uid=_uid(found, obj, raw),
            format=self.name,
            time_ms=time_ms,
            severity_id=severity_id,
            title=_title(found),
            time_quality=quality,
            severity_native=native,
            rule_uid=text(found.find("rule_uid")),
            rule_name=text(found.find("rule_name")),
            src_ip=src_ip,
            src_port=src_port,
            dst_ip=dst_ip,
            dst_port=dst_port,
            hostname=text(found.find("hostname")),
            user=text(found.find("user")),
            product=text(found.find("product")) or vendor,
            suppressed=_is_done(found, obj),
        )

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        return alert_from(Lookup(obj, self._explicit), obj, raw, head, notes)

    def _severity(self, found: Lookup) -> tuple[int, SafeText]:
        """The first rating that says something known, with its own word; else Unknown with the first word."""
        candidates = found.all("severity")
        for path, value in candidates:
            rate = _from_id if canonical(path.rpartition(".")[2]) == "severityid" else severity.from_word
            rated = severity.highest(value, partial(self._rate, rate))
            if rated:
                return rated, severity.native(value)
        if candidates:
            return 0, severity.native(candidates[0][1])
        hints = [str(text(value, 20)) for _, value in found.all("severity_hint")]
        return 0, safe(" / ".join(hints), 64)

    def _rate(self, usual: Callable[[object], int], value: object) -> int:
        if self._explicit is not None:
            mapped = self._explicit.mapped_severity(value)
            if mapped is not None:
                return mapped
        return usual(value)


def alert_from(
    found: Lookup,
    obj: Object,
    raw: bytes,
    head: Head,
    notes: tuple[str, ...],
    *,
    attacker: Callable[[str], bool] | None = None,
) -> Alert:
    """The whole alert of a document's keys; also of the fields that a line of text holds.

    `attacker` says of a path whether who caused the event could choose its value; without it that is told by
    the words in it.
    """
    attacker = attacker or _is_attackers
    process = Process(
        name=text(found.find("process_name"), LONG_CHARS),
        pid=whole(found.find("process_pid")),
        cmd_line=text(found.find("cmd_line"), LONG_CHARS),
        parent_name=text(found.find("parent_name"), LONG_CHARS),
    )
    values = leaves(obj, 400)
    file = _file(found, values)
    device_ip = text(_device_ip(found, head))
    for field in ("time", "src_ip", "src_port", "dst_ip", "dst_port", "hostname", "user"):
        found.find(field)
    for field, shown in (("title", head.title), ("severity", head.severity_native)):
        _hide(found, field, shown)
    return Alert(
        head=head,
        raw=raw,
        vendor=text(found.find("vendor")),
        product=head.product,
        description=text(found.find("description"), LONG_CHARS),
        category=text(found.find("category")),
        src=Endpoint(head.src_ip, head.src_port),
        dst=Endpoint(head.dst_ip, head.dst_port),
        device_hostname=head.hostname,
        device_ip=device_ip,
        user_name=head.user,
        process=process,
        file=file,
        attacks=_attacks(values),
        observables=_observables(head, device_ip, process, file, values),
        facts=facts(obj, found.used, attacker),
        status=text(found.find("status")),
        action=text(found.find("action")),
        count=max(1, whole(found.find("count"))),
        parse_errors=notes,
    )


def _hide(found: Lookup, field: str, shown: SafeText) -> None:
    """Keep what the head already says out of the facts; another candidate for the field stays one."""
    for path, value in found.all(field):
        given = first(value)
        if text(given.strip() if isinstance(given, str) else given, TITLE_CHARS) == shown.strip():
            found.used.append(path)
            return


def _uid(found: Lookup, obj: Object, raw: bytes) -> str:
    """The vendor's id where it is one; else one of all the record says, as its identity is not known."""
    for _, value in found.all("uid"):
        given = first(value)
        shown = str(given) if isinstance(given, str) or (type(given) is int and given < 1 << 64) else ""
        if len(shown) >= _MIN_UID_CHARS and not is_placeholder(shown):
            return safe(shown, 200)
    return content_uid(obj, raw)


def _from_id(value: object) -> int:
    number = integer(value, -1)
    return number if number in SEVERITY_NAMES else 0


def _title(found: Lookup) -> SafeText:
    for path, value in found.all("title"):
        given = first(value)
        if isinstance(given, str) and (title := text(given.strip(), TITLE_CHARS)):
            found.used.append(path)
            return title
    return SafeText("JSON record without a title")


def _source(found: Lookup) -> object:
    """Where it came from: a source address, or the only one of a record that names no host it could be of."""
    for path, value in found.all("src_ip"):
        if is_ip(first(value)) or endpoint(value)[1]:
            found.used.append(path)
            return value
    if found.find("hostname") is None:
        return next((value for path, value in found.all("device_ip") if path.lower() == "ip"), None)
    return None


def _device_ip(found: Lookup, head: Head) -> object:
    for path, value in found.all("device_ip"):
        given = first(value)
        if is_ip(given) and given != head.src_ip:
            found.used.append(path)
            return given
    return None


def _is_done(found: Lookup, obj: Object) -> bool:
    """The vendor has closed it: by a status word, or by a flag at the top."""
    status = found.find("status")
    if isinstance(status, str) and status.strip().lower() in _DONE_WORDS:
        return True
    return any(obj.get(flag) is True for flag in _DONE_FLAGS)


def _file(found: Lookup, values: list[tuple[str, object]]) -> File:
    """Name, path and hashes by their keys; else a hash by its length, where there is only one such."""
    by_kind: dict[str, set[str]] = {"md5": set(), "sha1": set(), "sha256": set()}
    for _, value in values:
        if isinstance(value, str) and (kind := hash_kind(value)):
            by_kind[kind].add(value)
    only = {kind: next(iter(found)) for kind, found in by_kind.items() if len(found) == 1}
    name = found.find("file_name")
    path = found.find("file_path")
    named = {kind: value for kind in ("sha256", "md5") if hash_kind(value := first(found.find(kind))) == kind}
    return File(
        name=text(name, LONG_CHARS),
        path=text(path, LONG_CHARS),
        sha256=text(named.get("sha256", only.get("sha256"))),
        md5=text(named.get("md5", only.get("md5"))),
    )


def _attacks(values: list[tuple[str, object]]) -> tuple[Attack, ...]:
    """ATT&CK ids in values whose key speaks of techniques, tactics, MITRE or attack, and in tags."""
    techniques: dict[str, None] = {}
    tactics: dict[str, None] = {}
    for path, value in values:
        if any(word in path.lower() for word in ("techni", "tactic", "mitre", "attack", "ttp", "tags")):
            techniques.update(dict.fromkeys(techniques_in(value)))
            tactics.update(dict.fromkeys(tactics_in(value)))
    return pair_attacks(list(techniques), list(tactics))


def _observables(
    head: Head, device_ip: SafeText, process: Process, file: File, values: list[tuple[str, object]]
) -> tuple[Observable, ...]:
    found = Observables()
    found.add("IP Address", [head.src_ip, head.dst_ip, device_ip])
    found.add("Hostname", head.hostname)
    found.add("User Name", head.user)
    found.add("Process Name", process.name, 512)
    found.add("File Name", file.name, 512)
    found.add("File Path", file.path, 1024)
    for path, value in values:
        key = canonical(path.rpartition(".")[2].partition("[")[0])
        for item in value[:100] if isinstance(value, list) else (value,):
            if not isinstance(item, str):
                continue
            if hash_kind(item) and ("hash" in key or hash_kind(item) in key):
                found.add("Hash", item)
            elif is_ip(item) and "version" not in key:
                found.add("IP Address", item)
            elif item.startswith(("http://", "https://")):
                found.add("URL", item, 2300)
            elif "@" in item and (
                "mail" in key or key in ("sender", "recipient", "fromaddress", "toaddresses")
            ):
                found.add("Email Address", item)
            elif key == "useragent":
                found.add("User Agent", item, 512)
    return found.all()


def _is_attackers(path: str) -> bool:
    key = canonical(path.rpartition(".")[2].partition("[")[0])
    return any(word in key for word in _ATTACKER_WORDS)
