"""A mailbox taken over by consent, hidden rules, changed bank details, and a payment to a stranger."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo.draft import Beat, Rule
from backend.sources.demo.inhouse import Gatehouse, Tollgate
from backend.sources.demo.ocsf import SEALPOST, Finding
from backend.sources.demo.world import World, outside_domain, outside_ip

LURE = Rule("SP-110", "Link to a look-alike sign-in page followed", 3, ("T1566.002/TA0001",))
CONSENT = Rule("GH-150", "OAuth consent to application with mailbox access", 3, ("T1528/TA0006",))
HIDING = Rule(
    "SP-310",
    "Suspicious inbox rule hides finance replies",
    4,
    ("T1564.008/TA0005",),
    "Rules with this pattern are made by people who do not want the owner to see an answer.",
)
FORWARD = Rule("SP-311", "Mailbox forwards to an outside address", 3, ("T1114.003/TA0009",))
THREAD = Rule(
    "SP-320", "Payment details changed in existing mail thread", 4, ("T1656/TA0005", "T1534/TA0008")
)
PAYMENT = Rule(
    "TG-060",
    "Payment batch to a new beneficiary released outside the payment run",
    5,
    ("T1657/TA0040",),
    "Beneficiary added and paid in one session, below the limit that asks for a third person.",
)
VOLUME = Rule("SP-120", "Many recipients outside the usual circle in one hour", 2, ("T1534/TA0008",))
REVOKED = Rule("GH-901", "Application consent revoked by policy", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about five minutes."""
    desk = rng.choice(world.desks("finance"))
    user, erp = desk.owner, world.host("erp-01")
    lookalike, supplier, intruder = outside_domain(rng), outside_domain(rng), outside_ip(rng)
    amount = rng.randint(18, 49) * 1000 + rng.randint(100, 900)

    def mail(rule: Rule, message: str, url: str = "") -> Finding:
        return Finding(
            product=SEALPOST, rule=rule, user=user, src=intruder, url=url, action="Allowed", message=message
        )

    yield Beat(
        0,
        Finding(
            product=SEALPOST,
            rule=LURE,
            host=desk,
            user=user,
            action="Allowed",
            url=f"https://{lookalike}/signin",
            domain=lookalike,
            dst=intruder,
            dport=443,
        ),
    )
    yield Beat(
        34,
        Gatehouse(
            rule=CONSENT,
            user=user,
            src=intruder,
            outcome="SUCCESS",
            note="Application 'Mail Insights' may read and send mail",
        ),
    )
    yield Beat(
        72, mail(HIDING, f"Rule '.' of {user.email}: subject holds invoice or bank, move to RSS Archive")
    )
    yield Beat(98, mail(FORWARD, f"{user.email} forwards to ledger@{lookalike}"))
    yield Beat(142, mail(THREAD, f"New account number sent to accounts@{supplier} from {user.email}"))
    yield Beat(168, mail(VOLUME, f"{rng.randint(40, 160)} messages from {user.email}"))
    yield Beat(
        196,
        Tollgate(
            rule=PAYMENT,
            user=user,
            host=erp,
            dst=intruder,
            size=0,
            note=f"EUR {amount} released by {user.name} to a beneficiary added 4 minutes ago",
        ),
    )
    yield Beat(274, Gatehouse(rule=REVOKED, user=user, src=intruder, outcome="DENIED"))
