"""What is no alert: flows, look-ups, requests and log-ons; and, rarely, a line that nobody can read."""

from dataclasses import dataclass
from random import Random

from backend.sources.demo import eve
from backend.sources.demo.draft import Draft, Moment
from backend.sources.demo.eve import EveEvent
from backend.sources.demo.noise_wire import everyday_browser
from backend.sources.demo.ocsf import Logon
from backend.sources.demo.world import Host, World, dice, hex_string, outside_domain, regular_ip


def ordinary(world: World, rng: Random) -> Draft:
    """One record of ordinary traffic or work."""
    desk = rng.choice(world.workstations)
    site = dice("site", world.seed, rng.randint(1, 40))
    peer, name = regular_ip(site), f"www.{outside_domain(site)}"
    kind = rng.choices(("flow", "dns", "http", "tls", "logon"), (4, 4, 2, 3, 2))[0]
    if kind == "logon":
        return Logon(user=desk.owner, host=rng.choice(world.hosts[:12]), src=desk.ip)
    return _traffic(world, desk, kind, peer, name)


def _traffic(world: World, desk: Host, kind: str, peer: str, name: str) -> Draft:
    if kind == "dns":
        return EveEvent(
            kind="dns", src=desk.ip, dst=world.host("dns-01").ip, dport=53, proto="UDP", detail=eve.dns(name)
        )
    if kind == "http":
        return EveEvent(
            kind="http", src=desk.ip, dst=peer, dport=80, detail=eve.http(name, "/", everyday_browser())
        )
    if kind == "tls":
        ja3 = hex_string(dice("ja3", desk.name), 32)
        return EveEvent(
            kind="tls",
            src=desk.ip,
            dst=peer,
            dport=443,
            detail=eve.tls(name, f"CN={name}", "CN=Demo Public CA", ja3, "TLS 1.3"),
        )
    return EveEvent(kind="flow", src=desk.ip, dst=peer, dport=443, app="tls")


@dataclass(frozen=True, slots=True)
class Torn:
    """A line damaged on its way, to be seen among the dead letters: cut short, or not UTF-8."""

    whole: Draft

    @property
    def severity(self) -> int:
        """No alert: nobody can read it."""
        return -1

    def render(self, moment: Moment) -> bytes:
        """The whole line, damaged."""
        line = self.whole.render(moment)
        cut = moment.rng.randint(len(line) // 3, len(line) - 20)
        if moment.rng.random() < 0.7:
            return line[:cut]
        return line[:cut] + b"\xff\xfe" + line[cut:-1]
