"""Where unknown JSON alerts keep what an alert needs: the usual spellings, and an explicit mapping over them.

Keys are compared without case and punctuation (`src_ip`, `srcIp`, `Src-IP` are one), a nested key also with
its parent's name in front (`source.ip` is `sourceip`).
"""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice

import msgspec

from backend.alerts.fields import Object, dig
from backend.alerts.model import SEVERITY_NAMES

KEYS: dict[str, tuple[str, ...]] = {
    "title": (
        *("title", "alerttitle", "alertname", "ruletitle", "signature", "signaturename", "alertsignature"),
        *("detectionname", "rulename", "rule", "displayname", "name", "summary", "message", "msg", "reason"),
        *("description", "ruledescription", "subject", "event", "eventname", "eventtype", "eventaction"),
        *("action", "operation", "threatname", "alerttype", "type", "category"),
    ),
    "time": (
        *("time", "timestamp", "eventtime", "detectiontimestamp", "detectiontime", "detectedat", "alerttime"),
        *("occurredat", "triggeredat", "published", "createdat", "created", "createddate", "creationtime"),
        *(
            "creationdate",
            "createdtime",
            "createddatetime",
            "messagetime",
            "starttime",
            "firsteventtimestamp",
            "firstseen",
        ),
        *(
            "datetime",
            "date",
            "ts",
            "eventcreated",
            "lastseen",
            "updatedat",
            "peventtime",
            "backendtimestamp",
        ),
    ),
    "severity": (
        *("severity", "severityname", "severitylabel", "alertseverity", "severitylevel", "severityid"),
        *("ruleseverity", "risklevel", "threatlevel", "criticality", "priority", "risk", "urgency", "level"),
        *("rulelevel", "impact"),
    ),
    # What stands in for a severity in products without one; kept as native text, never mapped.
    "severity_hint": ("classification", "cloudverdict", "mitigationstatus", "riskscore", "score"),
    "uid": (
        "alertid",
        "alertuid",
        "findingid",
        "detectionid",
        "eventid",
        "eventuid",
        "uuid",
        "guid",
        "uid",
        "id",
    ),
    "rule_uid": (
        *(
            "ruleid",
            "ruleuid",
            "ruleuuid",
            "signatureid",
            "sid",
            "detectionruleid",
            "triggerruleid",
            "policyid",
        ),
        *("tdrid", "rule", "eventtype", "event", "alerttype"),
    ),
    "rule_name": ("rulename", "rule", "signature", "signaturename", "detectionname", "triggerrulename"),
    "src_ip": (
        *(
            "srcip",
            "sourceip",
            "sourceipaddress",
            "sourceaddress",
            "srcaddr",
            "srcaddress",
            "clientip",
            "src",
        ),
        *(
            "clientipaddress",
            "remoteip",
            "remoteaddress",
            "remoteaddr",
            "attackerip",
            "senderip",
            "requestip",
        ),
        *("sourceaddr", "callerip", "callipaddress", "calleripaddress", "actorip", "ipaddress"),
    ),
    "src_port": ("srcport", "sourceport", "clientport", "remoteport", "spt", "sport"),
    "dst_ip": (
        *("dstip", "destip", "destinationip", "destinationipaddress", "destinationaddress", "dstaddr", "dst"),
        *("dstaddress", "destaddr", "destaddress", "targetip", "serverip", "victimip", "dest"),
    ),
    "dst_port": (
        "dstport",
        "destport",
        "destinationport",
        "serverport",
        "targetport",
        "dpt",
        "dport",
        "canaryport",
    ),
    "hostname": (
        *(
            "hostname",
            "host",
            "computername",
            "computer",
            "devicename",
            "devicehostname",
            "agentcomputername",
        ),
        *("machinename", "endpointname", "dvchost", "canaryname", "assetname", "agentname", "agenthostname"),
        *("primaryresourcename", "instanceid", "server"),
    ),
    "device_ip": (
        *(
            "hostip",
            "deviceip",
            "deviceinternalip",
            "agentip",
            "localip",
            "internalip",
            "canaryip",
            "assetip",
        ),
        *("ip", "dvc"),
    ),
    "user": (
        *("username", "user", "useremail", "loginname", "userprincipalname", "actoremail"),
        *(
            "actorname",
            "srcuser",
            "suser",
            "deviceusername",
            "processusername",
            "account",
            "actor",
            "principal",
        ),
        *("principalname", "recipient", "email", "userid"),
    ),
    "vendor": ("vendor", "vendorname", "productvendorname", "devicevendor"),
    "product": ("product", "productname", "deviceproduct", "sourceproduct", "provider", "plogtype", "source"),
    "description": ("description", "intro", "details", "longdescription", "message", "reason", "summary"),
    "category": ("category", "classification", "alerttype", "alertcategory", "type"),
    "process_name": ("processname", "processpath", "image", "imagepath", "process", "procname", "executable"),
    "process_pid": ("processpid", "processid", "pid"),
    "cmd_line": ("commandline", "cmdline", "processcmdline", "processcommandline", "proccmdline", "command"),
    "parent_name": ("parentname", "parentprocessname", "parentimage", "processparentname", "parentprocess"),
    "file_name": ("filename", "filedisplayname", "fname", "file"),
    "file_path": ("filepath", "path", "targetfilename", "fullpath"),
    "sha256": ("sha256", "filesha256", "filehashsha256", "hashsha256", "sha256hash"),
    "md5": ("md5", "filemd5", "filehashmd5", "hashmd5", "md5hash"),
    "status": ("status", "state", "alertstatus", "workflowstatus", "resolutionstatus", "incidentstatus"),
    "action": ("action", "actiontaken", "disposition", "mitigationstatus", "policyapplied", "outcome"),
    "count": ("count", "eventcount", "occurrences", "hits", "repeatcount"),
}
"""For each field its usual names, the most telling first."""

