"""What the invented company is made of: departments, people's names and its fixed machines.

Every host ends in `demo.example` (RFC 2606); every inner address is RFC 1918.
"""

from typing import NamedTuple

DOMAIN = "demo.example"


class Fixture(NamedTuple):
    """A machine that exists under every seed."""

    name: str
    ip: str
    criticality: str
    role: str
    environment: str
    os: str
    owner: str
    notes: str = ""


class Desk(NamedTuple):
    """A department and the workstations it has."""

    department: str
    prefix: str
    subnet: str
    seats: int
    criticality: str


DESKS = (
    Desk("finance", "fin-ws", "10.20.10", 6, "high"),
    Desk("engineering", "eng-ws", "10.20.11", 12, "medium"),
    Desk("sales", "sal-ws", "10.20.12", 6, "low"),
    Desk("people", "hr-ws", "10.20.13", 4, "medium"),
    Desk("it", "it-ws", "10.20.14", 3, "high"),
)

TEAMS = (("finance", 12), ("engineering", 30), ("sales", 18), ("people", 10), ("it", 10))
"""Departments and head counts; together 80."""

FIXTURES = (
    Fixture("dc-01", "10.20.0.10", "crown_jewel", "domain controller", "production", "Windows", "it"),
    Fixture("dc-02", "10.20.0.11", "crown_jewel", "domain controller", "production", "Windows", "it"),
    Fixture("fs-01", "10.20.0.20", "high", "file server", "production", "Windows", "it"),
    Fixture(
        "erp-01",
        "10.20.0.30",
        "crown_jewel",
        "ERP and payments",
        "production",
        "Linux",
        "finance",
        "Payment runs on weekdays at 14:00 UTC; any other batch needs two approvers",
    ),
    Fixture(
        "db-01",
        "10.20.0.31",
        "crown_jewel",
        "customer database",
        "production",
        "Linux",
        "engineering",
        "Only web-01, web-02 and erp-01 may connect, through the pooler on port 6432",
    ),
    Fixture(
        "backup-01",
        "10.20.0.40",
        "high",
        "backup server",
        "production",
        "Linux",
        "it",
        "Nightly and hourly jobs rewrite whole volumes: mass file changes by svc-backup are its work",
    ),
    Fixture(
        "upd-01",
        "10.20.0.41",
        "medium",
        "software distribution",
        "production",
        "Windows",
        "it",
        "Pushes signed installers to all workstations; executable downloads from it are expected",
    ),
    Fixture("git-01", "10.20.0.50", "high", "source repositories", "production", "Linux", "engineering"),
    Fixture("ci-01", "10.20.0.51", "high", "build controller", "production", "Linux", "engineering"),
    Fixture("runner-01", "10.20.0.52", "medium", "build runner", "production", "Linux", "engineering"),
    Fixture("runner-02", "10.20.0.53", "medium", "build runner", "production", "Linux", "engineering"),
    Fixture(
        "jump-01",
        "10.20.0.60",
        "high",
        "administrators' jump host",
        "production",
        "Linux",
        "it",
        "Remote service creation from here between 08:00 and 18:00 UTC is normal administration",
    ),
    Fixture("mon-01", "10.20.0.61", "low", "monitoring", "production", "Linux", "it"),
    Fixture("wiki-01", "10.20.0.62", "medium", "wiki", "production", "Linux", "engineering"),
    Fixture(
        "print-01",
        "10.20.0.70",
        "low",
        "print server",
        "production",
        "Windows",
        "it",
        "Certificate is self-signed; replacement is planned",
    ),
    Fixture(
        "scan-01",
        "10.20.0.80",
        "medium",
        "vulnerability scanner",
        "production",
        "Linux",
        "it",
        "The company's own scanner: probes every subnet several times an hour by arrangement",
    ),
    Fixture(
        "rt-01",
        "10.20.0.81",
        "medium",
        "penetration test",
        "assessment",
        "Linux",
        "it",
        "AUTHORISED ASSESSMENT CHG-20417: what comes from this host is the pen-test team's work",
    ),
    Fixture("proxy-01", "10.20.0.90", "high", "web proxy", "production", "Linux", "it"),
    Fixture("dns-01", "10.20.0.91", "high", "resolver", "production", "Linux", "it"),
    Fixture("web-01", "172.16.8.10", "high", "customer portal", "dmz", "Linux", "engineering"),
    Fixture("web-02", "172.16.8.11", "high", "customer portal", "dmz", "Linux", "engineering"),
    Fixture("mail-01", "172.16.8.20", "high", "mail gateway", "dmz", "Linux", "it"),
    Fixture("vpn-01", "172.16.8.30", "high", "VPN gateway", "dmz", "Linux", "it"),
    Fixture("k8s-cp-01", "10.30.0.10", "high", "cluster control plane", "cloud", "Linux", "engineering"),
    Fixture("k8s-node-01", "10.30.0.21", "medium", "cluster node", "cloud", "Linux", "engineering"),
    Fixture("k8s-node-02", "10.30.0.22", "medium", "cluster node", "cloud", "Linux", "engineering"),
    Fixture("k8s-node-03", "10.30.0.23", "medium", "cluster node", "cloud", "Linux", "engineering"),
    Fixture("sensor-core", "10.20.0.100", "medium", "network sensor", "production", "Linux", "it"),
    Fixture("sensor-dmz", "172.16.8.100", "medium", "network sensor", "dmz", "Linux", "it"),
)

SERVICE_ACCOUNTS = ("svc-backup", "svc-deploy", "svc-scan", "svc-print", "svc-web", "svc-sql")

GIVEN = (
    "Amara", "Bram", "Chiara", "Dawit", "Elif", "Farid", "Greta", "Hana", "Imran", "Jonas", "Kavya",
    "Leif", "Mina", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Samir", "Tove", "Uma", "Viktor",
    "Wanjiru", "Xenia", "Yusuf", "Zofia", "Anouk", "Bilal", "Celeste", "Dmitri",
)  # fmt: skip

FAMILY = (
    "Abara", "Bergstrom", "Castellano", "Dlamini", "Eriksen", "Fontaine", "Gupta", "Haddad",
    "Ibarra", "Jansen", "Kowalski", "Lindqvist", "Mbeki", "Novak", "Okafor", "Petrov", "Quispe",
    "Rahman", "Sato", "Tanaka", "Ueda", "Varga", "Weiss", "Ximenes", "Yilmaz", "Zhou", "Achterberg",
    "Brandt", "Calloway", "Desai",
)  # fmt: skip
