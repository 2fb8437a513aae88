"""Noise that network sensors make."""

from random import Random

from backend.sources.demo import eve
from backend.sources.demo.draft import Draft, Rule
from backend.sources.demo.eve import EveAlert
from backend.sources.demo.names import DOMAIN
from backend.sources.demo.world import Host, World, dice, outside_domain, outside_ip, regular_ip

_RECON, _LEAK = "Attempted Information Leak", "Potential Corporate Privacy Violation"
_BROWSER = "Mozilla/5.0 (Windows NT 10; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"

SCANS = (
    (
        Rule(
            "9101001",
            "NDR SCAN Inbound SSH probe against several hosts",
            2,
            ("T1595.001/TA0043",),
            _RECON,
        ),
        22,
    ),
    (Rule("9101002", "NDR SCAN Telnet probe from the internet", 1, ("T1595.001/TA0043",), _RECON), 23),
    (
        Rule("9101003", "NDR SCAN Remote desktop probe from the internet", 2, ("T1595.001/TA0043",), _RECON),
        3389,
    ),
    (
        Rule("9101004", "NDR SCAN Banner collected by a research scanner", 1, ("T1595.002/TA0043",), _RECON),
        443,
    ),
)
PATHS = Rule(
    "9101010", "NDR WEB_SERVER Sensitive file request (.env, .git)", 2, ("T1595.003/TA0043",), _RECON
)
OLD_TLS = Rule("9101020", "NDR TLS Deprecated protocol version negotiated", 2, (), "Protocol Anomaly")
SELF_SIGNED = Rule(
    "9101021", "NDR TLS Self-signed certificate on internal service", 1, (), "Protocol Anomaly"
)
INSTALLER = Rule(
    "9101030",
    "NDR INFO PE executable download over HTTP",
    3,
    ("T1105/TA0011",),
    "Potentially Bad Traffic",
)
CLIENT = Rule("9101031", "NDR POLICY Command-line HTTP client outbound (curl)", 2, (), _LEAK)
REMOTE_HELP = Rule("9101032", "NDR POLICY Remote support tool session", 3, ("T1219/TA0011",), _LEAK)
CLEAR = Rule("9101033", "NDR POLICY Cleartext FTP credentials", 2, (), _LEAK)
BYPASS = Rule(
    "9101034",
    "NDR POLICY DNS over HTTPS to external resolver",
    2,
    ("T1071.004/TA0011",),
    _LEAK,
)
ADS = Rule("9101040", "NDR INFO DNS query to newly registered domain", 1, (), "Misc activity")
SINKHOLE = Rule(
    "9101041",
    "NDR MALWARE DNS query to sinkholed domain",
    4,
    ("T1071.004/TA0011",),
    "A Network Trojan was detected",
)
SCANNER = (
    Rule("9101050", "NDR SCAN Vulnerability scanner user agent", 3, ("T1595.002/TA0043",), _RECON),
    Rule("9101051", "NDR SCAN Version probes against many services", 2, ("T1046/TA0007",), _RECON),
    Rule("9101052", "NDR WEB_SERVER Directory traversal pattern in request", 3, ("T1190/TA0001",),
         "Web Application Attack"),
)  # fmt: skip


def internet_scan(world: World, rng: Random) -> Draft:
    """Somebody on the internet knocks at the DMZ."""
    rule, port = rng.choice(SCANS)
    target = world.host(rng.choice(("web-01", "web-02", "mail-01", "vpn-01")))
    return EveAlert(rule=rule, src=outside_ip(rng), dst=target.ip, dport=port)


def path_probe(world: World, rng: Random) -> Draft:
    """A robot asks for files that are not there."""
    path = rng.choice(("/.env", "/wp-login.php", "/.git/config", "/phpinfo.php", "/server-status"))
    request = eve.http(f"portal.{DOMAIN}", path, "Go-http-client/1.1", status=404, length=162)
    return EveAlert(
        rule=PATHS,
        src=outside_ip(rng),
        dst=world.host("web-01").ip,
        dport=80,
        app="http",
        detail=request,
        action=rng.choice(("allowed", "blocked")),
    )


def old_tls(world: World, rng: Random) -> Draft:
    """Two sales machines talk to an elderly service."""
    desk, peer = rng.choice(world.desks("sales")[:2]), _regular(world, "old-tls")
    return EveAlert(
        rule=OLD_TLS,
        src=desk.ip,
        dst=peer.ip,
        dport=443,
        app="tls",
        detail=eve.tls(peer.name, f"CN={peer.name}", "CN=Old Partner CA", peer.ja3, "TLSv1"),
    )


