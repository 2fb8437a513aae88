"""The normalised alert, in OCSF Detection Finding words, and what a record turns into at ingest.

Shapes follow FORMATS: OCSF 1.x `severity_id`, `finding_info`, endpoints and observables. Every string that
came from outside is a `SafeText`: made safe to show once, at ingest, by `backend.alerts.text`.
"""

from enum import IntEnum
from typing import Literal

import msgspec

from backend.alerts.text import SafeText

NOTHING = SafeText("")

TimeQuality = Literal["exact", "no_zone", "no_date", "no_year", "received"]

DataClass = Literal["cloud-ok", "pseudonymise", "local-only"]
"""What may be done with data, from free to strict: shown to a vendor, shown with pseudonyms, kept here."""

FORMAT_NAMES = (
    "suricata_eve",
    "wazuh",
    "zeek_notice",
    "ocsf",
    "guardduty",
    "securityhub",
    "sentinel",
    "defender",
    "crowdstrike",
    "falco",
    "okta",
    "ecs",
    "windows_event",
    "cloudtrail",
    "cef",
    "leef",
    "syslog",
    "generic_json",
    "plain",
    "pattern",
)
"""Every name `--format` and `format=` may take (the contract's list); a parser may not exist for each yet."""


class Severity(IntEnum):
    """OCSF `severity_id`."""

    UNKNOWN = 0
    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5
    FATAL = 6


SEVERITY_NAMES: dict[int, str] = {
    0: "Unknown",
    1: "Informational",
    2: "Low",
    3: "Medium",
    4: "High",
    5: "Critical",
    6: "Fatal",
}


class Record(msgspec.Struct, frozen=True, gc=False):
    """One raw record with its place in its source."""

    source: str
    """The source's stable name, the same over restarts (its address without secrets)."""
    partition: str
    """The part of the source in which `offset` orders records: topic/partition, stream key, file identity."""
    offset: int | str
    """Position inside the partition; `(source, partition, offset)` is unique for ever."""
    data: bytes
    received_ms: int
    """Wall clock when the record reached this process, ms since the epoch."""
    next_offset: int | str
    """Where reading goes on after this record (Kafka: offset + 1; a file: the byte after the line)."""
    key: bytes | None = None


class Head(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """What routing, order and the queue row need of an alert: all that ingest decodes."""

    uid: str
    """Stable: the same event read twice has the same uid. Hex or the vendor's own id, made safe."""
    format: str
    time_ms: int
    """When the event happened by its own account, ms since the epoch, UTC."""
    severity_id: int
    title: SafeText
    time_quality: str = "exact"
    severity_native: SafeText = NOTHING
    """The vendor's own severity word or number, verbatim."""
    rule_uid: SafeText = NOTHING
    rule_name: SafeText = NOTHING
    src_ip: SafeText = NOTHING
    src_port: int = 0
    dst_ip: SafeText = NOTHING
    dst_port: int = 0
    hostname: SafeText = NOTHING
    user: SafeText = NOTHING
    product: SafeText = NOTHING
    suppressed: bool = False
    """The vendor already resolved, archived or suppressed it: it must not page."""


class Endpoint(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """OCSF network endpoint."""

    ip: SafeText = NOTHING
    port: int = 0
    hostname: SafeText = NOTHING


class Process(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """OCSF process, as far as triage needs it."""

    name: SafeText = NOTHING
    pid: int = 0
    cmd_line: SafeText = NOTHING
    parent_name: SafeText = NOTHING


class File(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """OCSF file with the hashes found."""

    name: SafeText = NOTHING
    path: SafeText = NOTHING
    sha256: SafeText = NOTHING
    md5: SafeText = NOTHING


class Attack(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One MITRE ATT&CK mapping: technique id (T1059.001) and tactic id (TA0006), either may be empty."""

    technique: SafeText = NOTHING
    tactic: SafeText = NOTHING


class Observable(msgspec.Struct, frozen=True, gc=False):
    """OCSF observable. `type` is the OCSF caption ("IP Address", "Hash", "Hostname", "URL" …)."""

    type: str
    value: SafeText


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One more named value of the alert, worth showing and asking about, in the vendor's own words.

    `name` is the path in the source document (`http.url`); `attacker` says that whoever caused the event
    could choose the value, which guardrails and the console mark.
    """

    name: SafeText
    value: SafeText
    attacker: bool = False


class Alert(msgspec.Struct, frozen=True):
    """A whole alert, built once from its raw bytes when a stage or the screen first needs it."""

    head: Head
    raw: bytes
    """The record as received; never changed, never shown without `backend.alerts.text`."""
    vendor: SafeText = NOTHING
    product: SafeText = NOTHING
    description: SafeText = NOTHING
    category: SafeText = NOTHING
    src: Endpoint = Endpoint()
    dst: Endpoint = Endpoint()
    device_hostname: SafeText = NOTHING
    device_ip: SafeText = NOTHING
    user_name: SafeText = NOTHING
    process: Process = Process()
    file: File = File()
    attacks: tuple[Attack, ...] = ()
    observables: tuple[Observable, ...] = ()
    facts: tuple[Fact, ...] = ()
    status: SafeText = NOTHING
    action: SafeText = NOTHING
    """What the vendor's product did (allowed, blocked); not a verdict."""
    count: int = 1
    parse_errors: tuple[str, ...] = ()
    """Fields that could not be read, each in words; the alert stands all the same."""
    data: DataClass = "cloud-ok"
    """What its source's configuration allows to be done with it."""


class ParsedAlert(msgspec.Struct, frozen=True, gc=False):
    """A record, or one item of it, that is an alert."""

    head: Head
    raw: bytes
    sub: int = 0
    """Index inside the record, where one record carries several alerts (an array, `Records`)."""


class ParsedEvent(msgspec.Struct, frozen=True, gc=False):
    """Telemetry that no product called an alert: counted by `kind`, kept out of the SLA lanes."""

    format: str
    kind: str
    sub: int = 0
    raw: bytes = b""
    """Its own bytes, where they are not those of the whole record."""


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A record, or one item of it, that can't be read: kept whole with the reason, for replay after a fix."""

    reason: str
    """One line for people: what is wrong and, where known, at which byte."""
    raw: bytes
    sub: int = 0


Parsed = ParsedAlert | ParsedEvent | DeadLetter
