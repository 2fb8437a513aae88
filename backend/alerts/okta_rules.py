"""Which Okta System Log events are alerts, how severe, and why.

Okta's own `severity` is a log level (INFO covers a granted impersonation), so the event type decides. The
types are from Okta's event catalogue (developer.okta.com); the levels follow SigmaHQ's Okta rules
where there is one, and are ours elsewhere. What is not listed is an event, whatever its level.
"""

import re
from typing import NamedTuple

from backend.alerts.fields import Object, dig, mapping, text
from backend.alerts.model import Severity


class Rule(NamedTuple):
    """Why an event is an alert."""

    severity: Severity
    reason: str
    technique: str = ""
    """ATT&CK technique id, where one fits without a doubt."""
    results: frozenset[str] = frozenset()
    """Outcomes it holds for; empty for any."""


_FAILED = frozenset({"DENY", "FAILURE"})
_MEDIUM, _HIGH, _LOW = Severity.MEDIUM, Severity.HIGH, Severity.LOW

RULES: dict[str, Rule] = {
    # What Okta itself calls a threat.
    "security.threat.detected": Rule(_HIGH, "ThreatInsight saw requests from an address known for attacks"),
    "security.attack.start": Rule(_HIGH, "Okta sees the organisation under a credential attack", "T1110"),
    "security.breached_credential.detected": Rule(
        _HIGH, "a user's credentials are in a known breach", "T1078.004"
    ),
    "security.request.blocked": Rule(_LOW, "a request was blocked by zone or threat settings"),
    "user.account.report_suspicious_activity_by_enduser": Rule(
        _HIGH, "a user reports activity that is not theirs"
    ),
    "user.risk.detect": Rule(_MEDIUM, "Identity Threat Protection found a risk for a user"),
    "policy.auth_reevaluate.fail": Rule(_MEDIUM, "a session no longer met its policy"),
    "app.oauth2.token.detect_reuse": Rule(_HIGH, "a refresh token was used twice", "T1528"),
    "app.oauth2.as.token.detect_reuse": Rule(_HIGH, "a refresh token was used twice", "T1528"),
    "user.session.detect_client_roaming": Rule(_MEDIUM, "a session moved to another client", "T1539"),
    # Somebody else's session.
    "user.session.impersonation.grant": Rule(_HIGH, "access to another user's session was granted", "T1199"),
    "user.session.impersonation.initiate": Rule(_HIGH, "another user's session was entered", "T1199"),
    "user.session.impersonation.extend": Rule(
        _MEDIUM, "access to another user's session was extended", "T1199"
    ),
    # Passwords and second factors under attack, or taken off.
    "user.account.lock": Rule(_MEDIUM, "too many failed sign-ins locked the account", "T1110"),
    "user.account.lock.limit": Rule(_MEDIUM, "an account was locked more often than is allowed", "T1110"),
    "user.mfa.okta_verify.deny_push": Rule(_MEDIUM, "the user refused a push: possible MFA fatigue", "T1621"),
    "user.mfa.attempt_bypass": Rule(_HIGH, "somebody tried to get around the second factor", "T1556.006"),
    "user.mfa.factor.deactivate": Rule(_MEDIUM, "a second factor was taken off an account", "T1556.006"),
    "user.mfa.factor.reset_all": Rule(_MEDIUM, "all second factors of an account were reset", "T1556.006"),
    "system.mfa.factor.deactivate": Rule(
        _HIGH, "a second factor was switched off for everybody", "T1556.006"
    ),
    # Policy denials.
    "policy.evaluate_sign_on": Rule(_LOW, "the sign-on policy refused access", "", _FAILED),
    "application.policy.sign_on.deny_access": Rule(_LOW, "an application's policy refused access"),
    "app.generic.unauth_app_access_attempt": Rule(_MEDIUM, "a user tried an application they may not use"),
    # Ways to stay, or to stay unseen.
    "user.account.privilege.grant": Rule(_MEDIUM, "a user was made an administrator", "T1098.003"),
    "group.privilege.grant": Rule(_MEDIUM, "a group was given administrator rights", "T1098.003"),
    "system.api_token.create": Rule(_MEDIUM, "a long-lived API token was made", "T1098.001"),
    "system.idp.lifecycle.create": Rule(_MEDIUM, "an identity provider was added", "T1484.002"),
    "zone.deactivate": Rule(_MEDIUM, "a network zone was switched off", "T1556.009"),
    "zone.delete": Rule(_MEDIUM, "a network zone was deleted", "T1556.009"),
    "policy.lifecycle.deactivate": Rule(_LOW, "a policy was switched off", "T1556.009"),
    "policy.lifecycle.delete": Rule(_LOW, "a policy was deleted", "T1556.009"),
}

PHISHING = Rule(_HIGH, "FastPass refused a phishing page's request", "T1566")
SUSPECTED = Rule(_MEDIUM, "ThreatInsight suspects the request")
RISKY = Rule(_MEDIUM, "Okta rates the risk of the request as high")
_PAIR = re.compile(r"\s*([^=,{}]{1,100}?)\s*=\s*(.{0,300}?)\s*(?=,[^=,]{1,100}=|$)", re.DOTALL)
_RISK_LEVELS = {"LOW": Severity.LOW, "MEDIUM": Severity.MEDIUM, "HIGH": Severity.HIGH}


def rule_for(event: Object) -> Rule | None:
    """Why an event is an alert; None where it is none. Where several rules apply, the most severe one."""
    kind = text(event.get("eventType"), 100)
    outcome = mapping(event.get("outcome"))
    debug = mapping(dig(event, "debugContext.debugData"))
    result = text(outcome.get("result"), 40).upper()
    found: list[Rule] = []
    listed = RULES.get(kind)
    if listed is not None and (not listed.results or result in listed.results):
        found.append(_rated(listed, debug) if kind == "user.risk.detect" else listed)
    if kind == "user.authentication.auth_via_mfa" and "phishing" in text(outcome.get("reason")).lower():
        found.append(PHISHING)
    if is_true(debug.get("threatSuspected")):
        found.append(SUSPECTED)
    if risk_level(debug) == "HIGH":
        found.append(RISKY)
    return max(found, key=lambda rule: rule.severity, default=None)


def _rated(rule: Rule, debug: Object) -> Rule:
    """Identity Threat Protection's own level, where it names one."""
    return rule._replace(severity=_RISK_LEVELS.get(risk_level(debug), rule.severity))


def is_true(value: object) -> bool:
    """Okta writes truth values in debug data as words; "false" is a string that Python holds for true."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def risk_level(debug: Object) -> str:
    """LOW, MEDIUM or HIGH from `debugData.risk`, an object or a pseudo-map; empty without one."""
    risk = debug.get("risk")
    level = risk.get("level") if isinstance(risk, dict) else pseudo_map(risk).get("level", risk)
    return text(level, 20).upper()


def pseudo_map(value: object) -> dict[str, str]:
    """What `{level=LOW, reasons=a, b}` says: Java's way to print a map, which is no JSON."""
    if not isinstance(value, str):
        return {}
    inside = value.strip()
    if not (inside.startswith("{") and inside.endswith("}")) or len(inside) > 10_000:
        return {}
    return {found.group(1).strip(): found.group(2) for found in _PAIR.finditer(inside[1:-1].lstrip(", "))}
