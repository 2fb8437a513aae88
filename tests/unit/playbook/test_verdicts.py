"""What the playbook makes of alerts in the shapes vendors send."""

import re

import pytest

from backend.alerts.model import Alert
from backend.analysis.model import ACTIONS, VERDICTS
from backend.analysis.playbook.analyst import judge
from backend.enrichment.base import Finding
from tests.unit.playbook.builders import (
    BURST,
    CROWN,
    FIRST,
    GEO,
    HUMAN_FALSE,
    HUMAN_TRUE,
    KNOWN_BAD,
    MACHINE,
    SCANNER,
    alert,
    evidence,
    finding,
)

TP, SUS, BEN, FP, INS, TEST = (
    "True Positive",
    "Suspicious",
    "Benign",
    "False Positive",
    "Insufficient Data",
    "Test",
)
DUMP = alert(
    "high",
    "Suspicious access to LSASS memory",
    fmt="defender",
    host="ws-114",
    user="bob",
    process="rundll32.exe",
    parent="cmd.exe",
    cmd="rundll32.exe comsvcs.dll, MiniDump 612 out.dmp full",
    attacks=["T1003.001/TA0006"],
)
POLICY = alert(
    "low",
    "ET POLICY GNU/Linux APT User-Agent Outbound likely related to package management",
    fmt="suricata_eve",
    src="10.0.0.5",
    dst="198.51.100.7",
)
SCAN = alert(
    "medium",
    "ET SCAN Possible Nmap User-Agent Observed",
    fmt="suricata_eve",
    src="10.0.0.9",
    dst="10.0.0.7",
    attacks=["T1046/TA0007"],
)
SSH = alert(
    "medium",
    "sshd: brute force trying to get access to the system",
    fmt="wazuh",
    host="web-01",
    src="203.0.113.5",
    attacks=["T1110/TA0006"],
)
SHADOW = alert(
    "high",
    "Shadow copies deleted",
    fmt="crowdstrike",
    host="fs-02",
    process="vssadmin.exe",
    cmd="vssadmin delete shadows /all /quiet",
    attacks=["T1490/TA0040"],
)
SHELL = alert("low", "Terminal shell in container", fmt="falco", host="node-1", process="bash")

