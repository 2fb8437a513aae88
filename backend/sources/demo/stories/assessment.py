"""The red herring: all an intruder would do, from a host that the asset register gives to the pen-test."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo.draft import Beat, Rule, repeated
from backend.sources.demo.eve import EveAlert
from backend.sources.demo.inhouse import Gatehouse
from backend.sources.demo.ocsf import IRONLEAF, Finding, Proc
from backend.sources.demo.world import World

SWEEP = Rule(
    "9100501",
    "NDR SCAN TCP port sweep against single server",
    2,
    ("T1046/TA0007",),
    "Attempted Information Leak",
)
ENUMERATE = Rule(
    "9100502",
    "NDR POLICY LDAP enumeration of service principal names",
    3,
    ("T1087.002/TA0007",),
    "Potential Corporate Privacy Violation",
)
ROAST = Rule(
    "9100503",
    "NDR CREDENTIALS Kerberoasting, burst of RC4 service tickets",
    4,
    ("T1558.003/TA0006",),
    "Credential Theft",
)
RELAY = Rule(
    "9100504",
    "NDR CREDENTIALS NTLM relay to file server",
    4,
    ("T1557.001/TA0006",),
    "Credential Theft",
)
REPLICATE = Rule(
    "IL-1410",
    "DCSync: directory replication by non-domain-controller",
    5,
    ("T1003.006/TA0006",),
    "Replication hands out the password hashes of every account.",
)
TOOL = Rule("IL-1420", "Known offensive tool in memory", 3, ("T1059.006/TA0002",))
SIGN_OUT = Rule("GH-905", "Assessment account signed out at the end of its window", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about four minutes."""
    tester, controller, files = world.host("rt-01"), world.host("dc-01"), world.host("fs-01")
    operator = tester.owner
    target = rng.choice((controller, files, world.host("dc-02")))

    def wire(rule: Rule, dst: str, dport: int) -> EveAlert:
        return EveAlert(rule=rule, src=tester.ip, dst=dst, dport=dport)

    yield from repeated(wire(SWEEP, target.ip, rng.choice((135, 139, 5985))), 0, 7, 3)
    yield Beat(30, wire(ENUMERATE, controller.ip, 389))
    yield Beat(64, wire(ROAST, controller.ip, 88))
    yield Beat(
        98,
        Finding(
            product=IRONLEAF,
            rule=TOOL,
            host=tester,
            user=operator,
            action="Allowed",
            proc=Proc("python3", "/usr/bin/python3", "python3 relay.py --scope CHG-20417", "tmux"),
        ),
    )
    yield Beat(116, wire(RELAY, files.ip, 445))
    yield Beat(
        176,
        Finding(
            product=IRONLEAF,
            rule=REPLICATE,
            host=controller,
            user=operator,
            src=tester.ip,
            action="Allowed",
            message=f"Replication request from {tester.fqdn} ({tester.ip})",
        ),
    )
    yield Beat(
        236,
        Gatehouse(
            rule=SIGN_OUT,
            user=operator,
            src=tester.ip,
            outcome="SUCCESS",
            note="Window CHG-20417, as approved",
        ),
    )
