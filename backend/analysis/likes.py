"""Analyses of earlier alerts, kept for when no model answers: what a like alert was judged to be.

Two alerts are alike when the same rule fired at the same severity on the same kind of entity, and what is
known of them bears on the verdict in the same way. It is a help in need, not a verdict of its own: marked,
with less confidence, without the other alert's actions, and never used where it would lower what should
stand.
"""

from collections.abc import Callable, Sequence

import msgspec
from cachetools import TTLCache

from backend.alerts.model import Alert, Severity
from backend.alerts.text import safe
from backend.analysis.model import Analysis, Verdict
from backend.enrichment.addresses import is_internal
from backend.enrichment.base import Evidence

MAX_LIKES = 2_048
"""Alerts of so many kinds, and so many of whom the very same is known; each takes a few kilobytes."""
TTL_S = 3_600.0
"""An hour: long enough for a vendor's outage, short enough that an attack's course has not turned."""
SAME_TTL_S = 4 * 3_600.0
"""The very same alert, entities and behaviour too, may have its analysis for half a shift: folds end after an
hour, so what comes every hour would else be paid for every hour. New evidence of weight ends it at once."""
MAX_CONFIDENCE = 0.7
"""Below the 0.9 for which a model needs two independent facts, and below what closes by itself."""

LOWERING = frozenset(
    {"Benign", "False Positive", "Disregard", "Test", "Duplicate", "Managed Externally", "Unknown"}
)
"""Verdicts that take an alert out of an analyst's sight."""
_NO_ANSWER = frozenset({"Insufficient Data", "Unknown"})
_PROTECTED_LANES = frozenset({"critical", "high"})

Key = tuple[object, ...]


class Like(msgspec.Struct, frozen=True):
    """What is kept of an analysis."""

    alert_id: int
    """The journal's id of the alert that was analysed."""
    uid: str
    verdict: Verdict
    provider: str
    model: str
    at_mono: float


