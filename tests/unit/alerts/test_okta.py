"""Okta System Log: which events are alerts, and the odd ways Okta writes truth and maps."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.fields import Object
from backend.alerts.model import Attack, Head, ParsedAlert, ParsedEvent
from backend.alerts.okta import Okta
from backend.alerts.okta_rules import RULES, pseudo_map, risk_level
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, one, reason_of, texts_in

EVENT: dict[str, object] = {
    "uuid": "9de5069c-0000-11ee-0000-a04b66beb2c0",
    "published": "2025-12-31T00:00:00.764Z",
    "eventType": "user.session.impersonation.grant",
    "legacyEventType": "core.user.impersonation.grant.enabled",
    "version": "0",
    "severity": "INFO",
    "displayMessage": "Grant user privilege for impersonation",
    "actor": {"id": "1", "type": "User", "alternateId": "ann@corp.example", "displayName": "Ann"},
    "client": {
        "ipAddress": "203.0.113.9",
        "zone": "null",
        "userAgent": {"rawUserAgent": "curl/8", "os": "Unknown"},
        "geographicalContext": {"country": "Norway"},
    },
    "request": {"ipChain": [{"ip": "203.0.113.9", "version": "V4"}, {"ip": "198.51.100.7"}]},
    "securityContext": {"isProxy": False, "asNumber": 64500},
    "outcome": {"result": "SUCCESS", "reason": None},
    "target": [
        {"type": "AppInstance", "alternateId": "app"},
        {"type": "User", "alternateId": "bob@corp.example"},
    ],
    "debugContext": {
        "debugData": {
            "threatSuspected": "false",
            "risk": "{level=LOW, reasons=New device, new place}",
            "behaviors": "{New Geo-Location=NEGATIVE, New Device=POSITIVE}",
            "url": "/api/v1/users?",
        }
    },
}


def event(
    kind: str | None = None, *, debug: dict[str, object] | None = None, **changes: object
) -> dict[str, Any]:
    made: dict[str, Any] = copy.deepcopy(EVENT) | changes
    if kind is not None:
        made["eventType"] = kind
    if debug is not None:
        made["debugContext"] = {"debugData": debug}
    return made


def test_head() -> None:
    assert head_of(EVENT) == Head(
        uid="9de5069c-0000-11ee-0000-a04b66beb2c0",
        format="okta",
        time_ms=1767139200764,
        severity_id=4,
        title=SafeText("Grant user privilege for impersonation"),
        severity_native=SafeText("INFO"),
        rule_uid=SafeText("user.session.impersonation.grant"),
        rule_name=SafeText("Grant user privilege for impersonation"),
        src_ip=SafeText("203.0.113.9"),
        user=SafeText("ann@corp.example"),
        product=SafeText("Okta System Log"),
    )


def test_whole_alert() -> None:
    made = alert_of(EVENT)
    assert (made.vendor, made.status, made.src.ip) == ("Okta", "SUCCESS", "203.0.113.9")
    assert made.description == "access to another user's session was granted"
    assert made.attacks == (Attack(SafeText("T1199")),)
    assert {(seen.type, str(seen.value)) for seen in made.observables} == {
        ("IP Address", "203.0.113.9"),
        ("IP Address", "198.51.100.7"),
        ("User Name", "ann@corp.example"),
        ("User Name", "bob@corp.example"),
        ("User Agent", "curl/8"),
    }
    facts = {str(fact.name): fact for fact in made.facts}
    assert facts["debugContext.debugData.risk.level"].value == "LOW"
    assert facts["debugContext.debugData.risk.reasons"].value == "New device, new place"
    assert facts["debugContext.debugData.behaviors.New Device"].value == "POSITIVE"
    assert facts["client.userAgent.rawUserAgent"].attacker and not facts["securityContext.asNumber"].attacker
    assert "debugContext.debugData.risk" not in facts


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_rule_makes_an_alert_of_its_level(kind: str) -> None:
    head = head_of(event(kind, debug={}, outcome={"result": "DENY"}))
    assert (head.format, head.severity_id, head.rule_uid) == ("okta", int(RULES[kind].severity), kind)
    assert head_of(event(kind, debug={}, severity=None, outcome={"result": "FAILURE"})).severity_id > 0


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        *(("user.session.start", "user.session"), ("user.session.clear", "user.session")),
        *(("user.lifecycle.suspend", "user.lifecycle"), ("system.org.rate_limit.warning", "system.org")),
        *(
            ("system.api_token.revoke", "system.api_token"),
            ("policy.evaluate_sign_on", "policy.evaluate_sign_on"),
        ),
        ("user.authentication.auth_via_mfa", "user.authentication"),
    ],
)
@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARN", "ERROR", "HIGH", None])
def test_other_events_are_no_alerts_whatever_their_log_level(kind: str, counted: str, level: object) -> None:
    document = event(kind, severity=level, outcome={"result": "SUCCESS"})
    assert one(document) == ParsedEvent("okta", counted)
    assert one(document | {"debugContext": None}) == ParsedEvent("okta", counted)


def test_a_denied_sign_on_is_an_alert_and_an_allowed_one_is_not() -> None:
    denied = event("policy.evaluate_sign_on", outcome={"result": "DENY"})
    assert head_of(denied).severity_id == 2
    assert isinstance(one(event("policy.evaluate_sign_on", outcome={"result": "ALLOW"})), ParsedEvent)


@pytest.mark.parametrize(
    ("suspected", "is_alert"),
    [
        ("true", True),
        (True, True),
        ("True", True),
        ("false", False),
        (False, False),
        (None, False),
        ("", False),
    ],
)
def test_the_word_false_is_not_true(suspected: object, is_alert: bool) -> None:
    made = one(event("user.session.start", debug={"threatSuspected": suspected}))
    assert isinstance(made, ParsedAlert) is is_alert
    if isinstance(made, ParsedAlert):
        assert made.head.severity_id == 3


@pytest.mark.parametrize(
    ("risk", "is_alert"),
    [
        ("{level=HIGH, reasons=Anomalous Location}", True),
        ({"level": "HIGH"}, True),
        ("{reasons=x, level=HIGH}", True),
        ("HIGH", True),
        ("{level=LOW}", False),
        ("{level=MEDIUM, reasons=level=HIGH}", False),
        ("{", False),
        (None, False),
        (7, False),
    ],
)
def test_a_high_risk_is_an_alert(risk: object, is_alert: bool) -> None:
    assert isinstance(one(event("user.session.start", debug={"risk": risk})), ParsedAlert) is is_alert


def test_the_most_severe_reason_counts() -> None:
    both = event("policy.evaluate_sign_on", debug={"threatSuspected": "true"}, outcome={"result": "DENY"})
    assert head_of(both).severity_id == 3
    phished = event(
        "user.authentication.auth_via_mfa",
        outcome={"result": "FAILURE", "reason": "FastPass declined phishing attempt"},
    )
    assert head_of(phished).severity_id == 4
    assert head_of(event("user.risk.detect", debug={"risk": "{level=HIGH}"})).severity_id == 4
    assert head_of(event("user.risk.detect", debug={"risk": "{level=LOW}"})).severity_id == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{level=LOW, reasons=a, b}", {"level": "LOW", "reasons": "a, b"}),
        ("{New Device=POSITIVE, New IP=NEGATIVE}", {"New Device": "POSITIVE", "New IP": "NEGATIVE"}),
        ("{}", {}),
        ("{a=}", {"a": ""}),
        ("level=LOW", {}),
        ("{no pairs}", {}),
        (None, {}),
        ({"a": 1}, {}),
    ],
)
def test_pseudo_maps(value: object, expected: dict[str, str]) -> None:
    assert pseudo_map(value) == expected


@given(st.text(max_size=60), st.booleans())
def test_no_pseudo_map_raises(inside: str, braced: bool) -> None:
    value = f"{{{inside}}}" if braced else inside
    pseudo_map(value)
    risk_level({"risk": value})


def test_who_it_was_done_to_where_okta_did_it() -> None:
    locked = event("user.account.lock", actor={"alternateId": "system@okta.com"})
    assert head_of(locked).user == "bob@corp.example"
    assert head_of(locked | {"target": None}).user == "system@okta.com"


def test_times_and_ids() -> None:
    spaced = head_of(event(published="2025-12-31 00:00:00.621000000"))
    assert (spaced.time_ms, spaced.time_quality) == (1767139200621, "no_zone")
    assert head_of(event(published="redacted")).time_quality == "received"
    assert head_of(event(uuid=None)).uid == head_of(event(uuid=None)).uid
    assert head_of(event(uuid=None)).uid != head_of(event(uuid=None, displayMessage="x")).uid


def test_an_event_hook_carries_several() -> None:
    hook = {
        "eventType": "com.okta.event_hook",
        "eventTypeVersion": "1.0",
        "cloudEventsVersion": "0.1",
        "source": "https://corp.okta.com/api/v1/eventHooks/1",
        "eventId": "1",
        "data": {"events": [EVENT, event("user.session.start"), event("user.account.lock")]},
        "eventTime": "2025-12-31T00:00:01Z",
        "contentType": "application/json",
    }
    items = Parser().parse(line(hook), NOW_MS)
    assert [type(item).__name__ for item in items] == ["ParsedAlert", "ParsedEvent", "ParsedAlert"]
    assert [item.sub for item in items] == [0, 1, 2]
    first = items[0]
    assert isinstance(first, ParsedAlert) and first.raw == line(EVENT)
    assert Parser().build_alert(first.raw, first.head).user_name == "ann@corp.example"


def test_eventbridge() -> None:
    bridged = {"source": "aws.partner/okta.com/corp/x", "detail-type": "SystemLog", "detail": EVENT}
    assert head_of(bridged) == head_of(EVENT)
    assert alert_of(bridged).description == alert_of(EVENT).description


def test_rows_of_no_event_type_are_not_okta() -> None:
    assert head_of({"user_email": "ann@corp.example", "z_score_volume": 3.2}).format == "generic_json"
    fixed = Parser(fixed_format="okta")
    assert reason_of({"a": 1}, fixed) == "okta record without an eventType"


def test_both_paths_agree_on_events() -> None:
    for kind in ("user.session.start", "a", "a.b.c.d"):
        document = event(kind, debug={"threatSuspected": "false"})
        fast = Okta().typed(line(document), NOW_MS)
        assert fast is not None and fast == Okta().read(document, line(document), NOW_MS)


@given(mutated(EVENT, event("user.session.start"), {"source": "aws.partner/okta.com/x", "detail": EVENT}))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    Parser().parse(raw, NOW_MS)
    head = Okta().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(Okta().alert(raw, head)))
