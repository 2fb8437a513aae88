"""What a verdict may do to an alert. Pure rules: the model proposes, this decides.

Raising is free, for a model that is fooled into raising costs a look. Lowering and closing are what an
attacker wants, so they pass only where every rule below holds, and a part of what passes goes to a person all
the same:

- the vendor's severity is one that policy lets go (Unknown never is: it may be anything);
- the answer is the planned model's own, whole, in the form, about this alert alone, with all context there;
- it is sure enough, enough facts cite evidence that says what they say, and nothing it names is absent;
- no hard signal stands: known-bad address, crown-jewel asset, weighty evidence;
- nothing in the alert or its enrichment reads as an instruction to a model, and nobody wrote sentences where
  names stand;
- the second opinion, rules without any model, calls it harmless too;
- no person holds the alert.

A verdict that may not stand is replaced by the more cautious of the two opinions, so that no model ever makes
an alert look more harmless than rules alone would.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from backend.alerts.model import SEVERITY_NAMES, Head, Severity
from backend.alerts.text import SafeText, safe
from backend.analysis.model import Analysis, Ruling, RulingKind, Verdict
from backend.enrichment.base import Evidence

CLOSING = frozenset({"Benign", "False Positive"})
"""What the machine may close an alert as. Test, Duplicate and their kin claim what no rule here can check."""
HARMLESS = CLOSING | {"Disregard", "Test", "Duplicate", "Managed Externally"}
HARD_WEIGHT = 2
"""Evidence of this weight is clearly hostile (`Finding.weight`: -3 to +3)."""
_RANK = {
    "Insufficient Data": 1,
    "Unknown": 1,
    "Suspicious": 2,
    "Security Risk": 2,
    "True Positive": 3,
}
_REASON_CHARS = 160
_SHARE = 2**64


class Policy(msgspec.Struct, frozen=True, gc=False):
    """The settings of `[policy]`, as the rules take them."""

    close: bool = True
    close_up_to: int = Severity.LOW
    """The highest severity that the machine may close; never above Medium."""
    lower_up_to: int = Severity.MEDIUM
    """The highest severity that the machine may lower; 0 lets it lower none."""
    min_confidence: float = 0.8
    min_facts: int = 2
    human_sample: float = 0.05
    """Share of what may be closed or lowered that a person looks at all the same."""


class Case(msgspec.Struct, frozen=True):
    """All that the rules look at."""

    head: Head
    analysis: Analysis
    evidence: Sequence[Evidence]
    second: Verdict
    """The second opinion."""
    signals: tuple[str, ...] = ()
    """Signs of instructions to a model, in the alert or in its enrichment."""
    missing: tuple[str, ...] = ()
    """Context that had not come when the verdict was asked for."""
    held: bool = False
    """A person has the alert, or asked for the verdict."""
    prose: str = ""
    """A field in which an attacker could, and somebody did, write sentences."""


def rule(case: Case, policy: Policy, key: bytes) -> Ruling:
    """The ruling. `key` is secret, 16 to 64 bytes: it draws the sample that people look at."""
    verdict, own = case.analysis.verdict, case.head.severity_id
    standing = _standing(own)
    proposed = verdict.severity_id or 0
    if case.signals:
        return _instructed(case, max(proposed, standing, Severity.MEDIUM), proposed)
    if proposed > standing:
        return _raised(case, proposed)
    if verdict.verdict not in HARMLESS and not 0 < proposed < standing:
        return _ruling(case, "keep", own, True, _keeping(case))
    closes = verdict.verdict in CLOSING and standing <= policy.close_up_to
    against = _against(case, policy, closes)
    if against:
        return _ruling(case, "keep", own, True, against, disagreement=_disagreement(case))
    if sampled(case.head.uid, key, policy.human_sample):
        words = f"drawn for the sample of {policy.human_sample:.0%} that a person always sees"
        return _ruling(case, "keep", own, True, [words], sampled=True)
    return _let_go(case, closes, proposed)


def _let_go(case: Case, closes: bool, proposed: int) -> Ruling:
    """Every rule holds: close it, or lower it, harmless without a severity by one step."""
    own = case.head.severity_id
    facts = (
        f"{case.analysis.guardrails.borne_out} facts borne out, the rules agree, nothing speaks against it"
    )
    if closes:
        return _ruling(case, "close", own, False, [facts], stands=True)
    lower = proposed if 0 < proposed < own else min(own, Severity.LOW)
    outcome: RulingKind = "lower" if lower < own else "keep"
    return _ruling(case, outcome, lower, outcome == "keep", [facts], stands=True)


def sampled(uid: str, key: bytes, share: float) -> bool:
    """Whether an alert is drawn: by a keyed hash, so that nobody outside can choose a uid that is not."""
    drawn = int.from_bytes(hashlib.blake2b(uid.encode("utf-8", "replace"), key=key, digest_size=8).digest())
    return drawn < share * _SHARE


def hard_signals(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Ids of evidence while which stands nothing may be lowered."""
    return tuple(
        item.id
        for item in evidence
        if item.finding.hard
        or item.finding.weight >= HARD_WEIGHT
        or (item.finding.kind == "threat_intel" and item.finding.weight > 0)
        or "asset:crown_jewel" in item.finding.tags
    )


def _standing(severity_id: int) -> int:
    """A severity for comparing: Unknown counts like Medium, as everywhere."""
    return Severity.MEDIUM if severity_id == Severity.UNKNOWN else severity_id


