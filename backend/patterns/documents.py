"""What an alert about raw events is made of: the record that is its raw bytes, and its head."""

import hashlib

import msgspec

from backend.alerts.model import Record
from backend.alerts.pattern import PatternRecord, head_of
from backend.alerts.times import first_time
from backend.patterns.event import Event, clean
from backend.patterns.findings import Finding
from backend.patterns.raw import Match, RawEvent
from backend.patterns.rules_model import Matched

SOURCE = "patterns:"
"""Where findings about patterns are said to come from; their offset is what they are about, so that the
journal recognises one that is made again."""
MAX_EVENT_CHARS = 64 * 1024
LOW, MEDIUM = 2, 3
TITLE_WORDS = 120

_encode = msgspec.json.Encoder().encode
_TIMES = ("systemtime", "utctime", "eventtime", "@timestamp", "timestamp", "time", "published", "timecreated")
_HOSTS = (
    "computer",
    "hostname",
    "host.name",
    "host.hostname",
    "computername",
    "host",
    "devicename",
    "agent.name",
)
_USERS = (
    "user", "targetusername", "subjectusername", "user.name", "username", "useridentity.arn",
    "useridentity.username", "actor.alternateid", "actor", "account",
)  # fmt: skip
_FROM = (
    "sourceip", "src_ip", "sourceipaddress", "ipaddress", "source.ip", "c-ip", "clientip",
    "client.ipaddress", "id.orig_h", "callerip", "sourceaddress",
)  # fmt: skip
_TO = ("destinationip", "dest_ip", "dst_ip", "destination.ip", "id.resp_h", "destaddress")


def match_of(raw: RawEvent, number: int, rule: Matched, event: Event) -> Match:
    """The alert of an event that matched a rule; `number` counts the rules it matched, from 0."""
    place = f"{raw.source}\0{raw.partition}\0{raw.offset}\0{raw.sub}\0{rule.uid}"
    time_ms, quality = first_time((event.first(name) for name in _TIMES), raw.received_ms)
    record = PatternRecord(
        watchfloor_pattern="sigma",
        uid=_digest(place),
        title=clean(rule.title, 300),
        severity_id=rule.severity_id,
        time_ms=time_ms,
        time_quality=quality,
        level=rule.level,
        rule_uid=rule.uid,
        rule_name=clean(rule.title, 300),
        description=clean(rule.description, 4_000),
        hostname=clean(event.first(*_HOSTS), 256),
        user=clean(event.first(*_USERS), 256),
        src_ip=clean(event.first(*_FROM), 64),
        dst_ip=clean(event.first(*_TO), 64),
        image=clean(event.first("image"), 1_000),
        cmd_line=clean(event.first("commandline"), 4_000),
        parent_image=clean(event.first("parentimage"), 1_000),
        techniques=rule.techniques,
        tactics=rule.tactics,
        matched=[(clean(name, 256), clean(value, 1_000)) for name, value in rule.evidence(event).items()],
        format=raw.format,
        kind=clean(raw.kind, 120),
        source=clean(raw.source, 300),
        event=clean(raw.raw[: 4 * MAX_EVENT_CHARS].decode("utf-8", "replace"), MAX_EVENT_CHARS),
    )
    return Match(raw, number, head_of(record), _encode(record))


def record_of(finding: Finding, now_ms: int) -> Record:
    """A finding as a record of the pseudo-source."""
    word = "surge" if finding.surge else "new"
    about = f"{finding.key}\0{finding.window}" if finding.surge else finding.key
    uid = _digest(f"{word}\0{about}")
    rule = _digest(finding.key)
    shown = clean(finding.template, TITLE_WORDS)
    record = PatternRecord(
        watchfloor_pattern=word,
        uid=uid,
        title=f"Surging log pattern: {shown}" if finding.surge else f"New log pattern: {shown}",
        severity_id=MEDIUM if finding.surge else LOW,
        time_ms=finding.first_ms,
        level="surge" if finding.surge else "new pattern",
        rule_uid=f"pattern-{rule}",
        rule_name="Surging log pattern" if finding.surge else "New log pattern",
        description=_told(finding),
        format="",
        kind=finding.kind,
        source=clean(finding.source, 300),
        template=clean(finding.template, 1_000),
        count=finding.count,
        usual=finding.usual,
        window_s=60 if finding.surge else 0,
        first_ms=finding.first_ms,
        last_ms=finding.last_ms,
        examples=[clean(line, 500) for line in finding.examples],
    )
    offset = f"{word}-{uid}"
    return Record(SOURCE, "patterns", offset, _encode(record), now_ms, offset)


def _told(finding: Finding) -> str:
    if finding.surge:
        return (
            f"{finding.count:,} lines of this pattern within a minute; usual are {finding.usual:.1f}. "
            "No product called any of them an alert."
        )
    return (
        f"Lines of a pattern that was never seen before, {finding.count:,} so far. "
        "No product called any of them an alert, and no rule matched them."
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
