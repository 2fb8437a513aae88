"""Alerts with secrets, people and machines planted in them, and a look for those wherever text ended up."""

import base64
import json
import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_RANDOM = random.Random(20260102)
_ALNUM = string.ascii_letters + string.digits


def _letters(count: int, alphabet: str = _ALNUM) -> str:
    return "".join(_RANDOM.choice(alphabet) for _ in range(count - 1)) + _RANDOM.choice(string.digits)


def _b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _jwt() -> str:
    body = _b64(json.dumps({"sub": _letters(10), "iat": 1767225600}))
    return f"{_b64(json.dumps({'alg': 'HS256', 'typ': 'JWT'}))}.{body}.{_letters(43)}"


Form = tuple[Callable[[], str], str]

FORMS: tuple[Form, ...] = (
    (lambda: "ghp_" + _letters(36), "git clone https://x-access-token:{}@github.com/a/b"),
    (lambda: "github_pat_" + _letters(60), "export T={}"),
    (lambda: "glpat-" + _letters(20), "curl -H 'PRIVATE-TOKEN: {}' https://git.example/api"),
    (lambda: "xoxb-" + _letters(40), "slack {} posted"),
    (lambda: "sk_live_" + _letters(24), "stripe {}"),
    (lambda: "sk-ant-api03-" + _letters(60), "ANTHROPIC_API_KEY={} claude"),
    (lambda: "sk-proj-" + _letters(60), "openai --api-key {}"),
    (lambda: "AKIA" + _letters(16, string.ascii_uppercase + string.digits), "aws key {} used"),
    (lambda: _letters(40), "aws_secret_access_key = {}"),
    (lambda: "AIza" + _letters(35), "GET /maps?key={} HTTP/1.1"),
    (lambda: _letters(86) + "==", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};E=x"),
    (lambda: _letters(44), "https://a.blob.core.windows.net/c?sv=1&sig={}"),
    (_jwt, "Authorization: Bearer {}"),
    (lambda: base64.b64encode(f"svc:{_letters(12)}".encode()).decode(), "Authorization: Basic {}"),
    (lambda: _letters(14), "mysql -h db -u root -p{} shop"),
    (lambda: _letters(12), "sqlplus --password={} --quiet"),
    (lambda: _letters(12), "PGPASSWORD={} psql -h db"),
    (lambda: _letters(16), "postgres://app:{}@db.example:5432/shop"),
    (lambda: _letters(32), "Cookie: lang=de; PHPSESSID={}"),
    (lambda: "npm_" + _letters(36), "//registry.npmjs.org/:_authToken={}"),
    (lambda: _letters(64), "-----BEGIN RSA PRIVATE KEY-----\nMIIE{}\n-----END RSA PRIVATE KEY-----"),
    (lambda: _letters(12), "net user backupadm {} /add"),
    (lambda: "hvs." + _letters(90), "vault login {}"),
    (lambda: _letters(12), "sshpass -p {} ssh web"),
    (lambda: _letters(14), 'config {{"password":"{}","retries":3}}'),
)
"""How secrets come: what makes one, and the text it stands in."""


@dataclass
class Planted:
    """What was planted, so that it can be looked for."""

    secrets: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """People, accounts, machines and inner addresses."""
    marks: list[str] = field(default_factory=list)
    """Words that stand in alerts of the source that stays here alone."""

    def secret(self) -> str:
        """Text with one more secret in it, of the next form."""
        make, text = FORMS[len(self.secrets) % len(FORMS)]
        secret = make()
        self.secrets.append(secret)
        return text.format(secret)

    def person(self, number: int) -> str:
        """One more account."""
        name = f"{_letters(6, string.ascii_lowercase)}.k{number}"
        self.names.append(name)
        return name

    def host(self, number: int) -> str:
        """One more machine."""
        name = f"lt-{_letters(5, string.ascii_lowercase)}-{number}"
        self.names.append(name)
        return name

    def inner(self, number: int) -> str:
        """One more address inside."""
        address = f"10.{60 + number % 90}.{number % 200}.{number % 250 + 1}"
        self.names.append(address)
        return address


def eve(planted: Planted, number: int) -> bytes:
    """A Suricata alert: secrets in URL, user agent, cookie, body and header; a host and an inner address."""
    return json.dumps(
        {
            "timestamp": "2026-01-02T03:04:05.678901+0000",
            "flow_id": 5000 + number,
            "event_type": "alert",
            "src_ip": planted.inner(number),
            "src_port": 40_000 + number,
            "dest_ip": f"203.0.113.{number % 250}",
            "dest_port": 443,
            "proto": "TCP",
            "host": planted.host(number),
            "alert": {
                "action": "allowed",
                "gid": 1,
                "signature_id": 9_100_000 + number,
                "rev": 1,
                "signature": f"TEST Exfiltration number {number}",
                "category": "Data Theft",
                "severity": 1 + number % 3,
            },
            "http": {
                "hostname": "drop.evil-example.net",
                "url": f"/up?x={planted.secret()}",
                "http_user_agent": planted.secret(),
                "http_request_body_printable": planted.secret(),
                "cookie": planted.secret(),
            },
            "payload_printable": planted.secret(),
        }
    ).encode()


def generic(planted: Planted, number: int) -> bytes:
    """A product of one's own: user, machine, mail, command line, and what it says in prose."""
    user, host = planted.person(number), planted.host(number)
    mail = f"{planted.person(number)}@corp.example"
    return json.dumps(
        {
            "id": f"g-{number}",
            "title": f"Odd command number {number} by {user}",
            "severity": ("Critical", "High", "Medium")[number % 3],
            "timestamp": "2026-01-02T03:04:05Z",
            "src_ip": planted.inner(number),
            "hostname": f"{host}.corp.example",
            "user": f"CORPNET\\{user}",
            "command_line": f"C:\\Users\\{user}\\x.exe; {planted.secret()}",
            "description": f"User {user} ran it on {host}, told {mail}: {planted.secret()}",
            "details": {"env": planted.secret(), "stdin": planted.secret(), "note": planted.secret()},
        }
    ).encode()


def kept_here(planted: Planted, number: int) -> bytes:
    """An alert of the source whose data must stay: with a word that stands nowhere else."""
    mark = f"staymark{_letters(8, string.ascii_lowercase)}"
    planted.marks.append(mark)
    return json.dumps(
        {
            "id": f"k-{number}",
            "title": f"Kept {mark}",
            "severity": ("Critical", "High", "Medium")[number % 3],
            "timestamp": "2026-01-02T03:04:05Z",
            "hostname": planted.host(number),
            "description": f"{mark} {planted.secret()} {planted.secret()}",
        }
    ).encode()


def found(needles: Iterable[str], *texts: str) -> list[str]:
    """Which of the needles stand in a text, as they are or as JSON writes them."""
    lower = [text.casefold() for text in texts]
    return [
        needle
        for needle in needles
        if any(
            one in text for text in lower for one in {needle.casefold(), json.dumps(needle)[1:-1].casefold()}
        )
    ]
