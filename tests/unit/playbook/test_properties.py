"""What must hold for every alert: the same answer twice, and evidence that only pushes its own way."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.alerts.model import Alert
from backend.analysis.playbook.analyst import judge
from backend.analysis.playbook.reading import read
from backend.analysis.playbook.score import weigh
from backend.enrichment.base import EvidenceKind, Finding
from tests.unit.playbook.builders import SCANNER, SEVERITIES, alert, evidence, finding

RANK = {
    "False Positive": 0,
    "Benign": 0,
    "Test": 0,
    "Insufficient Data": 1,
    "Suspicious": 2,
    "True Positive": 3,
}
WORDS = st.sampled_from(
    [
        "ET POLICY thing",
        "SURICATA STREAM invalid ack",
        "Webshell upload",
        "brute force",
        "LSASS memory dump",
        "Odd",
        "this is a test",
        "[SAMPLE] x",
        "CVE-2020-1 - musl",
        "Terminal shell in container",
        "port scan",
        "Impossible travel",
    ]
)
ADDRESSES = st.sampled_from(
    ["", "10.0.0.1", "203.0.113.9", "fe80::1%eth0", "not an address", "::ffff:10.0.0.1"]
)
ALERTS = st.builds(
    alert,
    st.sampled_from(sorted(SEVERITIES)),
    WORDS | st.text(max_size=60),
    fmt=st.sampled_from(["suricata_eve", "okta", "falco", "generic_json"]),
    host=st.sampled_from(["", "web-01"]),
    user=st.sampled_from(["", "bob"]),
    src=ADDRESSES,
    dst=ADDRESSES,
    cmd=st.sampled_from(["", "powershell -enc AAAA", "vssadmin delete shadows"]) | st.text(max_size=40),
    attacks=st.lists(st.sampled_from(["T1003", "T1059.001", "T1110/TA0006", "T4242", "/TA0040"]), max_size=3),
    action=st.sampled_from(["", "blocked", "allowed"]),
    suppressed=st.booleans(),
    count=st.sampled_from([1, 50]),
)
KINDS: tuple[EvidenceKind, ...] = ("threat_intel", "asset", "user", "history", "geoip", "related")
HUMAN = st.sampled_from(["history:false_positive", "history:benign"])


def findings(low: int, high: int) -> st.SearchStrategy[Finding]:
    """Findings whose weight lies between two bounds."""
    return st.builds(
        lambda kind, weight, hard: finding(kind, f"{kind} says so", weight, hard=hard and weight > 0),
        st.sampled_from(KINDS),
        st.integers(low, high),
        st.booleans(),
    )


ANY = st.lists(
    findings(-3, 3) | HUMAN.map(lambda tag: finding("history", "people said so", -2, tag)), max_size=6
)


def total(case: Alert, found: list[Finding]) -> int:
    return weigh(read(case), evidence(*found)).total


@settings(max_examples=200, deadline=None)
@given(ALERTS, ANY, findings(1, 3))
def test_more_hostile_evidence_never_lowers(case: Alert, found: list[Finding], more: Finding) -> None:
    assert total(case, [*found, more]) >= total(case, found)
    before, after = (judge(case, evidence(*some))[0].verdict for some in (found, [*found, more]))
    assert RANK[after] >= RANK[before]


@settings(max_examples=200, deadline=None)
@given(ALERTS, ANY)
def test_an_authorised_scanner_never_raises(case: Alert, found: list[Finding]) -> None:
    assert total(case, [*found, SCANNER]) <= total(case, found)


@settings(max_examples=200, deadline=None)
@given(ALERTS, ANY, st.lists(st.just("role_play"), max_size=1))
def test_rules_that_nothing_bends(case: Alert, found: list[Finding], signals: list[str]) -> None:
    shown = evidence(*found)
    verdict, text = judge(case, shown, signals)
    assert (verdict, text) == judge(case, shown, signals)
    known = {one.id for one in shown}
    assert set(re.findall(r"\[(E\d+)\]", re.sub(r"`[^`]*`", "", text))) <= known
    assert {one for fact in verdict.facts for one in fact.evidence} <= known
    if verdict.verdict in ("Benign", "False Positive", "Test"):
        assert not signals
        assert not any(one.hard for one in found)
    if verdict.verdict in ("Benign", "False Positive") and case.head.severity_id >= 4:
        assert any(tag.startswith("history:") for one in found for tag in one.tags)


@settings(max_examples=50, deadline=None)
@given(ALERTS, st.permutations([1, -1, 2, -2, 3, 0]))
def test_the_order_of_evidence_does_not_matter(case: Alert, weights: list[int]) -> None:
    sums = [
        total(case, [finding("related", f"w{weight}", weight) for weight in some])
        for some in (weights, sorted(weights))
    ]
    assert sums[0] == sums[1]
