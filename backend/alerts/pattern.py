"""Watchfloor's own alerts about raw events: a Sigma rule matched, a pattern of lines is new or surging."""

import msgspec

from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.decode import Unreadable, decode_object
from backend.alerts.details import Observables, facts, pair_attacks
from backend.alerts.fields import LONG_CHARS, TITLE_CHARS, Object, is_ip, text
from backend.alerts.model import Alert, DeadLetter, Endpoint, Fact, Head, Observable, Process
from backend.alerts.text import SafeText, safe

MARK = "watchfloor_pattern"
"""The key that makes a document one of these."""
VENDOR = SafeText("Watchfloor")
PRODUCTS = {
    "sigma": SafeText("Sigma rules"),
    "new": SafeText("Log patterns"),
    "surge": SafeText("Log patterns"),
}


class PatternRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the patterns stage writes down about an event or a pattern: the raw bytes of its alert.

    Every text is as it came, not made safe. Times are ms since the epoch, UTC.
    """

    watchfloor_pattern: str
    """sigma, new or surge."""
    uid: str
    """The same for the same finding, however often it is made."""
    title: str
    severity_id: int
    """OCSF; 0 where the rule gives no level."""
    time_ms: int
    time_quality: str = "exact"
    level: str = ""
    """The rule's own word for its severity."""
    rule_uid: str = ""
    rule_name: str = ""
    description: str = ""
    hostname: str = ""
    user: str = ""
    src_ip: str = ""
    dst_ip: str = ""
    image: str = ""
    cmd_line: str = ""
    parent_image: str = ""
    techniques: list[str] = []
    tactics: list[str] = []
    matched: list[tuple[str, str]] = []
    """Fields that the rule named and their values, as far as they made it match."""
    format: str = ""
    """Of the raw event, with `kind` as it is counted."""
    kind: str = ""
    source: str = ""
    template: str = ""
    """The pattern, with `<*>` where lines differ."""
    count: int = 1
    """Lines of the pattern so far; of a surge, in its window."""
    usual: float = 0.0
    """Of a surge: how many such lines a window usually has."""
    window_s: int = 0
    first_ms: int = 0
    last_ms: int = 0
    examples: list[str] = []
    event: str = ""
    """The event itself, as text, cut where it is very long."""


_decode = msgspec.json.Decoder(PatternRecord).decode


class Pattern(JsonFormat):
    """Alerts that this program made itself, out of raw events."""

    name = "pattern"

    def recognises(self, obj: Object) -> bool:
        """Only what carries the mark."""
        return MARK in obj

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`."""
        if MARK.encode() not in raw:
            return None
        try:
            return head_of(_decode(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`; nothing but this program writes these, so there is nothing to tolerate."""
        return DeadLetter("a pattern record that this version of watchfloor does not write", raw)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`. All that comes from the event could be chosen by whoever caused it."""
        try:
            record = msgspec.convert(obj, PatternRecord)
        except msgspec.ValidationError as error:
            return Alert(head=head, raw=raw, parse_errors=(*notes, f"pattern record: {safe(error, 200)}"))
        return Alert(
            head=head,
            raw=raw,
            vendor=VENDOR,
            product=head.product,
            description=text(record.description, LONG_CHARS),
            category=safe(f"{record.format} {record.kind}".strip(), 120),
            src=Endpoint(ip=head.src_ip),
            dst=Endpoint(ip=head.dst_ip),
            device_hostname=head.hostname,
            user_name=head.user,
            process=Process(
                name=text(record.image, LONG_CHARS),
                cmd_line=text(record.cmd_line, LONG_CHARS),
                parent_name=text(record.parent_image, LONG_CHARS),
            ),
            attacks=pair_attacks(record.techniques, record.tactics),
            observables=_observables(head, record),
            facts=_facts(record),
            count=max(1, record.count),
            parse_errors=notes,
        )


def head_of(record: PatternRecord) -> Head:
    """What the queue needs of a finding."""
    return Head(
        uid=safe(record.uid, 64),
        format=Pattern.name,
        time_ms=record.time_ms,
        severity_id=record.severity_id if 0 <= record.severity_id <= 6 else 0,
        title=safe(record.title, TITLE_CHARS),
        time_quality=record.time_quality,
        severity_native=safe(record.level, 64),
        rule_uid=text(record.rule_uid),
        rule_name=text(record.rule_name),
        src_ip=text(record.src_ip) if is_ip(record.src_ip) else SafeText(""),
        dst_ip=text(record.dst_ip) if is_ip(record.dst_ip) else SafeText(""),
        hostname=text(record.hostname),
        user=text(record.user),
        product=PRODUCTS.get(record.watchfloor_pattern, SafeText("Log patterns")),
    )


def _observables(head: Head, record: PatternRecord) -> tuple[Observable, ...]:
    found = Observables()
    found.add("IP Address", [head.src_ip, head.dst_ip])
    found.add("Hostname", head.hostname)
    found.add("User Name", head.user)
    found.add("Process Name", record.image, 512)
    return found.all()


def _facts(record: PatternRecord) -> tuple[Fact, ...]:
    own: list[tuple[str, object]] = [
        ("source", record.source),
        ("pattern", record.template),
        ("lines", record.count if record.template else ""),
        ("usual lines", round(record.usual, 1) if record.window_s else ""),
        ("window in seconds", record.window_s or ""),
    ]
    made = [Fact(SafeText(name), safe(value, LONG_CHARS)) for name, value in own if value != ""]
    told = [(f"matched {name}", value) for name, value in record.matched]
    told += [(f"example {number}", line) for number, line in enumerate(record.examples, start=1)]
    made += [Fact(safe(name, 256), safe(value, LONG_CHARS), True) for name, value in told]
    return (*made, *_event_facts(record.event))


def _event_facts(event: str) -> tuple[Fact, ...]:
    if not event:
        return ()
    try:
        obj, _ = decode_object(event.encode("utf-8", "surrogatepass"))
    except Unreadable:
        return (Fact(SafeText("event"), safe(event, LONG_CHARS), True),)
    return facts(obj, (), lambda path: True)
