"""The contract's verdict record as a schema: decoding with it checks names, types and allowed values.

The contract may be extended, so unknown keys pass; what stands in it must be there as it stands.
"""

from typing import Annotated, Literal

import msgspec

Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0.0)]
SeverityName = Literal["Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal"]
Lane = Literal["critical", "high", "medium", "low", "raw"]
VerdictName = Literal[
    "Unknown", "False Positive", "True Positive", "Disregard", "Suspicious", "Benign", "Test",
    "Insufficient Data", "Security Risk", "Managed Externally", "Duplicate",
]  # fmt: skip
FormatName = Literal[
    "suricata_eve", "wazuh", "zeek_notice", "ocsf", "guardduty", "securityhub", "sentinel", "defender",
    "crowdstrike", "falco", "okta", "ecs", "windows_event", "cloudtrail", "cef", "leef", "syslog",
    "generic_json", "plain",
]  # fmt: skip


class Named(msgspec.Struct):
    uid: str
    name: str


class Product(msgspec.Struct):
    vendor: str
    name: str


class Endpoint(msgspec.Struct):
    ip: str | None = None
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None


class Device(msgspec.Struct):
    hostname: str | None = None
    ip: str | None = None


class User(msgspec.Struct):
    name: str


class Process(msgspec.Struct):
    name: str | None = None
    cmd_line: str | None = None


class File(msgspec.Struct):
    path: str | None = None
    sha256: str | None = None


class Attack(msgspec.Struct):
    technique: Annotated[str, msgspec.Meta(pattern=r"^T\d{4}(\.\d{3})?$")] | None = None
    tactic: Annotated[str, msgspec.Meta(pattern=r"^TA\d{4}$")] | None = None


class Observable(msgspec.Struct):
    type: str
    value: str


class AlertPart(msgspec.Struct):
    uid: Annotated[str, msgspec.Meta(min_length=1)]
    time: Time
    received_time: Time
    severity: SeverityName
    severity_id: Annotated[int, msgspec.Meta(ge=0, le=6)]
    title: str
    rule: Named
    product: Product
    format: FormatName
    src_endpoint: Endpoint | None = None
    dst_endpoint: Endpoint | None = None
    device: Device | None = None
    user: User | None = None
    process: Process | None = None
    file: File | None = None
    attacks: list[Attack] = []
    observables: list[Observable] = []


class EvidencePart(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(pattern=r"^E\d+$")]
    kind: Literal["alert", "threat_intel", "asset", "user", "history", "geoip", "related"]
    text: str
    cache: Literal["hit", "miss", "stale"]
    age_s: Amount


class ActionPart(msgspec.Struct):
    action: str
    target: str
    needs_approval: bool


class AttemptPart(msgspec.Struct):
    model: str
    error: str


class AnalysedBy(msgspec.Struct):
    kind: Literal["model", "cache", "batch", "aggregate", "pattern", "playbook"]
    provider: str
    model: str
    attempts: list[AttemptPart]


class Guardrails(msgspec.Struct):
    injection_suspected: bool
    signals: list[str]
    ungrounded: list[str]
    output_valid: bool


class Usage(msgspec.Struct):
    input_tokens: Count
    output_tokens: Count
    cache_read_tokens: Count
    cache_write_tokens: Count


class Latency(msgspec.Struct):
    ingest: Amount
    route: Amount
    enrich: Amount
    queue: Amount
    first_token: Amount
    analyse: Amount
    act: Amount
    total: Amount


class Sla(msgspec.Struct):
    deadline: Time | None
    """None in a lane without a deadline."""
    met: bool


class Decision(msgspec.Struct):
    """Not in the contract: what a human decided, where one did."""

    disposition: str
    actor: str
    note: str
    time: Time


class VerdictRecord(msgspec.Struct):
    """One line of `triage`, `export` or a sink."""

    alert: AlertPart
    lane: Lane
    verdict: VerdictName
    confidence: Share
    summary: Annotated[str, msgspec.Meta(min_length=1)]
    narrative: str
    evidence: Annotated[list[EvidencePart], msgspec.Meta(min_length=1)]
    recommended_actions: list[ActionPart]
    analysed_by: AnalysedBy
    degraded: bool
    partial: bool
    guardrails: Guardrails
    usage: Usage
    cost_usd: Amount
    latency_ms: Latency
    sla: Sla
    decision: Decision | None = None


_decoder = msgspec.json.Decoder(VerdictRecord, strict=True)


def read_record(line: str | bytes) -> VerdictRecord:
    """One record. Raises `msgspec.ValidationError` naming the field that breaks the contract."""
    return _decoder.decode(line)


def read_records(text: str) -> list[VerdictRecord]:
    """Every line of an NDJSON text."""
    return [read_record(line) for line in text.splitlines()]
