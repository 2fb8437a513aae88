"""Falco alerts, as JSON (HTTP output, falcosidekick, stdout) or as its text line."""

import re
from itertools import zip_longest

import msgspec

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.decode import describe, to_text
from backend.alerts.details import Observables, facts, is_under, pair_attacks, techniques_in
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    endpoint,
    first,
    listed,
    mapping,
    stable_uid,
    text,
    whole,
)
from backend.alerts.model import (
    NOTHING,
    Alert,
    Attack,
    DeadLetter,
    Endpoint,
    Fact,
    File,
    Head,
    Observable,
    ParsedEvent,
    Process,
)
from backend.alerts.tactics import tactics_named
from backend.alerts.text import SafeText, safe
from backend.alerts.times import parse_time

_INTERNAL = "falco internal:"
"""Rules that begin so are Falco's reports on itself (metrics, dropped events): health, not alerts."""

_TEXT = re.compile(
    r"(\d\d:\d\d:\d\d\.\d{9}): (emergency|alert|critical|error|warning|notice|informational|debug) ",
    re.IGNORECASE | re.ASCII,
)
_PAIR = re.compile(r"(?:(?<=[ (,])|^)([A-Za-z][\w.]{0,60}(?:\[\w*\])?)=", re.ASCII)
_MAX_PAIRS = 60

# The same thing in the fields of system calls, of Kubernetes audit and of plugins, and in text lines.
_USER = ("user.name", "ka.user.name", "ct.user", "okta.actor.name", "github.user", "user")
_PROCESS = ("proc.name", "process", "proc", "program", "shell")
_CMD_LINE = ("proc.cmdline", "command", "cmdline")
_PARENT = ("proc.pname", "parent")
_FILE = ("fs.path.name", "fd.name", "file")
_CONNECTION = ("fd.name", "connection")
_SRC = ("fd.cip", "ka.sourceips", "ct.srcip", "okta.client.ip")
_HOST = ("evt.hostname", "k8s.node.name")

_HIDDEN = ("time", "rule", "priority", "hostname", "output", "output_fields.evt.time", "tags")
# What the kernel or Falco itself states; names, paths, arguments and requests are chosen by who acts.
_FALCOS_OWN = (
    *("source", "uuid", "output_fields.evt", "output_fields.container.id", "output_fields.user.loginuid"),
    *(
        "output_fields.user.uid",
        "output_fields.proc.tty",
        "output_fields.proc.pid",
        "output_fields.proc.ppid",
    ),
    *("output_fields.ka.response.code", "output_fields.ka.verb", "output_fields.ka.auth"),
)
_VENDOR = SafeText("Falco")
_PRODUCT = SafeText("Falco")


class _Falco(msgspec.Struct, gc=False):
    rule: str
    output: str | None
    output_fields: dict[str, object] | None
    priority: str | None = None
    time: str | int | float | None = None
    hostname: str | None = None


_decoder = msgspec.json.Decoder(_Falco)


