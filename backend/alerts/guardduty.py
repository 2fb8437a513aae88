"""Amazon GuardDuty findings: bare, or as the `detail` of an EventBridge event.

AWS writes the same document in two spellings, `service.count` and `Service.Count`, so every key is looked up
without case. A finding is sent again, with the same id and a higher count, while its activity goes on.
"""

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
    is_placeholder,
    listed,
    mapping,
    opened,
    text,
    whole,
)
from backend.alerts.guardduty_action import Connection, connection
from backend.alerts.model import (
    Alert,
    Attack,
    DeadLetter,
    File,
    Head,
    Observable,
    ParsedEvent,
    Process,
    Severity,
)
from backend.alerts.tactics import tactics_named
from backend.alerts.text import SafeText
from backend.alerts.times import first_time

_SOURCE = "aws.guardduty"
_DETAIL_TYPE = "GuardDuty Finding"
_BARE_KEYS = frozenset({"schemaversion", "accountid", "service", "severity", "type"})
_VENDOR = SafeText("AWS")
_PRODUCT = SafeText("GuardDuty")

# Shown in fields of their own.
_HIDDEN = (
    *("title", "description", "severity", "type", "updatedat", "id", "service.count", "service.archived"),
    *("service.additionalinfo.sample",),
)
# Names, queries, requests and processes are what whoever acts chooses; addresses AWS has seen for itself.
_ATTACKER_ROOTS = (
    *("service.action", "service.runtimedetails", "service.additionalinfo", "service.detection"),
    *("service.ebsvolumescandetails", "service.malwarescandetails", "resource.kubernetesdetails"),
    *("resource.rdsdbuserdetails", "resource.containerdetails", "resource.accesskeydetails.username"),
)
_AWS_PARTS = ("ipdetails", "portdetails", ".blocked", ".actiontype", ".protocol", ".connectiondirection")


class GuardDuty(JsonFormat):
    """FORMATS, section 4: GuardDuty."""

    name = "guardduty"

    def recognises(self, obj: Object) -> bool:
        """An event of that source or kind, or a bare finding with its `Purpose:Resource/Family` type."""
        if obj.get("source") == _SOURCE or obj.get("detail-type") == _DETAIL_TYPE:
            return True
        if len(obj) < len(_BARE_KEYS):
            return False
        lower = {key.lower(): value for key, value in obj.items()}
        kind = lower.get("type")
        return lower.keys() >= _BARE_KEYS and isinstance(kind, str) and ":" in kind and "/" in kind

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """There is no fast path: the keys come in two spellings."""
        return None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        finding = folded(_finding(obj))
        kind = text(finding.get("type"))
        if not kind:
            if given := text(obj.get("detail-type"), 60):
                if given != _DETAIL_TYPE:
                    return ParsedEvent(self.name, given)
                return DeadLetter("guardduty event whose 'detail' is no finding: it has no type", raw)
            return DeadLetter("guardduty record without a finding type", raw)
        service = mapping(finding.get("service"))
        sample = _is_sample(finding, service)
        times = (finding.get("updatedat"), service.get("eventlastseen"), obj.get("time"))
        time_ms, quality = first_time(times, received_ms)
        found = connection(service)
        return Head(
            uid=_uid(finding, raw, sample),
            format=self.name,
            time_ms=time_ms,
            severity_id=severity.highest(finding.get("severity"), _severity),
            title=text(finding.get("title"), TITLE_CHARS) or kind,
            time_quality=quality,
            severity_native=severity.native(finding.get("severity")),
            rule_uid=kind,
            rule_name=kind,
            src_ip=found.src.ip,
            src_port=found.src.port,
            dst_ip=found.dst.ip,
            dst_port=found.dst.port,
            hostname=_device(mapping(finding.get("resource"))),
            user=_user(finding, service),
            product=_PRODUCT,
            suppressed=sample or _is_true(service.get("archived")),
        )

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        original = _finding(obj)
        finding = folded(original)
        service = mapping(finding.get("service"))
        resource = mapping(finding.get("resource"))
        found = connection(service)
        process, file = _process(service), _file(service)
        return Alert(
            head=head,
            raw=raw,
            vendor=_VENDOR,
            product=_PRODUCT,
            description=text(finding.get("description"), LONG_CHARS),
            category=text(resource.get("resourcetype")),
            src=found.src,
            dst=found.dst,
            device_hostname=head.hostname,
            device_ip=text(dig(resource, "instancedetails.networkinterfaces.privateipaddress")),
            user_name=head.user,
            process=process,
            file=file,
            attacks=_attacks(finding, service),
            observables=_observables(head, found, process, file, resource),
            facts=facts(_resource_last(original), _hidden_in(original), _is_attackers),
            status=SafeText("archived") if _is_true(service.get("archived")) else SafeText(""),
            action=found.action,
            count=max(1, whole(service.get("count"))),
            parse_errors=notes,
        )


def _finding(obj: Object) -> Object:
    detail = mapping(obj.get("detail"))
    return detail if detail or "detail-type" in obj else obj


