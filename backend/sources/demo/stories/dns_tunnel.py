"""An insider carries design files out, a label at a time, over DNS."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo import eve
from backend.sources.demo.draft import Beat, Rule
from backend.sources.demo.eve import EveAlert
from backend.sources.demo.inhouse import Gatehouse, Tollgate
from backend.sources.demo.ocsf import IRONLEAF, Finding, Proc
from backend.sources.demo.world import World, hex_string, outside_domain, outside_ip

COPY = Rule("TG-020", "Unusually many files copied from the design share", 2, ("T1039/TA0009",))
ARCHIVE = Rule("IL-1702", "Encrypted archive created by command-line tool", 3, ("T1560.001/TA0009",))
LABELS = Rule(
    "9100401",
    "NDR DNS High-entropy subdomain labels under one parent domain",
    2,
    ("T1071.004/TA0011",),
    "Potentially Bad Traffic",
)
TUNNEL = Rule(
    "9100402",
    "NDR DNS Tunnelling pattern in TXT query volume and entropy",
    4,
    ("T1071.004/TA0011", "T1048/TA0010"),
    "Data Exfiltration",
)
LEAVER = Rule("GH-160", "Leaver account active outside usual hours", 3, ("T1078.002/TA0005",))
FINGERPRINT = Rule(
    "TG-031", "Fingerprints of classified drawings in an archive on a workstation", 4, ("T1005/TA0009",)
)
MATCHED = Rule(
    "TG-040",
    "Crown-jewel design data leaving through name resolution",
    5,
    ("T1048/TA0010",),
    "Volume over DNS matches the size of an archive that holds classified drawings.",
)
BLOCKED = Rule("TG-900", "Destination added to the resolver's block list", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about six minutes."""
    desk = rng.choice([host for host in world.desks("engineering") if host.os == "Linux"])
    user, resolver = desk.owner, world.host("dns-01")
    domain, far_end = outside_domain(rng), outside_ip(rng)
    archive, digest = f"holiday-{rng.randint(1, 9)}.7z", hex_string(rng, 64)
    size = rng.randint(280, 520) * 1_000_000

    def lookup(rule: Rule, rrtype: str) -> EveAlert:
        return EveAlert(
            rule=rule,
            src=desk.ip,
            dst=resolver.ip,
            dport=53,
            proto="UDP",
            app="dns",
            detail=eve.dns(f"{hex_string(rng, 48)}.{hex_string(rng, 40)}.{domain}", rrtype),
        )

    yield Beat(
        0,
        Tollgate(
            rule=COPY,
            user=user,
            host=desk,
            size=size + 61_000_000,
            note=f"{rng.randint(700, 2400)} files from the design share in 11 minutes",
        ),
    )
    yield Beat(
        42,
        Finding(
            product=IRONLEAF,
            rule=ARCHIVE,
            host=desk,
            user=user,
            file=(f"/home/{user.name}/{archive}", digest),
            proc=Proc("7z", "/usr/bin/7z", f"7z a -p -mhe=on {archive} drawings/", "bash"),
        ),
    )
    for second in (88, 104, 121, 139, 170, 204, 241):
        yield Beat(second, lookup(LABELS, "A"))
    yield Beat(152, lookup(TUNNEL, "TXT"))
    yield Beat(190, Gatehouse(rule=LEAVER, user=user, src=desk.ip, outcome="SUCCESS"))
    yield Beat(206, Tollgate(rule=FINGERPRINT, user=user, host=desk, file_name=archive, size=size))
    yield Beat(
        236,
        Tollgate(
            rule=MATCHED,
            user=user,
            host=desk,
            dst=far_end,
            domain=domain,
            file_name=archive,
            size=size,
            note=f"About {size // 1_000_000} MB in TXT queries below {domain}",
        ),
    )
    yield Beat(290, Tollgate(rule=BLOCKED, user=user, host=desk, domain=domain))