# A name alone tells something at the top of a document and right inside one of these objects; deeper only
# together with its parent.
_WRAPPERS = frozenset(
    (
        *(
            "alert",
            "finding",
            "rule",
            "data",
            "threat",
            "threatinfo",
            "detection",
            "incident",
            "issue",
            "event",
        ),
        *("result", "payload", "attributes", "properties", "source", "fields", "detail", "record", "body"),
    )
)
_MAX_KEYS = 400
_MAX_DEPTH = 6
_MAX_KEY_CHARS = 80


class GenericMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where one source's JSON keeps its fields, as dotted paths; what is left empty is searched for.

    Raises:
        ValueError: `severity_map` names a severity that OCSF does not have.
    """

    title: str = ""
    time: str = ""
    severity: str = ""
    severity_map: dict[str, str] = {}
    """The source's own severity values (compared without case) to OCSF names: {"P1": "Critical"}."""
    uid: str = ""
    rule_uid: str = ""
    rule_name: str = ""
    src_ip: str = ""
    src_port: str = ""
    dst_ip: str = ""
    dst_port: str = ""
    hostname: str = ""
    device_ip: str = ""
    user: str = ""
    vendor: str = ""
    product: str = ""
    description: str = ""
    category: str = ""
    process_name: str = ""
    process_pid: str = ""
    cmd_line: str = ""
    parent_name: str = ""
    file_name: str = ""
    file_path: str = ""
    sha256: str = ""
    md5: str = ""
    status: str = ""
    action: str = ""
    count: str = ""

    def __post_init__(self) -> None:
        """Refuse severity names that mean nothing."""
        known = {name.lower() for name in SEVERITY_NAMES.values()}
        for native, name in self.severity_map.items():
            if name.lower() not in known:
                allowed = " ".join(SEVERITY_NAMES.values())
                raise ValueError(f"severity_map: {native!r} is mapped to {name!r}; use one of {allowed}")

    def mapped_severity(self, value: object) -> int | None:
        """The OCSF id of one of the source's own values; None where `severity_map` does not hold it."""
        wanted = str(value).strip().lower() if isinstance(value, str | int | float) else ""
        for native, name in self.severity_map.items():
            if native.strip().lower() == wanted:
                return next(
                    number for number, known in SEVERITY_NAMES.items() if known.lower() == name.lower()
                )
        return None


def mapping_for(mappings: Mapping[str, GenericMapping], source: str) -> GenericMapping | None:
    """The mapping configured for a source's name, else the one under "*", else None."""
    return mappings.get(source) or mappings.get("*")


class Lookup:
    """One document, with its keys found by what they usually mean.

    Args:
        obj: the document.
        explicit: the source's own mapping, where it has one.
        spellings: what a format's own keys mean, both sides without case and punctuation ("spt": "srcport").
    """

    def __init__(
        self,
        obj: Object,
        explicit: GenericMapping | None = None,
        spellings: Mapping[str, str] | None = None,
    ) -> None:
        self._obj = obj
        self._explicit = explicit
        self._spellings = spellings or {}
        self._named: dict[str, tuple[str, object]] = {}
        self.used: list[str] = []
        """Paths whose values were taken."""
        self._index()

    def _index(self) -> None:
        """Level by level, so that of two like-named keys the one nearer the top is found."""
        pending: deque[tuple[str, str, Object, int, bool]] = deque([("", "", self._obj, 0, True)])
        seen = 0
        while pending and seen < _MAX_KEYS:
            path, parent, here, depth, telling = pending.popleft()
            for key, value in islice(here.items(), _MAX_KEYS - seen):
                seen += 1
                name = canonical(key)
                name = self._spellings.get(name, name)
                where = f"{path}.{key}" if path else key
                if isinstance(value, dict):
                    if depth < _MAX_DEPTH:
                        inside = depth == 0 and name in _WRAPPERS
                        pending.append((where, name, value, depth + 1, inside))
                    continue
                if not _says_something(value):
                    continue
                if telling:
                    self._named.setdefault(name, (where, value))
                if parent:
                    self._named.setdefault(parent + name, (where, value))

    def all(self, field: str) -> list[tuple[str, object]]:
        """Every candidate for a field with its path, the most telling first."""
        if self._explicit is not None and (path := getattr(self._explicit, field, "")):
            value = dig(self._obj, path)
            return [(path, value)] if _says_something(value) else []
        named = self._named
        return [named[name] for name in KEYS[field] if name in named]

    def find(self, field: str) -> object:
        """The best candidate's value, None without one."""
        for path, value in self.all(field):
            self.used.append(path)
            return value
        return None

    def named(self, *names: str) -> object:
        """The value of the first of these keys (without case and punctuation) that says something."""
        for name in names:
            if name in self._named:
                path, value = self._named[name]
                self.used.append(path)
                return value
        return None


def _says_something(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and not isinstance(value[0], dict | list) and _says_something(value[0])
    return value is not None and value != "" and not isinstance(value, dict)


def canonical(key: str) -> str:
    """A key without case and punctuation."""
    return _canonical(key) if len(key) <= _MAX_KEY_CHARS else ""


@lru_cache(maxsize=4096)
def _canonical(key: str) -> str:
    return "".join([char for char in key.lower() if char.isalnum()])
