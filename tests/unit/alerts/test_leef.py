"""LEEF 1.0 and 2.0, and how products get its delimiter wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.model import ParsedAlert
from backend.alerts.recognise import Parser
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, reason_of, texts_in

HEAD = "LEEF:1.0|Acme|Gate|2.1|W-7|"
FIELDS = (
    "src=203.0.113.9",
    "dst=10.4.2.17",
    "sev=8",
    "cat=anomaly",
    "srcPort=81",
    "dstPort=21",
    "usrName=joe black",
)


def test_every_field_has_its_place() -> None:
    more = (
        *(
            "proto=tcp",
            "devTime=1767225599",
            "identHostName=pc-7",
            "msg=Odd traffic",
            "action=deny",
            "policy=strict",
        ),
        *("url=https://x.example/a", "srcName=client", "dstName=server", "count=3"),
    )
    alert = alert_of((HEAD + "\t".join((*FIELDS, *more))).encode())
    head = alert.head
    assert (head.format, head.title, head.rule_uid, head.rule_name) == (
        "leef",
        "Odd traffic",
        "W-7",
        "strict",
    )
    assert (head.time_ms, head.time_quality) == (NOW_MS - 1000, "exact")
    assert (head.severity_id, head.severity_native) == (4, "8")
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == ("203.0.113.9", 81, "10.4.2.17", 21)
    assert (head.hostname, head.user, head.product) == ("pc-7", "joe black", "Gate")
    assert (alert.vendor, alert.category, alert.action, alert.count) == ("Acme", "anomaly", "deny", 3)
    assert (alert.src.hostname, alert.dst.hostname) == ("client", "server")
    assert ("URL", "https://x.example/a") in {(item.type, item.value) for item in alert.observables}
    assert {str(fact.name): fact.attacker for fact in alert.facts}["url"]


@pytest.mark.parametrize(
    "line",
    [
        HEAD + "\t".join(FIELDS),
        HEAD + " ".join(FIELDS),  # tabs lost in a copy
        HEAD + "|".join(FIELDS),
        HEAD + "|".join(("cat=anomaly", *FIELDS)) + "|",
        "LEEF:2.0|Acme|Gate|2.1|W-7|^|" + "^".join(FIELDS),
        "LEEF:2.0|Acme|Gate|2.1|W-7|x5E|" + "^".join(FIELDS),
        "LEEF:2.0|Acme|Gate|2.1|W-7|0x09|" + "\t".join(FIELDS),
        "LEEF:2.0|Acme|Gate|2.1|W-7|\\t|" + "\t".join(FIELDS),
        "LEEF:2.0|Acme|Gate|2.1|W-7||" + "\t".join(FIELDS),  # declared, but empty
        "LEEF:2.0|Acme|Gate|2.1|W-7|" + "\t".join(FIELDS),  # not declared at all
        "LEEF:2.0|Acme|Gate|2.1|W-7|^|" + "\t".join(FIELDS).replace("\t", "^"),
        "LEEF:2.0|Acme|Gate|2.1|W-7|||" + "|".join(FIELDS),
        "LEEF:2.0|Acme|Gate|2.1|W-7|;|" + ";".join(FIELDS),
        "LEEF:1.0|Acme|Gate|2.1|W-7|" + "^".join(FIELDS),
    ],
)
def test_delimiters(line: str) -> None:
    for before in ("", "<134>1 2025-12-31T23:59:59Z fw-1 ", "Dec 31 23:59:59 fw-1 "):
        alert = alert_of((before + line).encode())
        head = alert.head
        assert (head.format, head.severity_id, alert.category) == ("leef", 4, "anomaly")
        assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == (
            "203.0.113.9",
            81,
            "10.4.2.17",
            21,
        )
        assert (head.user, head.title) == ("joe black", "Gate: W-7 (anomaly)")
        assert head.hostname == ("fw-1" if before else "")


def test_a_delimiter_lost_behind_the_severity() -> None:
    for between in (" ", "^"):
        line = f"LEEF:2.0|A|B|1|2|^|src=192.0.2.1{between}sev=5cat=anomaly{between}dstPort=21"
        alert = alert_of(line.encode())
        assert (alert.head.severity_id, alert.head.severity_native) == (3, "5")
        assert (alert.category, alert.head.dst_port) == ("anomaly", 21)


@pytest.mark.parametrize(
    ("rating", "severity_id"),
    [("1", 2), ("4", 3), ("7", 4), ("10", 5), ("11", 0), ("0", 2), ("Critical", 5), ("weird", 0)],
)
def test_severity(rating: str, severity_id: int) -> None:
    head = head_of(f"<134>Dec 31 23:59:59 fw {HEAD}sev={rating}\tsrc=10.0.0.1".encode())
    assert (head.severity_id, head.severity_native) == (severity_id, rating)


def test_the_senders_rank_stands_in() -> None:
    head = head_of(f"<132>Dec 31 23:59:59 fw {HEAD}src=10.0.0.1".encode())
    assert (head.severity_id, head.severity_native) == (3, "syslog warning")


@pytest.mark.parametrize(
    ("fields", "time_ms", "quality"),
    [
        ("devTime=1767225599", NOW_MS - 1000, "exact"),
        ("devTime=1767225599\tdevTimeFormat=", NOW_MS - 1000, "exact"),
        ("devTime=Dec 31 2025 23:59:59 GMT", NOW_MS - 1000, "exact"),
        ("devTime=Dec 31 2025 23:59:59\tdevTimeFormat=MMM dd yyyy HH:mm:ss", NOW_MS - 1000, "no_zone"),
        ("devTime=Dec 31 23:59:59\tdevTimeFormat=MMM dd yyyy HH:mm:ss", NOW_MS - 1000, "no_year"),
        ("devTime=Dec 31 23:59:59.000\tdevTimeFormat=MMM dd yyyy HH:mm:ss.SSS", NOW_MS - 1000, "no_year"),
        ("devTime=31/12/2025 23:59:59\tdevTimeFormat=dd/MM/yyyy HH:mm:ss", NOW_MS - 1000, "no_zone"),
        ("devTime=2025-12-31T23:59:59+0000\tdevTimeFormat=yyyy-MM-dd'T'HH:mm:ssZ", NOW_MS - 1000, "exact"),
        ("devTime=x\tdevTimeFormat=yyyy%%%", NOW_MS, "received"),
        ("src=10.0.0.1", NOW_MS, "received"),
    ],
)
def test_times(fields: str, time_ms: int, quality: str) -> None:
    head = head_of((HEAD + fields).encode())
    assert (head.time_ms, head.time_quality) == (time_ms, quality)


def test_a_header_that_ends_early() -> None:
    assert reason_of(b"LEEF:2.0|A|B") == "LEEF header ends early: 2 of its 4 fields are there"
    assert head_of(b"LEEF:2.0|A|B|1|42").title == "B: 42"
    assert "no LEEF record" in reason_of(b"words", Parser(fixed_format="leef"))


@given(st.text(max_size=120), st.sampled_from(["^", "", "|", "\t", "x09", "="]))
def test_no_line_raises(text: str, delimiter: str) -> None:
    for line in (f"LEEF:2.0|{text}", f"LEEF:2.0|a|b|c|d|{delimiter}|{text}", HEAD + "sev=" + text):
        for parser in (Parser(), Parser(fixed_format="leef")):
            for item in parser.parse(line.encode("utf-8", "surrogatepass"), NOW_MS):
                if isinstance(item, ParsedAlert):
                    alert = parser.build_alert(item.raw, item.head)
                    assert all(forbidden(shown) == [] for shown in texts_in(alert))
