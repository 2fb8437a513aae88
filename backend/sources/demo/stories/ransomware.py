"""A macro document, a beacon, stolen credentials, the file server: ransomware in the making."""

from collections.abc import Iterator
from random import Random

from backend.sources.demo import eve
from backend.sources.demo.draft import Beat, Rule, repeated
from backend.sources.demo.eve import EveAlert
from backend.sources.demo.ocsf import IRONLEAF, SEALPOST, Finding, Proc
from backend.sources.demo.world import Host, World, hex_string, outside_domain, outside_ip

MAIL = Rule(
    "SP-204",
    "Attachment with macro delivered before its verdict was known",
    3,
    ("T1566.001/TA0001",),
    "The sandbox finished after delivery and now calls the attachment suspicious.",
)
OPENED = Rule("IL-1002", "Document from mail opened with active content enabled", 2, ("T1204.002/TA0002",))
MACRO = Rule(
    "IL-1010",
    "Office application spawned hidden PowerShell",
    4,
    ("T1204.002/TA0002", "T1059.001/TA0002"),
)
BEACON_HINT = Rule(
    "9100201",
    "NDR MALWARE Periodic TLS beaconing to newly seen host",
    3,
    ("T1071.001/TA0011",),
    "Malware Command and Control Activity Detected",
)
BEACON = Rule(
    "9100202",
    "NDR MALWARE Post-exploitation framework beacon (JA3 and certificate)",
    5,
    ("T1071.001/TA0011", "T1573.002/TA0011"),
    "Malware Command and Control Activity Detected",
)
LSASS = Rule("IL-1401", "LSASS memory access by unsigned module", 4, ("T1003.001/TA0006",))
SMB = Rule(
    "9100203",
    "NDR LATERAL PE file written to ADMIN$ share by workstation",
    4,
    ("T1021.002/TA0008", "T1569.002/TA0002"),
    "Lateral Movement",
)
SERVICE = Rule("IL-1512", "Randomly named service installed from ADMIN$", 3, ("T1543.003/TA0003",))
SHADOW = Rule(
    "IL-1801",
    "Volume shadow copies deleted",
    5,
    ("T1490/TA0040",),
    "All restore points of the volume were removed in one command: usual minutes before encryption.",
)
STOPPED = Rule("IL-1804", "Backup services stopped in quick succession", 4, ("T1489/TA0040",))
CANARY = Rule(
    "IL-1810",
    "Ransomware behaviour: canary files encrypted",
    5,
    ("T1486/TA0040",),
    "Decoy files that no person opens were changed by one process.",
)
ISOLATED = Rule("IL-9002", "Host isolated by response policy", 1)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about six minutes."""
    patient = rng.choice(world.desks("finance"))
    server, user, admin = world.host("fs-01"), patient.owner, rng.choice(world.admins())
    c2, domain, sender = outside_ip(rng), outside_domain(rng), outside_domain(rng)
    paper, digest = f"Invoice_{rng.randint(10000, 99999)}.docm", hex_string(rng, 64)
    dropper, implant = hex_string(rng, 64), f"{hex_string(rng, 8)}.exe"
    ja3 = hex_string(rng, 32)
    session = eve.tls(domain, f"CN={domain}", f"CN={domain}", ja3)

    def call(rule: Rule) -> EveAlert:
        return EveAlert(
            rule=rule, src=patient.ip, dst=c2, dport=443, app="tls", detail=session, bytes_out=742
        )

    def ran(rule: Rule, host: Host, process: Proc) -> Finding:
        who = user if host is patient else admin
        return Finding(product=IRONLEAF, rule=rule, host=host, user=who, proc=process, action="Allowed")

    path = f"C:\\Windows\\{implant}"
    document = f"C:\\Users\\{user.name}\\Downloads\\{paper}"
    yield Beat(
        0,
        Finding(
            product=SEALPOST,
            rule=MAIL,
            user=user,
            file=(paper, digest),
            action="Allowed",
            message=f"Delivered to {user.email} from billing@{sender}",
        ),
    )
    yield Beat(
        34,
        Finding(
            product=IRONLEAF,
            rule=OPENED,
            host=patient,
            user=user,
            file=(document, digest),
            proc=Proc(
                "WINWORD.EXE",
                "C:\\Program Files\\Office\\WINWORD.EXE",
                f'WINWORD.EXE /n "{document}"',
                "OUTLOOK.EXE",
            ),
        ),
    )
    yield Beat(
        72,
        ran(
            MACRO,
            patient,
            _system("powershell.exe", f"powershell -nop -w hidden -enc {_encoded(rng)}", "WINWORD.EXE"),
        ),
    )
    yield from repeated(call(BEACON_HINT), 82, 30, 7)
    yield Beat(104, call(BEACON))
    yield Beat(
        156,
        ran(
            LSASS,
            patient,
            _system(
                "rundll32.exe", f"rundll32 C:\\ProgramData\\{hex_string(rng, 6)}.dll,Start", "powershell.exe"
            ),
        ),
    )
    yield Beat(
        196,
        EveAlert(
            rule=SMB,
            src=patient.ip,
            dst=server.ip,
            dport=445,
            app="smb",
            bytes_out=318_464,
            detail={
                "smb": {
                    "command": "SMB2_COMMAND_CREATE",
                    "share": f"\\\\{server.fqdn}\\ADMIN$",
                    "filename": implant,
                }
            },
        ),
    )
    yield Beat(
        206,
        ran(SERVICE, server, Proc(implant, path, f"{path} -s {hex_string(rng, 6)}", "services.exe", dropper)),
    )
    yield Beat(
        262, ran(SHADOW, server, _system("vssadmin.exe", "vssadmin delete shadows /all /quiet", implant))
    )
    yield Beat(280, ran(STOPPED, server, _system("net.exe", 'net stop "Backup Agent" /y', implant)))
    yield Beat(
        330,
        ran(CANARY, server, Proc(implant, path, f"{path} --path D:\\Shares -t 8", "services.exe", dropper)),
    )
    yield Beat(346, Finding(product=IRONLEAF, rule=ISOLATED, host=server, user=admin, action="Isolated"))


def _system(name: str, cmd_line: str, parent: str) -> Proc:
    return Proc(name, f"C:\\Windows\\System32\\{name}", cmd_line, parent)


def _encoded(rng: Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "".join(rng.choice(letters) for _ in range(88)) + "=="