class Falco(JsonFormat):
    """FORMATS, section 4: Falco."""

    name = "falco"

    def recognises(self, obj: Object) -> bool:
        """A rule's name with `output` and `output_fields`."""
        return isinstance(first(obj.get("rule")), str) and "output" in obj and "output_fields" in obj

    def recognises_text(self, line: str) -> bool:
        """A time of day with nine digits after the point, then a priority."""
        return _TEXT.match(line) is not None

    def head(self, raw: bytes, received_ms: int) -> Outcome:
        """See `Format.head`."""
        return self._text_head(raw, received_ms) if describe(raw) else super().head(raw, received_ms)

    def alert(self, raw: bytes, head: Head) -> Alert:
        """See `Format.alert`."""
        return _text_alert(raw, head) if describe(raw) else super().alert(raw, head)

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`."""
        try:
            event = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return None if raw.count(b'"priority"') > 1 else self._outcome(event, event.priority, received_ms)

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        when = first(obj.get("time"))
        event = _Falco(
            rule=text(obj.get("rule")),
            output=text(obj.get("output"), LONG_CHARS),
            output_fields=mapping(obj.get("output_fields")),
            time=when if isinstance(when, str | int | float) else None,
            hostname=text(obj.get("hostname")),
        )
        if not event.rule and not event.output:
            return DeadLetter("falco record that has neither 'rule' nor 'output'", raw)
        return self._outcome(event, obj.get("priority"), received_ms)

    def _outcome(self, event: _Falco, priority: object, received_ms: int) -> Outcome:
        if event.rule.lower().startswith(_INTERNAL):
            return ParsedEvent(self.name, safe(event.rule, 60))
        fields = event.output_fields or {}
        time_ms, quality = parse_time(event.time, received_ms)
        if quality != "exact":
            exact = parse_time(fields.get("evt.time"), received_ms)
            time_ms, quality = exact if exact[1] == "exact" else (time_ms, quality)
        title = text(event.rule, TITLE_CHARS) or text(event.output, TITLE_CHARS)
        src, dst = _ends(fields)
        host = text(event.hostname) or _value(fields, _HOST)
        said, rule = text(event.output, LONG_CHARS), text(event.rule)
        return Head(
            uid=stable_uid(event.time, fields.get("evt.time"), rule, said, text(event.hostname)),
            format=self.name,
            time_ms=time_ms,
            severity_id=severity.highest(priority, severity.from_word),
            title=title,
            time_quality=quality,
            severity_native=severity.native(priority),
            rule_uid=rule,
            rule_name=rule,
            src_ip=src.ip,
            src_port=src.port,
            dst_ip=dst.ip,
            dst_port=dst.port,
            hostname=host,
            user=_value(fields, _USER),
            product=_PRODUCT,
        )

    def _text_head(self, raw: bytes, received_ms: int) -> Outcome:
        line, _ = to_text(raw)
        found = _TEXT.match(line)
        if found is None:
            return DeadLetter("not a Falco line: no time of day and priority at its start", raw)
        said = line[found.end() :].strip()
        if said.lower().startswith(_INTERNAL):
            return ParsedEvent(self.name, safe(said.partition(".")[0], 60))
        time_ms, quality = parse_time(found[1], received_ms)
        pairs = _pairs(said)
        src, dst = _ends(pairs)
        # A text line has no rule's name: what stands before the values is what the rule's author wrote.
        title = text(said.partition(" (")[0], TITLE_CHARS) or SafeText("Falco alert without a text")
        return Head(
            uid=stable_uid(line.strip()),
            format=self.name,
            time_ms=time_ms,
            severity_id=severity.from_word(found[2]),
            title=title,
            time_quality=quality,
            severity_native=severity.native(found[2]),
            src_ip=src.ip,
            src_port=src.port,
            dst_ip=dst.ip,
            dst_port=dst.port,
            user=_value(pairs, _USER),
            product=_PRODUCT,
        )

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        own = facts(obj, _HIDDEN, lambda path: not is_under(path, _FALCOS_OWN))
        return _alert(
            raw,
            head,
            mapping(obj.get("output_fields")),
            description=text(obj.get("output"), LONG_CHARS),
            category=text(obj.get("source")),
            attacks=_attacks(obj.get("tags")),
            named=own,
            notes=notes,
        )


def _text_alert(raw: bytes, head: Head) -> Alert:
    line, notes = to_text(raw)
    found = _TEXT.match(line)
    said = line[found.end() :].strip() if found else ""
    pairs = _pairs(said)
    # Values are not quoted, so whoever chose one can have written others into it.
    named = tuple(Fact(safe(name, 80), text(value, LONG_CHARS), True) for name, value in pairs.items())
    return _alert(
        raw,
        head,
        pairs,
        description=text(said, LONG_CHARS),
        category=NOTHING,
        attacks=(),
        named=named,
        notes=notes,
    )


def _alert(
    raw: bytes,
    head: Head,
    fields: Object,
    *,
    description: SafeText,
    category: SafeText,
    attacks: tuple[Attack, ...],
    named: tuple[Fact, ...],
    notes: tuple[str, ...],
) -> Alert:
    process = Process(
        name=_value(fields, _PROCESS),
        pid=whole(fields.get("proc.pid")),
        cmd_line=_value(fields, _CMD_LINE, LONG_CHARS),
        parent_name=_value(fields, _PARENT),
    )
    file = _file(fields)
    return Alert(
        head=head,
        raw=raw,
        vendor=_VENDOR,
        product=_PRODUCT,
        description=description,
        category=category,
        src=Endpoint(head.src_ip, head.src_port),
        dst=Endpoint(head.dst_ip, head.dst_port),
        device_hostname=head.hostname,
        user_name=head.user,
        process=process,
        file=file,
        attacks=attacks,
        observables=_observables(head, process, file, fields),
        facts=named,
        parse_errors=notes,
    )


def _value(fields: Object, names: tuple[str, ...], limit: int = 256) -> SafeText:
    """The first of several fields that has a value; Falco writes `<NA>` for none."""
    for name in names:
        shown = text(fields.get(name), limit)
        if shown and shown not in ("<NA>", "N/A"):
            return shown
    return NOTHING


def _ends(fields: Object) -> tuple[Endpoint, Endpoint]:
    """Client and server of the connection: `10.0.0.5:39526->10.1.0.1:443`, or in fields of their own."""
    for name in _CONNECTION:
        client, arrow, server = str(text(fields.get(name))).partition("->")
        if arrow:
            return Endpoint(*endpoint(client)), Endpoint(*endpoint(server))
    client, client_port = endpoint(_value(fields, _SRC), fields.get("fd.cport"))
    server, server_port = endpoint(_value(fields, ("fd.sip",)), fields.get("fd.sport"))
    return Endpoint(SafeText(client), client_port), Endpoint(SafeText(server), server_port)


def _file(fields: Object) -> File:
    path = _value(fields, _FILE, LONG_CHARS)
    if not path.startswith("/"):
        return File()
    return File(name=SafeText(path.rpartition("/")[2]), path=path)


def _attacks(tags: object) -> tuple[Attack, ...]:
    """Tags `mitre_credential_access` (tactics by name) and, in newer rules, `T1555`."""
    names = [tag.lower().removeprefix("mitre_") for tag in listed(tags)[:64] if isinstance(tag, str)]
    return pair_attacks(techniques_in(tags), tactics_named(names))


def _pairs(said: str) -> Object:
    """`name=value` pairs of a text line, values with blanks in them; the first of one name stands."""
    found: Object = {}
    inside = said[said.find("(") + 1 :] if "(" in said else said
    marks = list(_PAIR.finditer(inside[:LONG_CHARS]))[:_MAX_PAIRS]
    for mark, after in zip_longest(marks, marks[1:]):
        value = inside[mark.end() : after.start() if after else LONG_CHARS].strip(" ,")
        if after is None and value.endswith(")") and value.count("(") < value.count(")"):
            value = value[:-1]
        found.setdefault(mark[1], value)
    return found


def _observables(head: Head, process: Process, file: File, fields: Object) -> tuple[Observable, ...]:
    found = Observables()
    found.add("IP Address", [head.src_ip, head.dst_ip])
    found.add("Hostname", head.hostname)
    found.add("User Name", head.user)
    found.add("Process Name", process.name)
    found.add("Command Line", process.cmd_line, 1024)
    found.add("File Path", file.path, 1024)
    found.add("Container", _value(fields, ("container.id", "container_id")))
    found.add("Image", _value(fields, ("container.image.repository", "container_image", "image")))
    return found.all()