class Likes:
    """A bounded cache of good analyses by kind of alert; the oldest leave first, all after a while."""

    def __init__(
        self,
        mono: Callable[[], float],
        *,
        max_likes: int = MAX_LIKES,
        ttl_s: float = TTL_S,
        same_ttl_s: float = SAME_TTL_S,
    ) -> None:
        """`mono` is the clock's: entries age on it."""
        self._mono = mono
        self._kept: TTLCache[Key, Like] = TTLCache(max_likes, ttl_s, timer=mono)
        self._same: TTLCache[Key, Like] = TTLCache(max_likes, same_ttl_s, timer=mono)
        """By kind and by who took part and what was done: two hosts under one rule do not oust each other."""

    def __len__(self) -> int:
        return len(self._kept)

    def keep(
        self,
        alert: Alert,
        evidence: Sequence[Evidence],
        signals: Sequence[str],
        alert_id: int,
        analysis: Analysis,
    ) -> None:
        """Remember an analysis, if it is whole, valid, by the planned model, and nothing steered it."""
        rails = analysis.guardrails
        sound = rails.output_valid and not rails.ungrounded and not rails.injection_suspected and not signals
        whole = analysis.kind == "model" and not analysis.partial and not analysis.degraded
        if not sound or not whole or analysis.verdict.verdict in _NO_ANSWER:
            return
        key = kind_of(alert, evidence)
        if key is not None:
            verdict, name = analysis.verdict, (analysis.provider, analysis.model)
            like = Like(alert_id, alert.head.uid, verdict, *name, self._mono())
            self._kept[key] = like
            self._same[key, exactly(alert)] = like

    def find(
        self, alert: Alert, evidence: Sequence[Evidence], signals: Sequence[str], lane: str
    ) -> Like | None:
        """An analysis that may stand for this alert's; None where there is none or it would lower too much.

        Nothing is lowered from the cache for critical and high alerts (by lane or by severity), with a hard
        signal in the evidence, or with a sign that the alert tries to instruct a model.
        """
        key = kind_of(alert, evidence)
        like = self._kept.get(key) if key is not None else None
        return None if like is None or self._lowers(like, alert, evidence, signals, lane) else like

    @staticmethod
    def _lowers(
        like: Like, alert: Alert, evidence: Sequence[Evidence], signals: Sequence[str], lane: str
    ) -> bool:
        if like.verdict.verdict not in LOWERING:
            return False
        return (
            bool(signals)
            or lane in _PROTECTED_LANES
            or alert.head.severity_id >= Severity.HIGH
            or any(piece.finding.hard for piece in evidence)
        )

    def instead(
        self, alert: Alert, evidence: Sequence[Evidence], signals: Sequence[str], lane: str
    ) -> Like | None:
        """An analysis that may stand in place of a call, though models could answer; None: ask one.

        Only below high, and only of an alert with the very same entities and behaviour: a new entity is
        always looked at. An alert that says nothing of either is asked about too.
        """
        exact = exactly(alert)
        if lane in _PROTECTED_LANES or alert.head.severity_id >= Severity.HIGH or signals or not any(exact):
            return None
        key = kind_of(alert, evidence)
        like = self._same.get((key, exact)) if key is not None else None
        return None if like is None or self._lowers(like, alert, evidence, signals, lane) else like

    def told(self, like: Like, *, why: str = "no model could answer now") -> tuple[Verdict, str]:
        """The verdict as another alert inherits it, and the Markdown that says where from, and `why`.

        Its facts are told in words and cite nothing: they rest on the other alert's evidence. Its actions
        name the other alert's hosts and stay behind.
        """
        minutes = max(0, round((self._mono() - like.at_mono) / 60))
        ago = f"{minutes} min ago" if minutes else "a moment ago"
        verdict = like.verdict
        lines = [
            f"**Not analysed by itself:** {why}.",
            f"Alert {like.alert_id} ({safe(like.uid, 80)}), of the same rule, severity and kind of entity, "
            f"was analysed {ago} by {safe(f'{like.provider}:{like.model}', 120)}: {verdict.verdict}, "
            f"confidence {verdict.confidence:.2f}. {verdict.summary}",
        ]
        if verdict.facts:
            lines += ["What it rested on there:", *(f"- {fact.text}" for fact in verdict.facts)]
        lines.append("Check whether the same holds here.")
        inherited = msgspec.structs.replace(
            verdict,
            confidence=min(verdict.confidence, MAX_CONFIDENCE),
            summary=safe(f"As like alert {like.alert_id}: {verdict.summary}", 400),
            facts=(),
            actions=(),
        )
        return inherited, "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:])


def kind_of(alert: Alert, evidence: Sequence[Evidence]) -> Key | None:
    """What alike alerts have in common; None where no rule or title says what fired.

    Who may be told of them; the rule; the severity; which kinds of entity take part (addresses by inner or
    outer, a host, a user, a process, a file); what the product did; and what the evidence weighs.
    """
    head = alert.head
    rule = head.rule_uid or head.rule_name or head.title
    if not rule:
        return None
    entities = (
        _side(head.src_ip),
        _side(head.dst_ip),
        bool(head.hostname),
        bool(head.user),
        bool(alert.process.name or alert.process.cmd_line),
        bool(alert.file.name or alert.file.path),
    )
    weighed = frozenset(
        (piece.finding.kind, piece.finding.weight, piece.finding.hard, piece.finding.tags)
        for piece in evidence
        if piece.finding.weight or piece.finding.hard
    )
    return (alert.data, head.format, rule, head.severity_id, entities, alert.action, weighed)


def exactly(alert: Alert) -> Key:
    """Entities and behaviour of an alert, without ids, ports and times."""
    head, process, file = alert.head, alert.process, alert.file
    return (
        head.src_ip,
        head.dst_ip,
        head.hostname,
        head.user or alert.user_name,
        process.cmd_line or process.name,
        process.parent_name,
        file.path or file.name,
        file.sha256 or file.md5,
        alert.description,
        tuple(fact.value for fact in alert.facts if fact.attacker),
    )


def _side(ip: str) -> str:
    if not ip:
        return ""
    inner = is_internal(ip)
    return "?" if inner is None else "inner" if inner else "outer"
