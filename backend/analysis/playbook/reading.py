"""What the playbook sees in an alert before it weighs anything: who, where, which way, what behaviour."""

import re
from typing import Literal

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import SafeText, safe
from backend.analysis.playbook.tables import BEHAVIOURS, Behaviour, Technique, technique
from backend.enrichment.addresses import is_internal

TEXT_CHARS = 4_096
"""Alert text the rules look at; what stands behind it is not what an alert is about."""
Direction = Literal["inbound", "outbound", "inside", "outside", ""]

_WORDS = re.compile(r"[^a-z0-9]+")
_STOPPED = re.compile(
    r"\b(block|blocked|drop|dropped|den(y|ied)|reject(ed)?|prevent(ed)?|quarantined?|terminated|killed|cleaned"
    r"|removed|remediated|mitigated|contained)\b"
)
_NOT_STOPPED = re.compile(
    r"\b(not|no|un|fail(ed)? to) ?(be )?"
    r"(block|drop|den|reject|prevent|quarant|kill|clean|remov|remed|mitig|cont)"
)
_ALLOWED = re.compile(r"\b(allow(ed)?|permit(ted)?|pass(ed)?|accept(ed)?|detect(ed)?( only)?)\b")
_FORMAT_FAMILY = {
    "okta": "identity",
    "guardduty": "cloud",
    "cloudtrail": "cloud",
    "securityhub": "cloud",
    "falco": "container",
}


_Piece = tuple[str, tuple[str, ...], Behaviour]


def _pieces() -> dict[str, list[_Piece]]:
    """Every alternative, flat, by the text it is looked for in: most fail at their first piece."""
    found: dict[str, list[_Piece]] = {where: [] for where in ("any", "command", "rule", "lineage", "called")}
    for one in BEHAVIOURS:
        where = one.where if one.kind == "hostile" else "called"
        found[where] += [(pieces[0], pieces[1:], one) for pieces in one.match]
    return found


_PIECES = _pieces()


class Picture(msgspec.Struct, frozen=True):
    """An alert as the playbook reads it."""

    alert: Alert
    title: SafeText
    host: SafeText
    user: SafeText
    src: SafeText
    dst: SafeText
    direction: Direction
    stopped: bool | None
    """Whether the product says that it stopped it; None where it doesn't say."""
    behaviours: tuple[Behaviour, ...]
    """Recognised ones of all kinds, the weightiest first."""
    techniques: tuple[Technique, ...]
    """Those the alert names, known to the tables, the weightiest first."""
    tactics: int
    """How many different tactics it names."""
    main: Technique | None
    """The one to explain."""
    family: str

    @property
    def entities(self) -> int:
        """How many things it names that one could look into."""
        alert = self.alert
        return sum(
            map(
                bool,
                (self.host, self.user, self.src, self.dst, alert.process.name or alert.process.cmd_line),
            )
        ) + bool(alert.file.path or alert.file.sha256 or alert.file.name)


def read(alert: Alert) -> Picture:
    """Look at an alert."""
    head = alert.head
    src = alert.src.ip or head.src_ip
    dst = alert.dst.ip or head.dst_ip
    behaviours = _behaviours(alert)
    techniques = _techniques(alert)
    hostile = [one for one in behaviours if one.kind == "hostile"]
    main = _main(techniques, hostile)
    return Picture(
        alert=alert,
        title=head.title or head.rule_name or safe("an alert without a title"),
        host=alert.device_hostname or head.hostname or alert.device_ip,
        user=alert.user_name or head.user,
        src=src,
        dst=dst,
        direction=_direction(src, dst),
        stopped=_stopped(f"{alert.action} {alert.status}".lower()),
        behaviours=behaviours,
        techniques=techniques,
        tactics=len({attack.tactic for attack in alert.attacks if attack.tactic}),
        main=main,
        family=_family(alert, behaviours, hostile, main),
    )


def _family(
    alert: Alert, behaviours: tuple[Behaviour, ...], hostile: list[Behaviour], main: Technique | None
) -> str:
    if hostile and (main is None or hostile[0].points >= main.weight):
        return hostile[0].family
    if main is not None:
        return main.family
    if behaviours:
        return behaviours[0].family
    return _FORMAT_FAMILY.get(alert.head.format, "anomaly")


def _main(techniques: tuple[Technique, ...], hostile: list[Behaviour]) -> Technique | None:
    """What the alert itself names wins unless a recognised behaviour says more."""
    by_behaviour = technique(hostile[0].technique) if hostile and hostile[0].technique else None
    if techniques and (by_behaviour is None or techniques[0].weight >= by_behaviour.weight):
        return techniques[0]
    return by_behaviour


def _techniques(alert: Alert) -> tuple[Technique, ...]:
    found = {
        known.id: known
        for attack in alert.attacks
        if (known := technique(attack.technique, attack.tactic)) is not None
    }
    return tuple(sorted(found.values(), key=lambda one: (-one.weight, "." not in one.id, one.id)))


def _behaviours(alert: Alert) -> tuple[Behaviour, ...]:
    head = alert.head
    process = alert.process
    # Whoever caused the event can't choose what the rule is called; only that may speak for harmlessness.
    called = _haystack(head.rule_name or head.title, alert.category)
    named = _haystack(head.title, head.rule_name, alert.category, alert.description)
    command = _haystack(process.parent_name, process.name, process.cmd_line, alert.file.path)
    lineage = f" {process.parent_name} > {process.name} ".lower()
    everything = _haystack(
        head.title,
        head.rule_name,
        alert.category,
        alert.description,
        process.parent_name,
        process.name,
        process.cmd_line,
        alert.file.name,
        alert.file.path,
        *(fact.value for fact in alert.facts[:200]),
    )
    texts = {"any": everything, "command": command, "rule": named, "lineage": lineage, "called": called}
    found = {one.id: one for where, text in texts.items() for one in _matching(_PIECES[where], text)}
    return tuple(sorted(found.values(), key=lambda one: (-abs(one.points), one.kind != "hostile", one.id)))


def _matching(pieces: list[_Piece], text: str) -> list[Behaviour]:
    return [
        behaviour
        for first, rest, behaviour in pieces
        if first in text and all(piece in text for piece in rest)
    ]


def _haystack(*parts: str) -> str:
    """The parts as written and as bare words, both with spaces round every word's edge."""
    joined = " | ".join(part for part in parts if part)[:TEXT_CHARS].lower()
    return f" {' '.join(joined.split())} \n {_WORDS.sub(' ', joined)} "


def _direction(src: str, dst: str) -> Direction:
    if not src or not dst:
        return ""
    ends = (is_internal(src), is_internal(dst))
    ways: dict[tuple[bool | None, bool | None], Direction] = {
        (True, True): "inside",
        (True, False): "outbound",
        (False, True): "inbound",
        (False, False): "outside",
    }
    return ways.get(ends, "")


def _stopped(action: str) -> bool | None:
    if _NOT_STOPPED.search(action):
        return False
    if _STOPPED.search(action):
        return True
    return False if _ALLOWED.search(action) else None