def _name(severity_id: int) -> str:
    return SEVERITY_NAMES.get(severity_id, "Unknown")


def _instructed(case: Case, severity_id: int, proposed: int) -> Ruling:
    """An instruction inside a log is itself a detection."""
    own = case.head.severity_id
    words = ["its text or its context tries to instruct a model: that is itself a finding"]
    outcome: RulingKind = "raise" if severity_id > _standing(own) else "keep"
    if 0 < proposed < _standing(own) or case.analysis.verdict.verdict in HARMLESS:
        words.append(f"the model's view, {case.analysis.verdict.verdict}, does not count")
    severity = severity_id if outcome == "raise" else own
    return _ruling(case, outcome, severity, True, words, at_least="Suspicious")


def _raised(case: Case, proposed: int) -> Ruling:
    own = case.head.severity_id
    words = [f"raised from {_name(own)} to {_name(proposed)}", *_keeping(case)]
    return _ruling(case, "raise", proposed, True, words)


def _keeping(case: Case) -> list[str]:
    """What a person should know of a verdict that lowers nothing."""
    rails = case.analysis.guardrails
    words = []
    if rails.ungrounded:
        words.append(f"{_count(len(rails.ungrounded), 'name')} in no evidence")
    if rails.withheld:
        words.append(f"{_count(len(rails.withheld), 'action')} withheld")
    if _disagreement(case):
        words.append(f"rules alone say {case.second.verdict}")
    return words


def _against(case: Case, policy: Policy, closes: bool) -> list[str]:
    """Every rule that a lowering breaks, in words; empty: none."""
    checks = (_of_severity(case, policy, closes), _of_answer(case), _of_proof(case, policy), _of_world(case))
    return [words for group in checks for words in group if words]


def _of_severity(case: Case, policy: Policy, closes: bool) -> list[str]:
    own = case.head.severity_id
    if own == Severity.UNKNOWN:
        return ["its severity is unknown: a person decides"]
    if closes:
        return [] if policy.close and own <= min(policy.close_up_to, Severity.MEDIUM) else ["closing is off"]
    if own > policy.lower_up_to or own >= Severity.HIGH:
        return [f"{_name(own)} is never lowered by the machine"]
    return []


def _of_answer(case: Case) -> list[str]:
    """Who answered, and how."""
    analysis = case.analysis
    if analysis.kind == "playbook":
        return ["rules alone close and lower nothing"]
    return [
        "" if analysis.kind == "model" else f"not analysed by itself ({analysis.kind})",
        "the planned model did not answer" if analysis.degraded else "",
        "the answer broke off" if analysis.partial else "",
        "" if analysis.guardrails.output_valid else "the answer did not keep to its form",
    ]


def _of_proof(case: Case, policy: Policy) -> list[str]:
    """What the model shows for it."""
    rails, confidence = case.analysis.guardrails, case.analysis.verdict.confidence
    sure = confidence >= policy.min_confidence  # also False where it is no number
    return [
        "" if sure else f"confidence {confidence:.2f} is below {policy.min_confidence:.2f}",
        ""
        if rails.borne_out >= policy.min_facts
        else f"{rails.borne_out} of {policy.min_facts} facts borne out by what they cite",
        f"{_count(len(rails.ungrounded), 'name')} in no evidence" if rails.ungrounded else "",
        f"{_count(len(rails.miscited), 'name')} not in the evidence cited" if rails.miscited else "",
        f"{_count(len(rails.withheld), 'action')} withheld" if rails.withheld else "",
        "harmless, yet with actions that interrupt"
        if any(action.needs_approval for action in case.analysis.verdict.actions)
        else "",
    ]


def _of_world(case: Case) -> list[str]:
    """What else is known."""
    hard = hard_signals(case.evidence)
    second = case.second.verdict
    return [
        ""
        if case.analysis.verdict.verdict in HARMLESS
        else f"{case.analysis.verdict.verdict} is no reason to lower anything",
        f"a hard signal stands ({', '.join(hard[:3])})" if hard else "",
        "" if second in HARMLESS else f"rules alone say {second}: a person decides",
        f"context is missing ({', '.join(case.missing[:3])})" if case.missing else "",
        "a person has it" if case.held else "",
        f"somebody wrote sentences into its {case.prose}" if case.prose else "",
    ]


def _disagreement(case: Case) -> str:
    """The second opinion, where it is worse than the first."""
    worse = _rank(case.second.verdict) > _rank(case.analysis.verdict.verdict)
    return case.second.verdict if worse and case.analysis.kind != "playbook" else ""


def _rank(verdict: str) -> int:
    return 0 if verdict in HARMLESS else _RANK.get(verdict, 1)


def _ruling(
    case: Case,
    outcome: RulingKind,
    severity_id: int,
    human: bool,
    words: Sequence[str],
    *,
    stands: bool = False,
    sampled: bool = False,
    disagreement: str = "",
    at_least: str = "",
) -> Ruling:
    """A ruling with the verdict in force: the model's where it stands, else the most cautious at hand."""
    verdict = case.analysis.verdict.verdict
    if not stands:
        options = [verdict, case.second.verdict, *([at_least] if at_least else [])]
        verdict = max(options, key=_rank) if _rank(verdict) == 0 or at_least else verdict
    reasons: tuple[SafeText, ...] = tuple(safe(one, _REASON_CHARS) for one in words)
    return Ruling(outcome, verdict, int(severity_id), human, reasons, disagreement, sampled)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
