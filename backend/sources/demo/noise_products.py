"""Noise that endpoint, mail, cloud and in-house products make."""

from random import Random

from backend.sources.demo.draft import Draft, Rule
from backend.sources.demo.inhouse import Buildwarden, Doorman, Gatehouse, Tollgate
from backend.sources.demo.ocsf import IRONLEAF, KEELSON, SEALPOST, STRATOSCOPE, Finding, Proc
from backend.sources.demo.world import CLOUD_ACCOUNT, World, dice, hex_string, outside_domain, regular_ip

FAILED = Rule("GH-010", "Failed sign-in: wrong password", 1, ("T1110.001/TA0006",))
FAILED_MORE = Rule("GH-011", "Ten failed sign-ins for one account", 2, ("T1110.001/TA0006",))
STALE = Rule("GH-012", "Sign-in with an expired password from a phone", 2)
DEVICE = Rule("GH-020", "First sign-in from a new device", 3, ("T1078.004/TA0001",))
TRAVEL = Rule("GH-021", "Impossible travel", 4, ("T1078.004/TA0001",))
UNWANTED = Rule("IL-0310", "Potentially unwanted program quarantined", 2)
SCRIPT = Rule("IL-0320", "PowerShell script with execution policy bypass", 3, ("T1059.001/TA0002",))
USB = Rule("IL-0330", "Removable storage attached", 1, ("T1052.001/TA0010",))
AGENT = Rule("IL-0340", "Endpoint agent two versions behind", 1)
TOOLKIT = Rule("IL-0350", "Password recovery tool on disk", 4, ("T1003/TA0006",))
REWRITES = Rule(
    "IL-0360",
    "Mass file modification by single process",
    4,
    ("T1486/TA0040",),
    "One process changed several thousand files in a minute.",
)
REMOTE = Rule("IL-0370", "Remote service creation", 4, ("T1569.002/TA0002", "T1021.002/TA0008"))
BULK = Rule("SP-010", "Bulk mail with a shortened link delivered", 2, ("T1566.002/TA0001",))
POSTURE = (
    Rule("SC-010", "Storage bucket without versioning", 2),
    Rule("SC-011", "Security group allows administration from any address", 3),
    Rule("SC-012", "Access key older than 90 days", 3),
    Rule("SC-013", "Console user without a second factor", 3),
    Rule("SC-014", "Snapshot not encrypted", 2),
)  # fmt: skip
PERSONAL = Rule("TG-005", "Document attached to personal webmail", 3, ("T1567/TA0010",))
CARDS = Rule("TG-006", "Possible payment card numbers in upload", 3)
SECRET = Rule(
    "BW-005",
    "Potential secret in commit",
    3,
    ("T1552.001/TA0006",),
    "Matched in tests/fixtures, where invented keys live.",
)
UNSIGNED = Rule("BW-006", "Unsigned build on feature branch", 2)
SHELL = Rule("KR-050", "Interactive shell in pod via exec", 3, ("T1059.004/TA0002",))

BADGES = (
    ("DM-1", "Badge refused twice"),
    ("DM-2", "Door held open"),
    ("DM-3", "Badge used on two floors within a minute"),
)
_DOORS = ("main entrance", "server room", "goods lift", "car park")


def failed_sign_ins(world: World, rng: Random) -> Draft:
    """People mistype."""
    user = rng.choice(world.users)
    rule = FAILED if rng.random() < 0.7 else FAILED_MORE
    desk = rng.choice(world.workstations)
    return Gatehouse(rule=rule, user=user, src=desk.ip, count=1 if rule is FAILED else 10)


def stale_password(world: World, rng: Random) -> Draft:
    """Three people whose phones still hold the old password."""
    user = rng.choice(world.people("sales")[3:6])
    return Gatehouse(
        rule=STALE,
        user=user,
        src=regular_ip(dice("phone", world.seed, user.name)),
        agent="DemoMail/12 (phone)",
        count=rng.randint(3, 9),
    )


def new_device(world: World, rng: Random) -> Draft:
    """A new laptop."""
    return Gatehouse(rule=DEVICE, user=rng.choice(world.users), src=regular_ip(rng), outcome="SUCCESS")


def far_travel(world: World, rng: Random) -> Draft:
    """A salesperson whose mobile network comes out abroad."""
    user = rng.choice(world.people("sales")[:2])
    return Gatehouse(
        rule=TRAVEL,
        user=user,
        src=regular_ip(dice("roaming", world.seed, user.name)),
        outcome="SUCCESS",
        note="Office network and a mobile carrier, 40 minutes apart",
    )


def unwanted_program(world: World, rng: Random) -> Draft:
    """Toolbars."""
    desk = rng.choice([*world.desks("sales"), *world.desks("people")][:5])
    name = rng.choice(("pdf-helper.exe", "coupon-finder.exe", "driver-doctor.exe"))
    digest = hex_string(dice("pup", world.seed, name), 64)
    return Finding(
        product=IRONLEAF,
        rule=UNWANTED,
        host=desk,
        user=desk.owner,
        action="Quarantined",
        file=(f"C:\\Users\\{desk.owner.name}\\Downloads\\{name}", digest),
    )


def admin_script(world: World, rng: Random) -> Draft:
    """Inventory, run by the people who run it every day."""
    admin, desk = rng.choice(world.admins()), rng.choice(world.desks("it"))
    return Finding(
        product=IRONLEAF,
        rule=SCRIPT,
        host=desk,
        user=admin,
        action="Allowed",
        proc=Proc(
            "powershell.exe",
            "C:\\Windows\\System32\\powershell.exe",
            "powershell -ExecutionPolicy Bypass -File C:\\IT\\inventory.ps1",
            "taskeng.exe",
        ),
    )