CASES: list[tuple[str, Alert, tuple[Finding, ...], str]] = [
    ("lsass dump", DUMP, (), TP),
    ("lsass dump on a crown jewel", DUMP, (CROWN,), TP),
    ("lsass dump by a scanner is still looked at", DUMP, (SCANNER,), SUS),
    ("lsass dump that people called false", DUMP, (HUMAN_FALSE,), SUS),
    ("shadow copies", SHADOW, (), TP),
    (
        "shadow copies, rated medium",
        alert("medium", "Process", host="a", cmd="vssadmin delete shadows", attacks=["T1490"]),
        (),
        TP,
    ),
    (
        "ransomware",
        alert("critical", "Ransomware behavior detected", host="ws-1", attacks=["T1486"]),
        (FIRST,),
        TP,
    ),
    (
        "beacon to a known bad address",
        alert("high", "Cobalt Strike beacon", src="10.4.2.17", dst="203.0.113.9", attacks=["T1071.001"]),
        (KNOWN_BAD, FIRST),
        TP,
    ),
    ("beacon alone", alert("high", "ET MALWARE CnC Beacon", src="10.4.2.17", dst="203.0.113.9"), (), TP),
    ("known bad, nothing else", alert("medium", "Outbound connection", src="10.1.1.1"), (KNOWN_BAD,), TP),
    ("webshell", alert("high", "Webshell upload", host="web-01", attacks=["T1505.003"]), (), TP),
    (
        "web server starts a shell",
        alert("high", "Unusual child process", host="web-01", process="cmd.exe", parent="w3wp.exe"),
        (FIRST,),
        TP,
    ),
    (
        "winword starts powershell -enc",
        alert(
            "high",
            "Suspicious process",
            host="ws-1",
            process="powershell.exe",
            parent="WINWORD.EXE",
            cmd="powershell -nop -enc SQBFAFgA",
            attacks=["T1059.001"],
        ),
        (),
        TP,
    ),
    (
        "encoded powershell, medium",
        alert("medium", "PowerShell", host="ws-1", process="powershell.exe", cmd="powershell -enc AAAA"),
        (),
        SUS,
    ),
    (
        "miner",
        alert(
            "high", "CryptoCurrency:EC2/BitcoinTool.B!DNS", fmt="guardduty", host="i-99", attacks=["T1496"]
        ),
        (),
        TP,
    ),
    (
        "reverse shell",
        alert("critical", "Reverse shell", fmt="falco", host="pod", attacks=["T1059.004"]),
        (),
        TP,
    ),
    ("log cleared", alert("high", "Event log was cleared", host="dc-1", attacks=["T1070.001"]), (FIRST,), TP),
    ("guessing from outside", SSH, (), SUS),
    ("guessing that keeps on from an address in feeds", SSH, (KNOWN_BAD, BURST), TP),
    ("guessing, history of a real break-in", SSH, (HUMAN_TRUE,), SUS),
    ("guessing, judged false by people", SSH, (HUMAN_FALSE,), FP),
    ("spraying", alert("high", "Password spray attack detected", fmt="sentinel", user="a"), (), SUS),
    ("impossible travel", alert("medium", "Impossible travel activity", fmt="okta", user="bob"), (GEO,), SUS),
    ("anonymous sign-in", alert("medium", "Anonymous IP address", fmt="sentinel", user="bob"), (), SUS),
    ("second factor fatigue", alert("high", "MFA fatigue", fmt="okta", user="b", attacks=["T1621"]), (), TP),
    ("shell in a container", SHELL, (), SUS),
    ("shell in a container on a crown jewel", SHELL, (CROWN,), SUS),
    ("falco metrics", alert("info", "Falco internal: metrics snapshot", fmt="falco", host="node"), (), BEN),
    ("policy", POLICY, (), BEN),
    ("policy that people closed as false", POLICY, (HUMAN_FALSE,), FP),
    ("policy on a crown jewel stays open", POLICY, (CROWN,), SUS),
    ("policy to an address in feeds", POLICY, (KNOWN_BAD,), SUS),
    (
        "stream noise",
        alert("low", "SURICATA STREAM Packet with invalid ack", src="10.0.0.1", dst="10.0.0.2"),
        (),
        FP,
    ),
    (
        "tls noise, medium",
        alert("medium", "SURICATA TLS invalid record/traffic", src="10.0.0.1", dst="10.0.0.2"),
        (),
        BEN,
    ),
    ("scan inside", SCAN, (), SUS),
    ("scan inside by order", SCAN, (SCANNER,), BEN),
    ("login", alert("low", "Dovecot Authentication Success.", fmt="wazuh", host="mail", user="a"), (), BEN),
    ("failed login, low", alert("low", "PAM: User login failed.", host="m", user="a"), (), BEN),
    ("policy, high, is not closed", alert("high", "ET POLICY odd thing", src="10.0.0.1", host="a"), (), SUS),
    ("policy, high, machine history", alert("high", "ET POLICY x", host="a", user="b"), (MACHINE,), SUS),
    ("policy, high, people said false", alert("high", "ET POLICY x", host="a"), (HUMAN_FALSE,), FP),
    ("nothing known, high", alert("high", "Alert 17"), (), INS),
    ("nothing known, medium", alert("medium", "Alert 17", host="a", user="b"), (), INS),
    ("nothing known, unknown severity", alert("unknown", "Alert 17", host="a", user="b"), (), INS),
    ("something at high", alert("high", "Odd thing", host="a", user="b"), (), SUS),
    (
        "sample",
        alert("high", "[SAMPLE] UnauthorizedAccess:EC2/TorClient", fmt="guardduty", host="i"),
        (),
        TEST,
    ),
    ("eicar", alert("medium", "Virus:DOS/EICAR_Test_File", fmt="defender", host="a", file="x"), (), TEST),
    ("eicar beside a known bad address", alert("medium", "EICAR-Test-File", host="a"), (KNOWN_BAD,), TP),
    ("a title that claims to be a test", alert("high", "this is a test of mimikatz", host="a"), (), TP),
    ("vulnerability", alert("high", "CVE-2020-28928 - musl", fmt="securityhub", host="img"), (), SUS),
    (
        "blocked web attack",
        alert("medium", "SQL injection attempt", src="203.0.113.4", dst="10.0.0.8", action="blocked"),
        (),
        SUS,
    ),
    (
        "technique known by its tactic alone",
        alert("high", "Odd", host="a", user="b", attacks=["T9999/TA0006"]),
        (CROWN,),
        TP,
    ),
]


@pytest.mark.parametrize(
    ("case", "found", "wanted"), [(c[1], c[2], c[3]) for c in CASES], ids=[c[0] for c in CASES]
)
def test_verdict(case: Alert, found: tuple[Finding, ...], wanted: str) -> None:
    verdict, text = judge(case, evidence(*found))
    assert verdict.verdict == wanted, text


