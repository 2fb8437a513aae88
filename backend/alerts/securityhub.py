"""AWS Security Hub findings in ASFF: bare, or one in the `detail.findings` of an EventBridge event.

An event that carries several is taken apart by `backend.alerts.unwrap`, each with the envelope around it.
"""

import re

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import Observables, facts, is_under, pair_attacks, techniques_in
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    folded,
    integer,
    is_ip,
    is_placeholder,
    listed,
    mapping,
    port,
    stable_uid,
    text,
    whole,
)
from backend.alerts.guardduty_action import Connection, connection
from backend.alerts.model import (
    NOTHING,
    Alert,
    Attack,
    DeadLetter,
    Endpoint,
    File,
    Head,
    Observable,
    ParsedEvent,
    Process,
    Severity,
)
from backend.alerts.tactics import tactics_named
from backend.alerts.text import SafeText, safe
from backend.alerts.times import first_time

SOURCE = "aws.securityhub"
SCHEMA_VERSION = "2018-10-08"
"""The only one ASFF has had."""

_DONE_WORKFLOW = frozenset({"RESOLVED", "SUPPRESSED"})
_VENDOR = SafeText("AWS")
_PRODUCT = SafeText("Security Hub")
_LAST_PART = re.compile(r"([^:/]+)(?:/sha256:[0-9a-f]{64})?$")
"""Of a resource's ARN; a container image is named by its repository, not by its digest."""
_HIDDEN = (
    *("Title", "Description", "Severity", "UpdatedAt", "SchemaVersion", "Id", "GeneratorId", "RecordState"),
    *("Workflow", "ProductName", "CompanyName", "Process.Name", "Process.Pid"),
)
# What the resource's owner, a process or a caller has named; the rest is the product's own statement.
_ATTACKER_ROOTS = (
    *("Action", "Process", "Malware", "Network", "NetworkPath", "Resources", "ProductFields"),
    *("UserDefinedFields", "Note", "ThreatIntelIndicators"),
)


class SecurityHub(JsonFormat):
    """FORMATS, section 4: Security Hub ASFF."""

    name = "securityhub"

    def recognises(self, obj: Object) -> bool:
        """An event of that source, or a bare finding: schema version and product ARN."""
        return obj.get("source") == SOURCE or (
            obj.get("SchemaVersion") == SCHEMA_VERSION and "ProductArn" in obj
        )

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """There is no fast path: records may have to be taken apart first."""
        return None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        finding = obj
        if "detail" in obj or obj.get("source") == SOURCE:
            given = mapping(obj.get("detail")).get("findings")
            if not isinstance(given, list) or not given:
                return ParsedEvent(self.name, text(obj.get("detail-type"), 60) or "event without findings")
            if len(given) > 1 or not isinstance(given[0], dict):
                return DeadLetter(_not_one(given), raw)
            finding = mapping(given)
        if not text(finding.get("Title")) and not text(finding.get("Id")):
            return DeadLetter("securityhub record without a finding's Id or Title", raw)
        return _head(finding, obj, raw, received_ms)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        finding = mapping(mapping(obj.get("detail")).get("findings")) or obj
        found = _connection(finding)
        process = mapping(finding.get("Process"))
        malware = mapping(finding.get("Malware"))
        return Alert(
            head=head,
            raw=raw,
            vendor=text(finding.get("CompanyName")) or _product_field(finding, "CompanyName") or _VENDOR,
            product=head.product,
            description=text(finding.get("Description"), LONG_CHARS),
            category=text(finding.get("Types")),
            src=found.src,
            dst=found.dst,
            device_hostname=head.hostname,
            device_ip=text(dig(finding, "Resources.Details.AwsEc2Instance.IpV4Addresses")),
            user_name=head.user,
            process=Process(
                name=text(process.get("Name"), LONG_CHARS) or text(process.get("Path"), LONG_CHARS),
                pid=whole(process.get("Pid")),
            ),
            file=File(name=text(malware.get("Name")), path=text(malware.get("Path"), LONG_CHARS)),
            attacks=_attacks(finding),
            observables=_observables(finding, head, found),
            facts=facts(finding, _HIDDEN, lambda path: is_under(path, _ATTACKER_ROOTS)),
            status=_status(finding) or text(finding.get("RecordState")),
            action=found.action,
            count=max(1, whole(dig(finding, "Action.PortProbeAction.Count"))),
            parse_errors=notes,
        )


def _head(finding: Object, obj: Object, raw: bytes, received_ms: int) -> Head:
    times = (*(finding.get(key) for key in ("UpdatedAt", "LastObservedAt", "CreatedAt")), obj.get("time"))
    time_ms, quality = first_time(times, received_ms)
    severity_id, native = _severity(finding)
    rule = text(finding.get("GeneratorId"))
    found = _connection(finding)
    return Head(
        uid=_uid(finding, raw),
        format="securityhub",
        time_ms=time_ms,
        severity_id=severity_id,
        title=text(finding.get("Title"), TITLE_CHARS) or rule or safe("Security Hub finding without a title"),
        time_quality=quality,
        severity_native=native,
        rule_uid=rule,
        rule_name=text(finding.get("Title"), TITLE_CHARS),
        src_ip=found.src.ip,
        src_port=found.src.port,
        dst_ip=found.dst.ip,
        dst_port=found.dst.port,
        hostname=_device(finding),
        user=_user(finding),
        product=text(finding.get("ProductName")) or _product_field(finding, "ProductName") or _PRODUCT,
        suppressed=_is_done(finding),
    )