def _severity(value: object) -> int:
    """AWS's levels: 1 to 3.9 Low, 4 to 6.9 Medium, 7 to 8.9 High, 9 to 10 Critical; 0 is information."""
    number = integer(value, -1)
    if not 0 <= number <= 10:
        return int(Severity.UNKNOWN)
    bands = ((9, Severity.CRITICAL), (7, Severity.HIGH), (4, Severity.MEDIUM), (1, Severity.LOW))
    return int(next((level for least, level in bands if number >= least), Severity.INFORMATIONAL))


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _is_sample(finding: Object, service: Object) -> bool:
    """A finding made up on request; `additionalInfo.value` may hold the mark as JSON in a string."""
    extra = mapping(service.get("additionalinfo"))
    inner = folded(mapping(opened(extra.get("value"))))
    title = text(finding.get("title"))
    return _is_true(extra.get("sample")) or _is_true(inner.get("sample")) or title.startswith("[SAMPLE]")


def _uid(finding: Object, raw: bytes, sample: bool) -> str:
    """The finding's id, which every later report of it repeats; a sample may bear the id of a real one."""
    given = text(finding.get("id"), 180)
    if is_placeholder(given):
        return content_uid(finding, raw)
    return f"{given}-sample" if sample else given


def _device(resource: Object) -> SafeText:
    """The instance, or else what stands in for a host."""
    for path in (
        "instancedetails.instanceid",
        "rdsdbinstancedetails.dbinstanceidentifier",
        "eksclusterdetails.name",
        "ecsclusterdetails.name",
        "lambdadetails.functionname",
        "s3bucketdetails.name",
    ):
        if name := text(dig(resource, path)):
            return name
    return SafeText("")


def _user(finding: Object, service: Object) -> SafeText:
    for path in (
        "resource.accesskeydetails.username",
        "resource.rdsdbuserdetails.user",
        "resource.kubernetesdetails.kubernetesuserdetails.username",
    ):
        if name := text(dig(finding, path)):
            return name
    sequence = text(dig(service, "detection.sequence.actors.user.name"))
    return sequence or text(dig(service, "runtimedetails.process.user"))


def _process(service: Object) -> Process:
    """Of Runtime Monitoring findings."""
    found = mapping(dig(service, "runtimedetails.process"))
    return Process(
        name=text(found.get("name")) or text(found.get("executablepath"), LONG_CHARS),
        pid=whole(found.get("pid")),
        cmd_line=text(dig(service, "runtimedetails.context.commandlineexample"), LONG_CHARS),
        parent_name=text(dig(found, "lineage.name")) or text(dig(found, "lineage.executablepath")),
    )


def _file(service: Object) -> File:
    """The executable of a runtime finding, or the first file a malware scan has found."""
    process = mapping(dig(service, "runtimedetails.process"))
    if path := text(process.get("executablepath"), LONG_CHARS):
        return File(path=path, sha256=text(process.get("executablesha256")))
    threats = "ebsvolumescandetails.scandetections.threatdetectedbyname.threatnames.filepaths"
    found = mapping(dig(service, threats))
    return File(text(found.get("filename")), text(found.get("filepath"), LONG_CHARS), text(found.get("hash")))


def _attacks(finding: Object, service: Object) -> tuple[Attack, ...]:
    """The purpose in front of the type is, for most, an ATT&CK tactic; attack sequences name techniques."""
    purpose = text(finding.get("type")).partition(":")[0]
    purpose = "Reconnaissance" if purpose == "Recon" else purpose
    techniques: dict[str, None] = {}
    tactics = dict.fromkeys(tactics_named(purpose))
    for item in listed(dig(service, "detection.sequence.indicators"))[:50]:
        indicator = mapping(item)
        techniques.update(dict.fromkeys(techniques_in(indicator.get("values"))))
        tactics.update(dict.fromkeys(tactics_named(indicator.get("values"))))
    return pair_attacks(list(techniques), list(tactics))


def _observables(
    head: Head, found: Connection, process: Process, file: File, resource: Object
) -> tuple[Observable, ...]:
    seen = Observables()
    seen.add("IP Address", list(found.addresses))
    seen.add("Hostname", list(found.domains))
    seen.add("Hostname", head.hostname)
    seen.add("User Name", head.user)
    seen.add("User Agent", found.user_agent, 512)
    seen.add("Process Name", process.name, 512)
    seen.add("File Path", file.path, 1024)
    seen.add("Hash", file.sha256)
    for bucket in listed(resource.get("s3bucketdetails"))[:20]:
        seen.add("Resource UID", mapping(bucket).get("arn"), 512)
    return seen.all()


def _resource_last(original: Object) -> Object:
    """The same document with the long description of the resource after what happened to it."""
    return dict(sorted(original.items(), key=lambda item: item[0].lower() == "resource"))


def _hidden_in(original: Object) -> tuple[str, ...]:
    """`_HIDDEN` in the spelling this document has."""
    spelled = {key.lower(): key for key in original}
    inner = {key.lower(): key for key in mapping(original.get(spelled.get("service", "")))}
    made = []
    for path in _HIDDEN:
        head, _, tail = path.partition(".")
        last, _, rest = tail.partition(".")
        name = spelled.get(head, head)
        if tail:
            name = f"{name}.{inner.get(last, last)}"
        made.append(f"{name}.{rest}" if rest else name)
    return tuple(made)


def _is_attackers(path: str) -> bool:
    lower = path.lower()
    return is_under(lower, _ATTACKER_ROOTS) and not any(part in lower for part in _AWS_PARTS)
