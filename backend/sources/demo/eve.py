"""Suricata EVE: alerts, and the flow, dns, http and tls records that sensors write beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from backend.sources.demo.draft import Moment, Rule, encode
from backend.sources.demo.names import DOMAIN

_SIGNATURE_SEVERITY = {5: "Critical", 4: "Major", 2: "Minor", 1: "Informational"}
"""`metadata.signature_severity`; a medium rule carries none and is read from `alert.severity` 2."""
_ALERT_SEVERITY = {5: 1, 4: 1, 3: 2, 2: 3, 1: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class EveAlert:
    """An alert of a network sensor."""

    rule: Rule
    src: str
    dst: str
    dport: int
    sport: int = 0
    """0 draws an ephemeral port each time."""
    proto: str = "TCP"
    app: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    """Further top-level keys, such as `http` or `dns`."""
    action: str = "allowed"
    bytes_out: int = 0
    """Bytes to the server; 0 draws a small flow."""

    @property
    def severity(self) -> int:
        """The rule's."""
        return self.rule.severity

    def render(self, moment: Moment) -> bytes:
        """One EVE line of `event_type` alert."""
        rule = self.rule
        metadata: dict[str, list[str]] = {
            "attack_target": ["Server" if self.dport < 1024 else "Client_Endpoint"]
        }
        if rule.severity in _SIGNATURE_SEVERITY:
            metadata["signature_severity"] = [_SIGNATURE_SEVERITY[rule.severity]]
        if rule.attacks:
            metadata["mitre_technique_id"] = rule.techniques()
            metadata["mitre_tactic_id"] = rule.tactics()
        event = _envelope(
            moment, "alert", src=self.src, dst=self.dst, sport=self.sport, dport=self.dport, proto=self.proto
        )
        event["alert"] = {
            "action": self.action, "gid": 1, "signature_id": int(rule.uid), "rev": 1 + int(rule.uid) % 4,
            "signature": rule.title, "category": rule.about, "severity": _ALERT_SEVERITY[rule.severity],
            "metadata": metadata,
        }  # fmt: skip
        if self.app:
            event["app_proto"] = self.app
        event |= self.detail
        event["flow"] = _flow(moment, self.bytes_out)
        return encode(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class EveEvent:
    """A sensor's record of ordinary traffic."""

    kind: str
    """flow, dns, http, tls or fileinfo."""
    src: str
    dst: str
    dport: int
    proto: str = "TCP"
    app: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)

    @property
    def severity(self) -> int:
        """No alert."""
        return -1

    def render(self, moment: Moment) -> bytes:
        """One EVE line of another `event_type`."""
        event = _envelope(
            moment, self.kind, src=self.src, dst=self.dst, sport=0, dport=self.dport, proto=self.proto
        )
        if self.app:
            event["app_proto"] = self.app
        event |= self.detail
        if self.kind == "flow":
            event["flow"] = _flow(moment, 0) | {"state": "closed", "reason": "timeout", "alerted": False}
        return encode(event)


def http(
    host: str, url: str, agent: str, *, method: str = "GET", status: int = 200, length: int = 0
) -> dict[str, object]:
    """The `http` object of an EVE record."""
    request: dict[str, object] = {
        "hostname": host, "url": url, "http_user_agent": agent, "http_method": method, "protocol": "HTTP/1.1",
        "status": status, "length": length,
    }  # fmt: skip
    return {"http": request}


def tls(sni: str, subject: str, issuer: str, ja3: str, version: str = "TLS 1.2") -> dict[str, object]:
    """The `tls` object of an EVE record."""
    return {
        "tls": {"sni": sni, "subject": subject, "issuerdn": issuer, "version": version, "ja3": {"hash": ja3}}
    }


def dns(name: str, rrtype: str = "A") -> dict[str, object]:
    """The `dns` object of an EVE record: a query."""
    return {
        "dns": {
            "type": "query",
            "rrname": name,
            "rrtype": rrtype,
            "query": [{"rrname": name, "rrtype": rrtype}],
        }
    }


def eve_time(when_ms: int, micros: int) -> str:
    """Suricata's own time format: six digits and an offset without a colon."""
    stamp = datetime.fromtimestamp(when_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{when_ms % 1000:03d}{micros:03d}+0000"


def _envelope(
    moment: Moment, kind: str, *, src: str, dst: str, sport: int, dport: int, proto: str
) -> dict[str, object]:
    rng = moment.rng
    dmz = src.startswith("172.16.") or dst.startswith("172.16.")
    event: dict[str, object] = {
        "timestamp": eve_time(moment.when_ms, rng.randrange(1000)),
        "flow_id": rng.getrandbits(50),
        "in_iface": "eth2" if dmz else "eth1",
        "event_type": kind,
        "src_ip": src,
        "src_port": sport or _ephemeral(rng),
        "dest_ip": dst,
        "dest_port": dport,
        "proto": proto,
        "host": f"{'sensor-dmz' if dmz else 'sensor-core'}.{DOMAIN}",
    }
    if proto == "ICMP":
        del event["src_port"], event["dest_port"]
    return event


def _ephemeral(rng: Random) -> int:
    return rng.randint(49152, 65535)


def _flow(moment: Moment, bytes_out: int) -> dict[str, object]:
    rng = moment.rng
    out = bytes_out or rng.randint(180, 9000)
    back = rng.randint(120, 24000)
    return {
        "pkts_toserver": out // 700 + 2, "pkts_toclient": back // 900 + 2,
        "bytes_toserver": out, "bytes_toclient": back,
        "start": eve_time(moment.when_ms - rng.randint(20, 900), rng.randrange(1000)),
    }  # fmt: skip