def _not_one(findings: list[object]) -> str:
    if len(findings) == 1:
        return "securityhub event whose finding is not an object"
    return f"securityhub event with {len(findings)} findings that could not be taken apart"


def _uid(finding: Object, raw: bytes) -> str:
    """An ARN stands alone; any other id is unique within its product only (AWS: `Id` in ASFF)."""
    given = text(finding.get("Id"), 512)
    if given.startswith("arn:"):
        return given
    if is_placeholder(given):
        return content_uid(finding, raw)
    return stable_uid(finding.get("ProductArn"), finding.get("AwsAccountId"), finding.get("Region"), given)


def _severity(finding: Object) -> tuple[int, SafeText]:
    """`Label`, else `Normalized`, each with its own words; a check that was passed is only information."""
    rating = mapping(finding.get("Severity"))
    label, normalized = rating.get("Label"), rating.get("Normalized")
    rated = severity.highest(label, severity.from_word) or severity.highest(normalized, _from_normalized)
    shown = next(
        (value for value in (label, normalized, rating.get("Product")) if value not in (None, "")), ""
    )
    if text(dig(finding, "Compliance.Status")).upper() == "PASSED":
        rated = int(Severity.INFORMATIONAL)
    return rated, severity.native(shown)


def _from_normalized(value: object) -> int:
    """0, 1 to 39, 40 to 69, 70 to 89, 90 to 100: AWS, API_Severity."""
    number = integer(value, -1)
    if not 0 <= number <= 100:
        return int(Severity.UNKNOWN)
    bands = ((90, Severity.CRITICAL), (70, Severity.HIGH), (40, Severity.MEDIUM), (1, Severity.LOW))
    return int(next((level for least, level in bands if number >= least), Severity.INFORMATIONAL))


def _status(finding: Object) -> SafeText:
    """`WorkflowState` is what `Workflow.Status` was called before."""
    return text(dig(finding, "Workflow.Status")) or text(finding.get("WorkflowState"))


def _is_done(finding: Object) -> bool:
    """Archived, resolved, suppressed, or a sample: not to be paged for."""
    return (
        text(finding.get("RecordState")).upper() == "ARCHIVED"
        or _status(finding).upper() in _DONE_WORKFLOW
        or finding.get("Sample") is True
        or text(finding.get("Title")).startswith("[SAMPLE]")
    )


def _product_field(finding: Object, name: str) -> SafeText:
    return text(mapping(finding.get("ProductFields")).get(f"aws/securityhub/{name}"))


def _connection(finding: Object) -> Connection:
    """`Network`, else `Action`, which is GuardDuty's in capitals."""
    network = mapping(finding.get("Network"))
    src = text(network.get("SourceIpV4")) or text(network.get("SourceIpV6"))
    dst = text(network.get("DestinationIpV4")) or text(network.get("DestinationIpV6"))
    domains = tuple(name for key in ("SourceDomain", "DestinationDomain") if (name := text(network.get(key))))
    if src or dst or domains:
        return Connection(
            Endpoint(src, port(network.get("SourcePort")), text(network.get("SourceDomain"))),
            Endpoint(dst, port(network.get("DestinationPort")), text(network.get("DestinationDomain"))),
            tuple(address for address in (src, dst) if address),
            domains,
        )
    action = mapping(finding.get("Action"))
    return connection({"action": folded(action)}) if action else Connection()


def _device(finding: Object) -> SafeText:
    """The instance if there is one, else the first resource: the last part of its ARN."""
    resources = [mapping(item) for item in listed(finding.get("Resources"))[:50]]
    instances = [item for item in resources if item.get("Type") == "AwsEc2Instance"]
    for item in (*instances, *resources):
        if found := _LAST_PART.search(text(item.get("Id"), 1024)):
            return safe(found.group(1), 256)
    return NOTHING


def _user(finding: Object) -> SafeText:
    for item in listed(finding.get("Resources"))[:50]:
        key = mapping(dig(item, "Details.AwsIamAccessKey"))
        user = dig(item, "Details.AwsIamUser.UserName")
        if name := text(key.get("UserName")) or text(key.get("PrincipalName")) or text(user):
            return name
    return NOTHING


def _attacks(finding: Object) -> tuple[Attack, ...]:
    """Tactics stand in `Types` ("TTPs/Initial Access/…"), technique ids there or in product fields."""
    types = [kind for kind in listed(finding.get("Types"))[:50] if isinstance(kind, str)]
    fields = mapping(finding.get("ProductFields"))
    told = [
        value for key, value in fields.items() if any(w in key.lower() for w in ("mitre", "att&ck", "techni"))
    ]
    techniques = techniques_in([*types, *told])
    return pair_attacks(techniques, tactics_named([kind for kind in types if kind.startswith("TTPs")]))


def _observables(finding: Object, head: Head, found: Connection) -> tuple[Observable, ...]:
    seen = Observables()
    seen.add("IP Address", list(found.addresses))
    seen.add("Hostname", list(found.domains))
    seen.add("Hostname", head.hostname)
    seen.add("User Name", head.user)
    for item in listed(finding.get("Resources"))[:50]:
        seen.add("Resource UID", mapping(item).get("Id"), 512)
    for item in listed(finding.get("ThreatIntelIndicators"))[:50]:
        seen.add_host(mapping(item).get("Value"))
    for value in list(mapping(finding.get("ProductFields")).values())[:100]:
        if is_ip(value):
            seen.add("IP Address", value)
    for item in listed(finding.get("Malware"))[:20]:
        seen.add("File Path", mapping(item).get("Path"), 1024)
    return seen.all()
