"""Generic JSON of the company's own tools, each with its own idea of names, times and severities.

Gatehouse guards sign-in, Tollgate watches data that leaves, Buildwarden the build system. Doorman, the badge
system, grades by colour, which no severity table knows: its alerts show what an unmapped scale looks like.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.clock import iso
from backend.sources.demo.draft import Moment, Rule, encode
from backend.sources.demo.world import Host, User, hex_string


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatehouse:
    """A sign-in alert: ISO time, severity as a word."""

    rule: Rule
    user: User | None
    src: str
    outcome: str = "FAILURE"
    agent: str = ""
    count: int = 1
    note: str = ""

    @property
    def severity(self) -> int:
        """The rule's."""
        return self.rule.severity

    def render(self, moment: Moment) -> bytes:
        """One Gatehouse line."""
        event: dict[str, object] = {
            "vendor": "Larkfield IT", "product": "Gatehouse", "id": f"gh-{hex_string(moment.rng, 12)}",
            "event_time": iso(moment.when_ms), "severity": self.rule.severity_name.lower(),
            "title": self.rule.title, "rule_id": self.rule.uid, "description": self.note or self.rule.about,
            "src_ip": self.src, "outcome": self.outcome, "count": self.count,
        }  # fmt: skip
        if self.user:
            event |= {"user": self.user.name, "email": self.user.email}
        if self.agent:
            event["user_agent"] = self.agent
        return encode(event | _techniques(self.rule))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tollgate:
    """A data-protection alert: epoch milliseconds, severity as `risk`."""

    rule: Rule
    user: User
    host: Host
    dst: str = ""
    domain: str = ""
    file_name: str = ""
    size: int = 0
    note: str = ""

    @property
    def severity(self) -> int:
        """The rule's."""
        return self.rule.severity

    def render(self, moment: Moment) -> bytes:
        """One Tollgate line."""
        event: dict[str, object] = {
            "product": "Tollgate", "vendor": "Larkfield IT",
            "alert_id": f"TG{moment.rng.randrange(10**9):09d}",
            "timestamp": moment.when_ms, "risk": self.rule.severity_name.upper(), "name": self.rule.title,
            "rule_id": self.rule.uid, "message": self.note or self.rule.about or self.rule.title,
            "username": self.user.name, "hostname": self.host.fqdn, "src_ip": self.host.ip,
        }  # fmt: skip
        optional = {
            "dst_ip": self.dst,
            "dst_host": self.domain,
            "file_name": self.file_name,
            "bytes": self.size,
        }
        return encode(
            event | {key: value for key, value in optional.items() if value} | _techniques(self.rule)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildwarden:
    """A build-system alert: nested, time in seconds as a float."""

    rule: Rule
    host: Host
    user: User | None = None
    repo: str = "portal"
    job: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def severity(self) -> int:
        """The rule's."""
        return self.rule.severity

    def render(self, moment: Moment) -> bytes:
        """One Buildwarden line."""
        event: dict[str, object] = {
            "tool": "buildwarden", "vendor": "Larkfield IT", "product": "Buildwarden",
            "ts": moment.when_ms / 1000,
            "severity": self.rule.severity_name, "title": self.rule.title, "rule_id": self.rule.uid,
            "message": self.rule.about or self.rule.title, "hostname": self.host.fqdn, "ip": self.host.ip,
            "build": {"repo": self.repo, "job": self.job or f"{self.repo}#{moment.rng.randint(4000, 9000)}"},
            "id": hex_string(moment.rng, 16),
        }  # fmt: skip
        if self.user:
            event["user"] = self.user.name
        return encode({**event, **self.detail, **_techniques(self.rule)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorman:
    """A badge-reader alert, graded green, amber or violet: its severity reads as Unknown."""

    rule_uid: str
    title: str
    grade: str
    user: User
    door: str

    @property
    def severity(self) -> int:
        """Unknown."""
        return 0

    def render(self, moment: Moment) -> bytes:
        """One Doorman line."""
        return encode({
            "product": "Doorman", "vendor": "Larkfield Facilities",
            "id": f"dm-{moment.rng.randrange(10**7):07d}", "rule_id": self.rule_uid,
            "created_at": iso(moment.when_ms), "level": self.grade,
            "title": self.title, "user": self.user.name,
            "door": self.door,
        })  # fmt: skip


def _techniques(rule: Rule) -> dict[str, object]:
    return {"mitre": {"techniques": rule.techniques(), "tactics": rule.tactics()}} if rule.attacks else {}
