"""The invented company: hosts, people, cloud account and the internet around it, all drawn from one seed."""

import csv
import io
import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from backend.sources.demo.names import DESKS, DOMAIN, FAMILY, FIXTURES, GIVEN, SERVICE_ACCOUNTS, TEAMS

CLOUD_ACCOUNT = "111122223333"
"""The account number that cloud documentation uses for examples."""
CLOUD_REGION = "eu-west-1"

ASSET_COLUMNS = ("hostname", "ip", "owner", "criticality", "role", "environment", "notes")

_STRANGERS = ("198.51.100", "203.0.113")
_REGULARS = "192.0.2"
"""RFC 5737, the only outside addresses that may occur. Strangers and regulars never share one."""

_WORDS_A = ("amber", "brisk", "cobalt", "drift", "ember", "flint", "grove", "harbor", "ivory", "lumen")
_WORDS_B = ("relay", "assets", "sync", "portal", "edge", "static", "cloud", "metrics", "mirror", "update")


class User(NamedTuple):
    """A person or service account."""

    name: str
    """Log-on name, `m.okafor`."""
    full_name: str
    department: str
    admin: bool = False

    @property
    def email(self) -> str:
        """Address at the company's documentation domain."""
        return f"{self.name}@{DOMAIN}"


class Host(NamedTuple):
    """A machine of the company."""

    name: str
    """Short name, `fin-ws-03`."""
    ip: str
    owner: User
    criticality: str
    role: str
    environment: str
    os: str
    department: str
    notes: str = ""

    @property
    def fqdn(self) -> str:
        """Full name below `demo.example`."""
        return f"{self.name}.{DOMAIN}"


class World:
    """Everything that stories and noise draw their actors from; equal seeds give equal worlds."""

    def __init__(self, seed: int) -> None:
        """Draw the company of `seed`."""
        rng = dice("world", seed)
        self.seed = seed
        self.users: tuple[User, ...] = _people(rng)
        self.services: tuple[User, ...] = tuple(User(name, name, "it") for name in SERVICE_ACCOUNTS)
        self.hosts: tuple[Host, ...] = (*_fixtures(self.users), *_desks(self.users))
        self._by_name = {host.name: host for host in self.hosts}
        self._services = {user.name: user for user in self.services}
        self.workstations: tuple[Host, ...] = tuple(h for h in self.hosts if h.role == "workstation")

    def host(self, name: str) -> Host:
        """The machine with this short name. Raises `KeyError` if there is none."""
        return self._by_name[name]

    def service(self, name: str) -> User:
        """The service account with this name. Raises `KeyError` if there is none."""
        return self._services[name]

    def desks(self, department: str) -> Sequence[Host]:
        """A department's workstations."""
        return [host for host in self.workstations if host.department == department]

    def people(self, department: str) -> Sequence[User]:
        """A department's people."""
        return [user for user in self.users if user.department == department]

    def admins(self) -> Sequence[User]:
        """The people with administrator rights."""
        return [user for user in self.users if user.admin]

    def assets_csv(self) -> str:
        """The asset register as CSV with a header, for the assets enricher (columns: `ASSET_COLUMNS`)."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(ASSET_COLUMNS)
        for host in self.hosts:
            writer.writerow(
                (
                    host.fqdn,
                    host.ip,
                    host.owner.email,
                    host.criticality,
                    host.role,
                    host.environment,
                    host.notes,
                )
            )
        return out.getvalue()


def dice(*key: object) -> Random:
    """A random generator for `key`: equal keys give equal draws, on every machine and in every run."""
    return Random("/".join(map(str, key)))  # noqa: S311  scenery, never a secret


def outside_ip(rng: Random) -> str:
    """A stranger's address: attackers, scanners."""
    return f"{rng.choice(_STRANGERS)}.{rng.randint(2, 254)}"


def regular_ip(rng: Random) -> str:
    """An address the company meets on a normal day: services, home networks, phones."""
    return f"{_REGULARS}.{rng.randint(2, 254)}"


def outside_domain(rng: Random) -> str:
    """A name below the reserved top-level domain `.example`, such as `ember-relay-41.example`."""
    return f"{rng.choice(_WORDS_A)}-{rng.choice(_WORDS_B)}-{rng.randint(10, 99)}.example"


def hex_string(rng: Random, digits: int) -> str:
    """Random lower-case hex: 64 digits stand for a SHA-256, 32 for an MD5 or JA3."""
    return f"{rng.getrandbits(digits * 4):0{digits}x}"


def uuid_string(rng: Random) -> str:
    """Hex grouped as a UUID."""
    return re.sub(r"^(.{8})(.{4})(.{4})(.{4})(.{12})$", r"\1-\2-\3-\4-\5", hex_string(rng, 32))


def _people(rng: Random) -> tuple[User, ...]:
    pairs = [(given, family) for given in GIVEN for family in FAMILY]
    rng.shuffle(pairs)
    users: list[User] = []
    taken: set[str] = set()
    for department, count in TEAMS:
        admins = 3 if department == "it" else 0
        hired = 0
        while hired < count:
            given, family = pairs.pop()
            name = f"{given[0]}.{family}".lower()
            if name in taken:
                continue
            taken.add(name)
            users.append(User(name, f"{given} {family}", department, admin=hired < admins))
            hired += 1
    return tuple(users)


def _fixtures(users: Sequence[User]) -> list[Host]:
    heads = {user.department: user for user in reversed(users)}
    return [
        Host(f.name, f.ip, heads[f.owner], f.criticality, f.role, f.environment, f.os, f.owner, f.notes)
        for f in FIXTURES
    ]


def _desks(users: Sequence[User]) -> list[Host]:
    hosts: list[Host] = []
    for desk in DESKS:
        people = [user for user in users if user.department == desk.department]
        hosts += [
            Host(
                f"{desk.prefix}-{seat:02d}", f"{desk.subnet}.{20 + seat}", people[seat - 1], desk.criticality,
                "workstation", "office",
                "Windows" if desk.department != "engineering" or seat % 2 else "Linux",
                desk.department,
            )
            for seat in range(1, desk.seats + 1)
        ]  # fmt: skip
    return hosts