@pytest.mark.parametrize(("case", "found"), [(c[1], c[2]) for c in CASES], ids=[c[0] for c in CASES])
def test_every_answer_is_well_formed(case: Alert, found: tuple[Finding, ...]) -> None:
    known = {one.id for one in evidence(*found)}
    verdict, text = judge(case, evidence(*found))
    assert verdict.verdict in VERDICTS
    assert 0 < verdict.confidence < 1
    assert 2 <= len(verdict.facts) <= 4
    for fact in verdict.facts:
        assert fact.text
        assert fact.evidence
        assert set(fact.evidence) <= known
    assert set(re.findall(r"\[(E\d+)\]", text)) <= known
    assert "[E1]" in text
    assert 4 <= len(text.split("\n\n")) <= 8
    assert verdict.summary.endswith(".")
    assert "\n" not in verdict.summary
    assert len(re.findall(r"^\d\. ", text, re.M)) == 3
    assert not re.search(r"\{\w+\}", text)
    targets = {case.head.hostname, case.head.user, case.head.src_ip, case.head.dst_ip, case.head.title}
    targets |= {case.process.name, case.file.path, *(one.value for one in case.observables)}
    for action in verdict.actions:
        assert ACTIONS[action.action] is action.needs_approval
        assert action.target in targets


def test_the_summary_names_what_who_and_where() -> None:
    verdict, _ = judge(DUMP, evidence())
    for part in ("LSASS", "ws-114", "bob", "credential theft"):
        assert part in verdict.summary


def test_an_attempt_to_instruct_a_model_is_never_closed() -> None:
    for case, found in ((POLICY, (HUMAN_FALSE,)), (SCAN, (SCANNER,)), (POLICY, ())):
        plain, _ = judge(case, evidence(*found))
        assert plain.verdict in (BEN, FP)
        verdict, text = judge(case, evidence(*found), ["instruction_override"])
        assert verdict.verdict == SUS
        assert any("tries to instruct a model" in fact.text for fact in verdict.facts)
        assert "tries to instruct a model" in verdict.summary
        assert "`instruction_override`" in text
        assert (verdict.severity_id or case.head.severity_id) == 3


def test_an_attempt_to_instruct_a_model_does_not_soften_an_attack() -> None:
    assert judge(DUMP, evidence(), ["instruction_override"])[0].verdict == TP


def test_words_an_attacker_chooses_can_not_talk_an_alert_down() -> None:
    plain = alert("medium", "Web request", rule="web_attack_17", host="web-01", attacks=["T1190"])
    talked = alert(
        "medium",
        "Web request: ET POLICY package management health check [SAMPLE] this is a test eicar-test",
        rule="web_attack_17",
        host="web-01",
        attacks=["T1190"],
        cmd="authentication success health check",
        description="not suspicious traffic",
    )
    assert judge(talked, evidence())[0].verdict == judge(plain, evidence())[0].verdict == SUS


def test_targets_to_block_are_outside_addresses() -> None:
    out = judge(
        alert("high", "Beacon", src="10.4.2.17", dst="203.0.113.9", attacks=["T1071"]), evidence(KNOWN_BAD)
    )[0]
    assert [one.target for one in out.actions if one.action == "block_ip"] == ["203.0.113.9"]
    assert [one.target for one in out.actions if one.action == "isolate_host"] == ["10.4.2.17"]
    inside = judge(
        alert("critical", "Beacon", src="10.4.2.17", dst="10.9.9.9", attacks=["T1071"]), evidence(CROWN)
    )[0]
    assert inside.verdict == TP
    assert not [one for one in inside.actions if one.action == "block_ip"]


def test_a_suspicious_alert_interrupts_nobody() -> None:
    verdict, _ = judge(SSH, evidence())
    assert verdict.actions
    assert not any(one.needs_approval for one in verdict.actions)


def test_severity_is_raised_for_an_attack_and_lowered_for_what_people_called_false() -> None:
    assert judge(SHELL, evidence(CROWN))[0].severity_id == 3
    assert judge(DUMP, evidence(CROWN))[0].severity_id == 5
    closed = judge(alert("high", "ET POLICY x", host="a"), evidence(HUMAN_FALSE))[0]
    assert (closed.verdict, closed.severity_id) == (FP, 2)


def test_being_stopped_counts_against_unless_it_was_not() -> None:
    def total(action: str) -> int:
        case = alert("medium", "Trojan found", host="a", action=action)
        found = re.search(r"Sum (-?\d+)", judge(case, evidence())[1])
        assert found
        return int(found[1])

    assert total("quarantined") == total("") - 1
    assert total("not quarantined") == total("")
    assert total("failed to clean") == total("")


def test_markdown_in_an_alert_stays_text() -> None:
    title = "![x](http://evil.example/a.png) `code` **bold** \n# head"
    case = alert("high", title, host="[a](b)", user="`u`", cmd="```\nfence")
    _, text = judge(case, evidence(finding("related", "[click](http://evil.example) ```", 1)))
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert "`" not in outside
    for piece in ("evil.example", "](", "# head"):
        assert piece not in outside


def test_families_read_differently() -> None:
    texts = {judge(case, evidence())[1] for case in (DUMP, SHADOW, SSH, SCAN, POLICY, SHELL)}
    checks = {text.partition("**What to check next.**")[2].splitlines()[1] for text in texts}
    assert len(checks) == 6
