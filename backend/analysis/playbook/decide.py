"""From a score to a verdict, a confidence and a severity.

What it will not do, whatever the sum: call an alert of High or above harmless without human decisions on
alike ones or an authorised scanner as its source; call anything harmless while a hard signal stands or while
the alert's text tries to instruct a model.
"""

from collections.abc import Sequence

import msgspec

from backend.alerts.model import Severity
from backend.analysis.playbook.reading import Picture
from backend.analysis.playbook.score import Score

TRUE_AT = 7
SUSPICIOUS_AT = 2
HARMLESS_AT = -2


class Decision(msgspec.Struct, frozen=True):
    """A verdict with how sure it is; `severity_id` None leaves the alert's own."""

    verdict: str
    confidence: float
    severity_id: int | None = None


def decide(picture: Picture, score: Score, signals: Sequence[str]) -> Decision:
    """The verdict that a score stands for."""
    verdict = _verdict(picture, score)
    if signals and verdict != "True Positive":
        verdict = "Suspicious"
    confidence = _confidence(verdict, score, bool(signals))
    return Decision(verdict, round(confidence, 2), _severity(verdict, picture, score))


def _verdict(picture: Picture, score: Score) -> str:
    if _is_test(picture, score):
        return "Test"
    if score.total >= TRUE_AT:
        return "True Positive"
    if _says_little(picture) and not score.hostile_evidence and not score.backing:
        return "Suspicious" if score.hard else "Insufficient Data"
    if score.total >= SUSPICIOUS_AT or score.hard:
        return "Suspicious"
    return _below(picture, score)


def _below(picture: Picture, score: Score) -> str:
    """The verdict where the sum stays below suspicious and no hard signal stands."""
    if _rated_high(picture) and not score.backing:
        return "Suspicious"
    against = any(one.points < 0 and one.name != "severity" for one in score.reasons)
    rated_low = picture.alert.head.severity_id in (Severity.INFORMATIONAL, Severity.LOW)
    if against or (rated_low and not _says_little(picture)):
        return _harmless(picture, score)
    return "Insufficient Data"


def _harmless(picture: Picture, score: Score) -> str:
    """Benign where something harmless really happened, False Positive where the rule was wrong."""
    if score.human:
        return score.human_says
    if score.authorised:
        return "Benign"
    noise = any(one.kind == "noise" for one in picture.behaviours)
    return "False Positive" if noise and score.total <= HARMLESS_AT else "Benign"


def _rated_high(picture: Picture) -> bool:
    return picture.alert.head.severity_id >= Severity.HIGH


def _says_little(picture: Picture) -> bool:
    """Nothing recognised, and at most one thing to look into."""
    return not picture.techniques and not picture.behaviours and picture.entities <= 1


def _is_test(picture: Picture, score: Score) -> bool:
    marks = [one for one in picture.behaviours if one.kind == "test"]
    if not marks or score.hard or score.hostile_evidence:
        return False
    if any(one.strong for one in marks):
        return True
    worrying = any(one.kind == "hostile" and one.points >= 3 for one in picture.behaviours)
    return not worrying and not _rated_high(picture)


def _confidence(verdict: str, score: Score, signals: bool) -> float:
    """How sure, by the distance to the nearest other verdict and by how many sources agree."""
    sources = {one.evidence for one in score.reasons if one.points > 0}
    if verdict == "True Positive":
        return min(0.97, 0.70 + 0.03 * (score.total - TRUE_AT) + 0.05 * (len(sources) - 1))
    if verdict == "Suspicious":
        middle = max(SUSPICIOUS_AT, min(TRUE_AT - 1, score.total))
        return 0.60 if signals else 0.50 + 0.04 * (middle - SUSPICIOUS_AT)
    if verdict in ("Benign", "False Positive"):
        below = max(0, SUSPICIOUS_AT - score.total)
        return min(0.95, 0.50 + 0.04 * below + (0.15 if score.backing else 0.0))
    return 0.90 if verdict == "Test" else 0.30


def _severity(verdict: str, picture: Picture, score: Score) -> int | None:
    own = picture.alert.head.severity_id
    if verdict == "True Positive":
        wanted = Severity.CRITICAL if score.hard or score.total >= TRUE_AT + 5 else Severity.HIGH
        return int(wanted) if wanted > own else None
    if verdict == "Suspicious":
        wanted = Severity.MEDIUM
        return int(wanted) if wanted > own else None
    if verdict in ("Benign", "False Positive", "Test"):
        wanted = Severity.LOW if own >= Severity.HIGH else Severity.INFORMATIONAL
        return int(wanted) if own != wanted else None
    return None
