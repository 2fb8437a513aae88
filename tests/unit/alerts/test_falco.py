"""Falco alerts, as JSON and as lines of text."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.falco import Falco
from backend.alerts.fields import Object
from backend.alerts.model import Attack, DeadLetter, Head, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, one, reason_of, texts_in

ALERT: dict[str, object] = {
    "hostname": "node-1",
    "output": "22:59:58.629574123: Warning Shell in a container (user=root cmdline=sh -c id)",
    "priority": "Warning",
    "rule": "Terminal shell in container",
    "source": "syscall",
    "tags": ["container", "mitre_execution", "shell"],
    "time": "2025-12-31T22:59:58.629574123Z",
    "output_fields": {
        "container.id": "ee97d9c4186f",
        "container.image.repository": "docker.io/library/alpine",
        "evt.time": 1767221998629574123,
        "k8s.ns.name": None,
        "k8s.pod.name": "web",
        "proc.cmdline": "sh -c id",
        "proc.name": "sh",
        "proc.pid": 77,
        "proc.pname": "runc",
        "user.loginuid": -1,
        "user.name": "root",
    },
}
TEXT = (
    b"22:59:58.629574123: Notice A shell was spawned (evt_type=execve user=root process=sh "
    b"parent=runc command=sh -c ls -al (x) connection=203.0.113.9:39526->10.4.2.17:443 "
    b"file=/etc/shadow container_id=e71eac85a570 k8s_ns=<NA>)"
)


def falco(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(ALERT) | changes


def with_fields(**changes: object) -> dict[str, Any]:
    document = falco()
    document["output_fields"] |= {name.replace("__", "."): value for name, value in changes.items()}
    return document


def test_head() -> None:
    head = head_of(falco())
    assert head == Head(
        uid=head.uid,
        format="falco",
        time_ms=1767221998629,
        severity_id=3,
        title=SafeText("Terminal shell in container"),
        severity_native=SafeText("Warning"),
        rule_uid=SafeText("Terminal shell in container"),
        rule_name=SafeText("Terminal shell in container"),
        hostname=SafeText("node-1"),
        user=SafeText("root"),
        product=SafeText("Falco"),
    )


def test_the_typed_and_the_tolerant_path_agree() -> None:
    for document in (falco(), falco(rule="x\x1b", output=None), falco(output_fields=None, time=None)):
        fast = Falco().typed(line(document), NOW_MS)
        assert isinstance(fast, Head)
        assert Falco().read(document, line(document), NOW_MS) == fast


@pytest.mark.parametrize(
    ("priority", "severity"),
    [
        *(("Emergency", 5), ("ALERT", 5), ("critical", 5), ("Error", 4), ("warning", 3), ("Notice", 2)),
        *(
            ("Informational", 1),
            ("info", 1),
            ("DEBUG", 1),
            ("odd", 0),
            (None, 0),
            (3, 0),
            (["notice", "error"], 4),
        ),
    ],
)
def test_priorities_in_any_case(priority: object, severity: int) -> None:
    assert head_of(falco(priority=priority)).severity_id == severity


def test_without_a_priority_it_is_unknown() -> None:
    document = falco()
    del document["priority"]
    assert (head_of(document).severity_id, head_of(document).severity_native) == (0, "")


def test_falcos_reports_on_itself_are_no_alerts() -> None:
    kind = "Falco internal: metrics snapshot"
    assert one(falco(rule=kind)) == ParsedEvent("falco", kind)
    assert one(falco(rule=kind.upper())) == ParsedEvent("falco", kind.upper())
    dropped = b"18:43:37.970973376: Critical Falco internal: syscall event drop. 9 system calls dropped (n=9)"
    assert one(dropped) == ParsedEvent("falco", "Falco internal: syscall event drop")


@pytest.mark.parametrize(
    ("when", "nanoseconds", "time_ms", "quality"),
    [
        ("2025-12-31T22:59:58.629574123Z", None, 1767221998629, "exact"),
        # A zone that contradicts itself: the kernel's own time stands.
        ("2025-12-31T22:59:00.746609046Z+2", 1767221998629574123, 1767221998629, "exact"),
        ("2025-12-31T22:59:58.746609046Z+2", None, 1767221998746, "no_zone"),
        (None, 1767221998629999999, 1767221998629, "exact"),
        (None, None, NOW_MS, "received"),
    ],
)
def test_times(when: object, nanoseconds: object, time_ms: int, quality: str) -> None:
    document = with_fields(evt__time=nanoseconds)
    document["time"] = when
    head = head_of(document)
    assert (head.time_ms, head.time_quality) == (time_ms, quality)


def test_nulls_and_not_available() -> None:
    alert = alert_of(with_fields(user__name=None, proc__pname="<NA>", proc__name=None))
    assert (alert.user_name, alert.process.name, alert.process.parent_name) == ("", "", "")
    assert head_of(falco(output_fields=None)).user == ""
    assert head_of(falco(hostname=None, output_fields={"k8s.node.name": "n-2"})).hostname == "n-2"


def test_connections() -> None:
    head = head_of(with_fields(fd__name="203.0.113.9:39526->10.4.2.17:443"))
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == (
        "203.0.113.9",
        39526,
        "10.4.2.17",
        443,
    )
    head = head_of(with_fields(fd__cip="203.0.113.9", fd__cport=5, fd__sip="10.4.2.17", fd__sport="443"))
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == ("203.0.113.9", 5, "10.4.2.17", 443)
    head = head_of(falco(output_fields={"ka.user.name": "ann", "ka.sourceips": ["192.0.2.1"]}))
    assert (head.user, head.src_ip) == ("ann", "192.0.2.1")


def test_the_uid_is_of_the_event() -> None:
    same = falco(uuid="made by the shipper", tags=[])
    others = [falco(hostname="node-2"), falco(rule="x"), falco(output="y"), with_fields(evt__time=1)]
    assert head_of(same).uid == head_of(falco()).uid
    assert len({head_of(document).uid for document in [falco(), *others]}) == 5


def test_whole_alert() -> None:
    alert = alert_of(with_fields(fd__name="/etc/shadow"))
    assert (alert.vendor, alert.category, alert.description) == ("Falco", "syscall", ALERT["output"])
    process = alert.process
    assert (process.name, process.pid, process.cmd_line, process.parent_name) == (
        "sh",
        77,
        "sh -c id",
        "runc",
    )
    assert (alert.file.path, alert.file.name) == ("/etc/shadow", "shadow")
    assert alert.attacks == (Attack(tactic=SafeText("TA0002")),)
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen >= {
        ("Hostname", "node-1"),
        ("User Name", "root"),
        ("Process Name", "sh"),
        ("File Path", "/etc/shadow"),
        ("Container", "ee97d9c4186f"),
        ("Image", "docker.io/library/alpine"),
    }
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["output_fields.proc.cmdline"].attacker and facts["output_fields.k8s.pod.name"].attacker
    assert not facts["output_fields.container.id"].attacker and not facts["source"].attacker
    assert facts["output_fields.user.loginuid"].value == "-1"


def test_techniques_in_tags() -> None:
    alert = alert_of(falco(tags=["mitre_credential_access", "T1555", "mitre_lateral_movement"]))
    assert alert.attacks == (
        Attack(technique=SafeText("T1555")),
        Attack(tactic=SafeText("TA0006")),
        Attack(tactic=SafeText("TA0008")),
    )
    assert alert_of(falco(tags="T1059")).attacks == (Attack(technique=SafeText("T1059")),)


# --- text -------------------------------------------------------------------------------------------------


def test_head_of_a_text_line() -> None:
    head = head_of(TEXT)
    assert head == Head(
        uid=head.uid,
        format="falco",
        time_ms=1767221998629,
        severity_id=2,
        title=SafeText("A shell was spawned"),
        time_quality="no_date",
        severity_native=SafeText("Notice"),
        src_ip=SafeText("203.0.113.9"),
        src_port=39526,
        dst_ip=SafeText("10.4.2.17"),
        dst_port=443,
        user=SafeText("root"),
        product=SafeText("Falco"),
    )


def test_alert_of_a_text_line() -> None:
    alert = alert_of(TEXT)
    process = alert.process
    assert (process.name, process.cmd_line, process.parent_name) == ("sh", "sh -c ls -al (x)", "runc")
    assert alert.file.path == "/etc/shadow"
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["evt_type"].value == "execve" and facts["container_id"].value == "e71eac85a570"
    assert all(fact.attacker for fact in alert.facts)
    assert alert.description.startswith("A shell was spawned (evt_type")


def test_what_a_command_line_writes_into_a_text_line_comes_second() -> None:
    head = head_of(b"22:59:58.629574123: Error X (user=root command=sh -c echo user=ann)")
    assert head.user == "root"


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"22:59:58.629574: Notice too few digits",
            b"22:59:58.629574123: Odd x",
            b"at 22:59:58.629574123: Notice x",
        ),
        b"22:59:58.629574123 Notice x",
    ],
)
def test_other_lines_are_not_falcos(text: bytes) -> None:
    assert not Falco().recognises_text(text.decode())
    assert "not a Falco line" in reason_of(text, Parser(fixed_format="falco"))


def test_a_line_without_values_or_cut_off() -> None:
    assert head_of(b"17:18:28.428398080: Warning K8s ConfigMap with private credential").user == ""
    alert = alert_of(b"11:48:24.195279773: debug evt=user.authentication.sso user=User1 ip=")
    assert alert.user_name == "User1" and alert.head.severity_id == 1


def test_a_fixed_format_reads_both_forms() -> None:
    parser = Parser(fixed_format="falco")
    assert head_of(TEXT, parser).title == "A shell was spawned"
    assert head_of(falco(), parser).title == "Terminal shell in container"
    assert "neither" in reason_of({"a": 1}, parser)


@given(mutated(ALERT))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    assert Parser().parse(raw, NOW_MS)
    head = Falco().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(Falco().alert(raw, head)))


@given(
    st.text()
    | st.lists(st.sampled_from(["user=", "=", "(", ")", "->", " ", ":", "\x1b", "command=a b"])).map("".join)
)
def test_no_text_raises(text: str) -> None:
    for raw in (text.encode("utf-8", "surrogatepass"), b"22:59:58.629574123: Notice " + text.encode()):
        outcome = Falco().head(raw, NOW_MS)
        assert isinstance(outcome, Head | ParsedEvent | DeadLetter)
        alert = Falco().alert(raw, head_of(TEXT))
        assert all(forbidden(text) == [] for text in texts_in(alert))
