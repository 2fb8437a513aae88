"""OCSF 1.3: Detection Findings (class 2004) of an endpoint, a mail, a cloud and a container product.

The products are invented. Beside findings there are authentication records (class 3002), which are no alerts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from backend.sources.demo.draft import Moment, Rule, encode
from backend.sources.demo.world import CLOUD_ACCOUNT, CLOUD_REGION, Host, User, uuid_string

TACTICS = {
    "TA0001": "Initial Access", "TA0002": "Execution", "TA0003": "Persistence",
    "TA0004": "Privilege Escalation",
    "TA0005": "Defense Evasion", "TA0006": "Credential Access", "TA0007": "Discovery",
    "TA0008": "Lateral Movement", "TA0009": "Collection", "TA0010": "Exfiltration",
    "TA0011": "Command and Control", "TA0040": "Impact", "TA0043": "Reconnaissance",
}  # fmt: skip
"""ATT&CK tactic names, as findings carry them."""


class Product(NamedTuple):
    """Who says so."""

    vendor: str
    name: str
    version: str


IRONLEAF = Product("Ironleaf", "Ironleaf Endpoint", "7.4.1")
SEALPOST = Product("Sealpost", "Sealpost Mail Shield", "2025.3")
STRATOSCOPE = Product("Stratoscope", "Stratoscope Cloud Guard", "3.11")
KEELSON = Product("Keelson", "Keelson Runtime", "1.18.0")


class Proc(NamedTuple):
    """A process as an endpoint product reports it."""

    name: str
    path: str
    cmd_line: str
    parent: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A Detection Finding."""

    product: Product
    rule: Rule
    host: Host | None = None
    user: User | None = None
    proc: Proc | None = None
    file: tuple[str, str] | None = None
    """Path and SHA-256."""
    src: str = ""
    dst: str = ""
    dport: int = 0
    domain: str = ""
    url: str = ""
    api: str = ""
    """Cloud operation, such as `iam:AttachUserPolicy`; its presence adds the cloud object."""
    resource: tuple[str, str] | None = None
    """Type and uid of what is concerned."""
    action: str = ""
    """What the product did: Allowed, Blocked, Quarantined, Isolated."""
    message: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def severity(self) -> int:
        """The rule's."""
        return self.rule.severity

    def render(self, moment: Moment) -> bytes:
        """One line of class 2004."""
        rule, rng = self.rule, moment.rng
        event: dict[str, object] = {
            "activity_id": 1, "activity_name": "Create", "category_uid": 2, "category_name": "Findings",
            "class_uid": 2004, "class_name": "Detection Finding", "type_uid": 200401,
            "time": moment.when_ms, "severity_id": rule.severity, "severity": rule.severity_name,
            "status_id": 1, "status": "New", "is_alert": True, "message": self.message or rule.title,
            "metadata": {"version": "1.3.0", "product": _product(self.product), "uid": uuid_string(rng)},
            "finding_info": {
                "uid": uuid_string(rng), "title": rule.title, "desc": rule.about or rule.title,
                "created_time": moment.when_ms + rng.randint(40, 400),
                "analytic": {"uid": rule.uid, "name": rule.title, "type_id": 1, "type": "Rule"},
            },
        }  # fmt: skip
        if rule.attacks:
            event["attacks"] = [_attack(pair) for pair in rule.attacks]
        if self.action:
            event["action"] = self.action
        event |= self._where()
        evidence = self._evidence(rng)
        if evidence:
            event["evidences"] = [evidence]
        event["observables"] = self._observables()
        return encode({**event, **self.extra})

    def _where(self) -> dict[str, object]:
        where: dict[str, object] = {}
        if self.host:
            where["device"] = {
                "hostname": self.host.fqdn, "ip": self.host.ip,
                "type_id": 2 if self.host.os == "Windows" else 1,
                "os": {"name": self.host.os, "type_id": 100 if self.host.os == "Windows" else 200},
            }  # fmt: skip
        if self.user:
            where["actor"] = {"user": {"name": self.user.name, "email_addr": self.user.email}}
        if self.api:
            service, operation = self.api.split(":", 1)
            where["api"] = {"operation": operation, "service": {"name": service}}
            where["cloud"] = {
                "provider": "AWS", "region": CLOUD_REGION,
                "account": {"uid": CLOUD_ACCOUNT, "name": "demo-prod"}
            }  # fmt: skip
        if self.resource:
            where["resources"] = [
                {"type": self.resource[0], "uid": self.resource[1], "name": self.resource[1]}
            ]
        return where

    def _evidence(self, rng: Random) -> dict[str, object]:
        evidence: dict[str, object] = {}
        if self.proc:
            process: dict[str, object] = {
                "name": self.proc.name, "pid": rng.randint(900, 30000), "cmd_line": self.proc.cmd_line,
                "file": _file(self.proc.path, self.proc.sha256),
            }  # fmt: skip
            if self.proc.parent:
                process["parent_process"] = {"name": self.proc.parent, "pid": rng.randint(400, 9000)}
            evidence["process"] = process
        if self.file:
            evidence["file"] = _file(*self.file)
        if self.src:
            evidence["src_endpoint"] = {"ip": self.src}
        if self.dst:
            target: dict[str, object] = {"ip": self.dst, "port": self.dport}
            evidence["dst_endpoint"] = target | ({"hostname": self.domain} if self.domain else {})
        if self.url:
            evidence["url"] = {"url_string": self.url}
        return evidence

    def _observables(self) -> list[dict[str, object]]:
        found = [
            (1, "Hostname", "device.hostname", self.host.fqdn if self.host else ""),
            (1, "Hostname", "evidences.dst_endpoint.hostname", self.domain),
            (2, "IP Address", "evidences.src_endpoint.ip", self.src),
            (2, "IP Address", "evidences.dst_endpoint.ip", self.dst),
            (4, "User Name", "actor.user.name", self.user.name if self.user else ""),
            (6, "URL String", "evidences.url.url_string", self.url),
            (8, "Hash", "evidences.process.file.hashes", self.proc.sha256 if self.proc else ""),
            (8, "Hash", "evidences.file.hashes", self.file[1] if self.file else ""),
        ]
        return [{"type_id": n, "type": kind, "name": name, "value": v} for n, kind, name, v in found if v]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logon:
    """An authentication record (class 3002): telemetry."""

    user: User
    host: Host
    src: str

    @property
    def severity(self) -> int:
        """No alert."""
        return -1

    def render(self, moment: Moment) -> bytes:
        """One line of class 3002."""
        return encode({
            "activity_id": 1, "activity_name": "Logon", "category_uid": 3, "class_uid": 3002,
            "class_name": "Authentication", "type_uid": 300201, "time": moment.when_ms, "severity_id": 1,
            "severity": "Informational", "status_id": 1, "status": "Success",
            "metadata": {"version": "1.3.0", "product": _product(IRONLEAF), "uid": uuid_string(moment.rng)},
            "user": {"name": self.user.name}, "src_endpoint": {"ip": self.src},
            "dst_endpoint": {"hostname": self.host.fqdn, "ip": self.host.ip}, "logon_type_id": 3,
        })  # fmt: skip


def _product(product: Product) -> dict[str, object]:
    return {"vendor_name": product.vendor, "name": product.name, "version": product.version}


def _file(path: str, sha256: str) -> dict[str, object]:
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    file: dict[str, object] = {"name": name, "path": path, "type_id": 1}
    if sha256:
        file["hashes"] = [{"algorithm_id": 3, "algorithm": "SHA-256", "value": sha256}]
    return file


def _attack(pair: str) -> dict[str, object]:
    technique, tactic = pair.split("/")
    return {
        "version": "16.1", "technique": {"uid": technique}, "tactic": {"uid": tactic, "name": TACTICS[tactic]}
    }  # fmt: skip