def self_signed(world: World, rng: Random) -> Draft:
    """The print server's certificate, once more."""
    printer, desk = world.host("print-01"), rng.choice(world.workstations[:8])
    name = f"CN={printer.fqdn}"
    return EveAlert(
        rule=SELF_SIGNED,
        src=desk.ip,
        dst=printer.ip,
        dport=443,
        app="tls",
        detail=eve.tls(printer.fqdn, name, name, _regular(world, "print").ja3),
    )


def installer(world: World, rng: Random) -> Draft:
    """Software distribution does its work."""
    upd, desk = world.host("upd-01"), rng.choice(world.workstations[:10])
    path = f"/packages/office-tools-{rng.randint(3, 6)}.{rng.randint(0, 9)}.exe"
    return EveAlert(
        rule=INSTALLER,
        src=desk.ip,
        dst=upd.ip,
        dport=80,
        app="http",
        detail=eve.http(upd.fqdn, path, "DemoUpdater/4", length=rng.randint(2, 60) * 1_000_000),
    )


def command_line_client(world: World, rng: Random) -> Draft:
    """Engineers use curl."""
    desk, peer = rng.choice(world.desks("engineering")[:4]), _regular(world, f"mirror-{rng.randint(1, 3)}")
    return EveAlert(
        rule=CLIENT,
        src=desk.ip,
        dst=peer.ip,
        dport=80,
        app="http",
        detail=eve.http(peer.name, "/releases/latest.json", "curl/8.5", length=5120),
    )


def remote_help(world: World, rng: Random) -> Draft:
    """The help desk helps."""
    desk, peer = rng.choice(world.desks("people")[:2]), _regular(world, "helpdesk")
    return EveAlert(
        rule=REMOTE_HELP,
        src=desk.ip,
        dst=peer.ip,
        dport=443,
        app="tls",
        detail=eve.tls(peer.name, f"CN={peer.name}", "CN=Demo Public CA", peer.ja3),
    )


def clear_text(world: World, rng: Random) -> Draft:
    """A scanner-printer that never learned TLS."""
    desk = rng.choice(world.desks("people"))
    return EveAlert(rule=CLEAR, src=desk.ip, dst=world.host("print-01").ip, dport=21, app="ftp")


def resolver_bypass(world: World, rng: Random) -> Draft:
    """Browsers that prefer a resolver of their own."""
    desk, peer = rng.choice(world.workstations[6:12]), _regular(world, "resolver")
    return EveAlert(
        rule=BYPASS,
        src=desk.ip,
        dst=peer.ip,
        dport=443,
        app="tls",
        detail=eve.tls(f"dns.{peer.name}", f"CN=dns.{peer.name}", "CN=Demo Public CA", peer.ja3),
    )


def ad_domain(world: World, rng: Random) -> Draft:
    """Advertising."""
    desk = rng.choice(world.workstations)
    return EveAlert(
        rule=ADS,
        src=desk.ip,
        dst=world.host("dns-01").ip,
        dport=53,
        proto="UDP",
        app="dns",
        detail=eve.dns(f"cdn.{outside_domain(rng)}"),
    )


def sinkhole(world: World, rng: Random) -> Draft:
    """A sales machine's browser extension asks for a domain that died years ago."""
    desk, peer = world.desks("sales")[4], _regular(world, "sinkhole")
    return EveAlert(
        rule=SINKHOLE,
        src=desk.ip,
        dst=world.host("dns-01").ip,
        dport=53,
        proto="UDP",
        app="dns",
        detail=eve.dns(rng.choice(("a.", "b.")) + peer.name),
    )


def own_scanner(world: World, target: Host, rng: Random) -> Draft:
    """One probe of the company's own vulnerability scanner."""
    rule = rng.choice(SCANNER)
    port = rng.choice((80, 443, 8080)) if rule is not SCANNER[1] else rng.choice((22, 139, 445, 3306))
    detail = (
        {}
        if rule is SCANNER[1]
        else eve.http(target.fqdn, "/..%2f..%2fetc/hosts", "DemoVulnScan/9", status=404)
    )
    return EveAlert(
        rule=rule,
        src=world.host("scan-01").ip,
        dst=target.ip,
        dport=port,
        detail=detail,
        app="" if rule is SCANNER[1] else "http",
    )


class _Peer:
    """An outside service that the company meets every day."""

    def __init__(self, seed: int, what: str) -> None:
        rng = dice("peer", seed, what)
        self.ip, self.name, self.ja3 = regular_ip(rng), outside_domain(rng), f"{rng.getrandbits(128):032x}"


def _regular(world: World, what: str) -> _Peer:
    return _Peer(world.seed, what)


def everyday_browser() -> str:
    """The user agent of an ordinary workstation."""
    return _BROWSER