def usb_stick(world: World, rng: Random) -> Draft:
    """Sticks."""
    desk = rng.choice(world.desks("engineering"))
    return Finding(product=IRONLEAF, rule=USB, host=desk, user=desk.owner, action="Allowed")


def old_agent(world: World, rng: Random) -> Draft:
    """Agents that did not update."""
    host = world.host(rng.choice(("mon-01", "wiki-01", "print-01")))
    return Finding(product=IRONLEAF, rule=AGENT, host=host)


def it_toolkit(world: World, rng: Random) -> Draft:
    """The help desk's own recovery kit."""
    desk = world.desks("it")[0]
    path = f"C:\\IT\\toolkit\\pwdrecover-{rng.randint(1, 3)}.exe"
    return Finding(
        product=IRONLEAF,
        rule=TOOLKIT,
        host=desk,
        user=desk.owner,
        action="Allowed",
        file=(path, hex_string(dice("kit", world.seed, path), 64)),
    )


def backup_rewrites(world: World, rng: Random) -> Draft:
    """The backup job."""
    host = world.host("backup-01")
    volume = rng.choice(("finance", "design", "mail"))
    return Finding(
        product=IRONLEAF,
        rule=REWRITES,
        host=host,
        user=world.service("svc-backup"),
        action="Allowed",
        proc=Proc(
            "backupd",
            "/opt/backup/bin/backupd",
            f"backupd --rotate --volume {volume}",
            "systemd",
            hex_string(dice("backupd", world.seed), 64),
        ),
    )


def remote_service(world: World, rng: Random) -> Draft:
    """Administration from the jump host."""
    jump, admin = world.host("jump-01"), rng.choice(world.admins())
    target = world.host(rng.choice(("fs-01", "upd-01", "print-01")))
    return Finding(
        product=IRONLEAF,
        rule=REMOTE,
        host=target,
        user=admin,
        src=jump.ip,
        action="Allowed",
        proc=Proc(
            "services.exe",
            "C:\\Windows\\System32\\services.exe",
            "services.exe DemoInventoryAgent",
            "wininit.exe",
        ),
    )


def bulk_mail(world: World, rng: Random) -> Draft:
    """Newsletters."""
    user = rng.choice(world.users)
    return Finding(
        product=SEALPOST,
        rule=BULK,
        user=user,
        action="Allowed",
        url=f"https://{outside_domain(rng)}/{hex_string(rng, 6)}",
    )


def posture(world: World, rng: Random) -> Draft:
    """What cloud posture tools find every day."""
    rule = rng.choice(POSTURE)
    name = rng.choice(("demo-logs", "demo-static", "demo-sandbox", "demo-batch"))
    return Finding(
        product=STRATOSCOPE,
        rule=rule,
        api="config:Evaluate",
        extra={"status_code": "FAIL"},
        resource=("AwsResource", f"arn:aws:demo::{CLOUD_ACCOUNT}:{name}"),
    )


def personal_mail(world: World, rng: Random) -> Draft:
    """Somebody sends a document home."""
    desk = rng.choice(world.desks("people") if rng.random() < 0.5 else world.desks("sales"))
    return Tollgate(
        rule=PERSONAL,
        user=desk.owner,
        host=desk,
        domain=f"mail.{outside_domain(rng)}",
        file_name=rng.choice(("timesheet.xlsx", "cv-draft.docx", "travel.pdf")),
        size=rng.randint(20, 900) * 1000,
    )


def card_numbers(world: World, rng: Random) -> Draft:
    """Order numbers that happen to satisfy the checksum."""
    desk = world.desks("finance")[rng.randint(0, 1)]
    return Tollgate(
        rule=CARDS,
        user=desk.owner,
        host=desk,
        domain="orders.partner-portal.example",
        file_name="orders-week.csv",
        size=rng.randint(80, 400) * 1000,
    )


def test_secret(world: World, rng: Random) -> Draft:
    """Keys in test data."""
    return Buildwarden(
        rule=SECRET,
        host=world.host("git-01"),
        user=rng.choice(world.people("engineering")[:6]),
        repo=rng.choice(("portal", "billing")),
        detail={"file": "tests/fixtures/keys.json"},
    )


def unsigned_build(world: World, rng: Random) -> Draft:
    """Feature branches."""
    return Buildwarden(
        rule=UNSIGNED,
        host=world.host(rng.choice(("runner-01", "runner-02"))),
        user=world.service("svc-deploy"),
        repo=rng.choice(("portal", "telemetry-agent")),
    )


def pod_shell(world: World, rng: Random) -> Draft:
    """An engineer debugs in the cluster."""
    user = rng.choice(world.people("engineering")[:3])
    return Finding(
        product=KEELSON,
        rule=SHELL,
        host=world.host("k8s-node-02"),
        user=user,
        action="Allowed",
        proc=Proc("bash", "/bin/bash", "bash -il", "kubectl-exec"),
        resource=("Pod", "portal-staging-0"),
    )


def badge(world: World, rng: Random) -> Draft:
    """A badge that the reader did not like."""
    uid, title = rng.choice(BADGES)
    return Doorman(
        rule_uid=uid,
        title=title,
        grade=rng.choice(("green", "amber", "amber", "violet")),
        user=rng.choice(world.users),
        door=rng.choice(_DOORS),
    )
