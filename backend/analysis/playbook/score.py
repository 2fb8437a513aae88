"""Weighing an alert and its evidence: named reasons with points, and their sum.

The scale: 7 and more is an attack until shown otherwise, 2 to 6 deserves a person, -2 and less is harmless.
Every reason's points are fixed by a table or rule here, so that the sum can be explained line by line.
Evidence adds up with a limit on either side: more hostile evidence never lowers the sum, more harmless
evidence never raises it.
"""

from collections.abc import Sequence

import msgspec

from backend.alerts.model import SEVERITY_NAMES
from backend.analysis.playbook.reading import Picture
from backend.enrichment.base import Evidence

SEVERITY_POINTS = {0: 1, 1: -2, 2: 0, 3: 1, 4: 3, 5: 4, 6: 5}
"""Unknown counts like Medium: it is never low."""
EVIDENCE_POINTS = {-3: -6, -2: -4, -1: -1, 0: 0, 1: 1, 2: 4, 3: 6}
"""A finding's weight in points: context counts for little, a clear statement for as much as two
severity steps."""
MAX_FOR, MAX_AGAINST = 10, -8
"""Limits on what all evidence together may add or take."""
HARMLESS_HISTORY = frozenset({"history:false_positive", "history:benign"})
AUTHORISED = "asset:authorised_scanner"


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why the sum is what it is, one entry."""

    name: str
    """severity, technique, behaviour, evidence, direction, stopped, frequency, suppressed, harmless."""
    points: int
    text: str
    """A clause that reads on from "for" or "against"."""
    evidence: tuple[str, ...]


class Score(msgspec.Struct, frozen=True):
    """The sum and everything a verdict needs beside it."""

    total: int
    reasons: tuple[Reason, ...]
    """The weightiest first."""
    alert_id: str
    """The evidence id of the alert itself."""
    hard: tuple[str, ...] = ()
    """Evidence that forbids lowering."""
    human: tuple[str, ...] = ()
    """Evidence that people decided alike ones as harmless."""
    human_says: str = ""
    authorised: tuple[str, ...] = ()
    """Evidence that the source scans by order."""
    hostile_evidence: bool = False

    @property
    def backing(self) -> tuple[str, ...]:
        """Evidence good enough to close even a High alert."""
        return self.human + self.authorised


def weigh(picture: Picture, evidence: Sequence[Evidence]) -> Score:
    """The score of an alert in the light of its evidence."""
    alert_id = next((one.id for one in evidence if one.finding.kind == "alert"), "E1")
    others = [one for one in evidence if one.finding.kind != "alert"]
    hard = tuple(one.id for one in others if one.finding.hard and one.finding.weight >= 0)
    own = (alert_id,)
    reasons = [
        *_of_severity(picture, own),
        *_of_technique(picture, own),
        *_of_behaviours(picture, own),
        *_of_traffic(picture, own),
        *_of_frequency(picture, others, own),
        *_of_evidence(others),
    ]
    if hard:
        # While a hard signal stands nothing may lower the alert, except what its own product rates it.
        reasons = [one for one in reasons if one.points > 0 or one.name == "severity"]
    reasons.sort(key=lambda one: (-abs(one.points), one.name, one.evidence, one.text))
    harmless = [one for one in others if HARMLESS_HISTORY & set(one.finding.tags)]
    says_false = any("history:false_positive" in one.finding.tags for one in harmless)
    return Score(
        total=sum(one.points for one in reasons),
        reasons=tuple(reasons),
        alert_id=alert_id,
        hard=hard,
        human=tuple(one.id for one in harmless),
        human_says="False Positive" if says_false else "Benign",
        authorised=tuple(one.id for one in others if AUTHORISED in one.finding.tags),
        hostile_evidence=any(one.finding.weight > 0 for one in others),
    )


def _of_severity(picture: Picture, own: tuple[str, ...]) -> list[Reason]:
    head = picture.alert.head
    name = SEVERITY_NAMES.get(head.severity_id, "Unknown")
    product = picture.alert.product or head.product or "the product"
    reasons = [
        Reason("severity", SEVERITY_POINTS.get(head.severity_id, 1), f"{product} rates it {name}", own)
    ]
    if head.suppressed:
        text = f"{product} has already resolved or suppressed it"
        reasons.append(Reason("suppressed", -2, text, own))
    return reasons


def _of_technique(picture: Picture, own: tuple[str, ...]) -> list[Reason]:
    reasons = []
    if picture.techniques and picture.techniques[0].weight:
        top = picture.techniques[0]
        reasons.append(Reason("technique", top.weight, f"it is mapped to {top.name} ({top.id})", own))
    if picture.tactics >= 2:
        reasons.append(Reason("technique", 1, f"it spans {picture.tactics} tactics", own))
    return reasons


def _of_behaviours(picture: Picture, own: tuple[str, ...]) -> list[Reason]:
    """The weightiest hostile one in full, two more for one point each; one harmless one."""
    hostile = [one for one in picture.behaviours if one.kind == "hostile" and one.points > 0]
    reasons = [
        Reason("behaviour", one.points if index == 0 else 1, one.text, own)
        for index, one in enumerate(hostile[:3])
    ]
    harmless = [one for one in picture.behaviours if one.points < 0]
    reasons += [Reason("harmless", one.points, one.text, own) for one in harmless[:1]]
    return reasons


def _of_traffic(picture: Picture, own: tuple[str, ...]) -> list[Reason]:
    family, way = picture.family, picture.direction
    reasons = []
    if picture.stopped:
        said = picture.alert.action or picture.alert.status
        reasons.append(Reason("stopped", -1, f"the product says that it was stopped ({said[:60]})", own))
    elif way == "inbound" and picture.stopped is False and family in ("web_attack", "brute_force", "access"):
        reasons.append(Reason("direction", 1, "it came from outside and was let through", own))
    if way == "outbound" and family in ("c2", "exfiltration", "malware"):
        reasons.append(Reason("direction", 1, "a machine inside talks to an address outside", own))
    elif way == "inbound" and family == "recon":
        reasons.append(Reason("direction", -1, "addresses open to the internet are scanned all day", own))
    elif way == "inside" and family in ("discovery", "lateral", "brute_force", "recon"):
        reasons.append(Reason("direction", 1, "both ends are inside the network", own))
    return reasons


def _of_frequency(picture: Picture, others: Sequence[Evidence], own: tuple[str, ...]) -> list[Reason]:
    if picture.family not in ("brute_force", "c2", "exfiltration", "discovery", "web_attack", "impact"):
        return []
    bursts = tuple(one.id for one in others if "history:burst" in one.finding.tags)
    if bursts:
        return [Reason("frequency", 1, "it keeps firing right now", bursts)]
    if picture.alert.count >= 20:
        return [Reason("frequency", 1, f"it stands for {picture.alert.count} events", own)]
    return []


def _of_evidence(others: Sequence[Evidence]) -> list[Reason]:
    """Each finding's points, the weightiest first, until the limit of its side is used up."""
    left = {True: MAX_FOR, False: MAX_AGAINST}
    reasons = []
    for one in sorted(others, key=lambda one: (-abs(one.finding.weight), one.id)):
        wanted = EVIDENCE_POINTS[min(3, max(-3, one.finding.weight))]
        if not wanted:
            continue
        side = wanted > 0
        points = min(wanted, left[side]) if side else max(wanted, left[side])
        left[side] -= points
        reasons.append(Reason("evidence", points, one.finding.text.rstrip("."), (one.id,)))
    return reasons
