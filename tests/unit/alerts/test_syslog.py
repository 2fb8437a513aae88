"""Syslog: headers as they come, what is an alert and what is telemetry, and what a line carries."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.model import DeadLetter, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.syslog_header import parse_header
from tests.unit.alerts.reading import EVE, FINDING, NOW_MS, alert_of, forbidden, head_of, line, one, texts_in

STAMP = "2025-12-31T23:59:59Z"
FORTIGATE = (
    'date=2026-01-01 time=01:59:59 devname="edge-1" devid="FG100" eventtime=1767225599123456789 tz="+0200" '
    'logid="0419016384" type="utm" subtype="ips" eventtype="signature" level="alert" vd="root" '
    'severity="high" '
    'srcip=203.0.113.9 srcport=51698 dstip=10.4.2.17 dstport=443 action="dropped" proto=6 attackid=1701 '
    'attack="Odd.Overflow" user="alice" msg="web: Odd.Overflow" url="https://x.example/a b"'
)
SONICWALL = (
    'id=firewall sn=0017C5AA time="2025-12-31 23:59:59 UTC" fw=192.0.2.1 pri=1 c=32 m=30 '
    'msg="Administrator login denied" n=7 src=203.0.113.9:36701:WAN dst=10.4.2.17:443:LAN:web-1 '
    "proto=tcp/https"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"<34>1 {STAMP} host app 77 ID4 - It broke", (4, 2, STAMP, "host", "app", "It broke")),
        (f"<34>1 {STAMP} host app 77 ID4 - \ufeffIt broke", (4, 2, STAMP, "host", "app", "It broke")),
        (
            f'<34>1 {STAMP} host app - - [a@1 b="c"][d e="f"] It broke',
            (4, 2, STAMP, "host", "app", "It broke"),
        ),
        ("<34>1 - - - - - - It broke", (4, 2, "", "", "", "It broke")),
        (f"<34>1 {STAMP} host app - - -", (4, 2, STAMP, "host", "app", "")),
        (f'<34> {STAMP} host app 26 - [a b="c"] It broke', (4, 2, STAMP, "host", "app", "It broke")),
        ("<34>Oct 11 22:14:15 host su[7]: It broke", (4, 2, "Oct 11 22:14:15", "host", "su", "It broke")),
        ("<34>Oct  1 22:14:15 host su: It broke", (4, 2, "Oct  1 22:14:15", "host", "su", "It broke")),
        ("Oct  1 22:14:15 host su[7]: It broke", (-1, -1, "Oct  1 22:14:15", "host", "su", "It broke")),
        ("<34>su: It broke", (4, 2, "", "", "su", "It broke")),
        ("<34>Oct  1 22:14:15 su[7]: It broke", (4, 2, "Oct  1 22:14:15", "", "su", "It broke")),
        (f"<34>{STAMP} host su: It broke", (4, 2, STAMP, "host", "su", "It broke")),
        (f"{STAMP} host su[7]: It broke", (-1, -1, STAMP, "host", "su", "It broke")),
        (
            "<34>17: host: *Oct  1 22:14:15.638 UTC: It broke",
            (4, 2, "Oct  1 22:14:15.638", "host", "", "It broke"),
        ),
        ("<34>Oct  1 22:14:15 host It broke", (4, 2, "Oct  1 22:14:15", "host", "", "It broke")),
        ("<999>su: It broke", (-1, -1, "", "", "su", "It broke")),
        ("99 <34>su: It broke", (4, 2, "", "", "su", "It broke")),
        ("<34>", (4, 2, "", "", "", "")),
    ],
)
def test_headers(text: str, expected: tuple[object, ...]) -> None:
    header = parse_header(text)
    seen = (header.facility, header.severity, header.time, header.host, header.program, header.body)
    assert seen == expected


def test_structured_data_with_escapes() -> None:
    header = parse_header(
        rf'<34>1 {STAMP} h a - - [x@1 a="say \"hi\" [1\]" b="c:\\d" a="2"] [origin ip="1.2.3.4"] It'
    )
    assert header.data == {"a": 'say "hi" [1]', "b": "c:\\d", "ip": "1.2.3.4"}
    assert header.body == "It"
    assert parse_header(f'<34>1 {STAMP} h a - - [x a="b" It broke').body == '[x a="b" It broke'


@pytest.mark.parametrize(
    ("facility", "severity", "severity_id"),
    [
        *((3, 0, 5), (3, 1, 5), (3, 2, 5), (3, 3, None), (3, 4, None), (16, 6, None), (16, 7, None)),
        *((4, 3, 4), (10, 3, 4), (10, 4, 3), (13, 4, 3), (10, 5, None), (10, 6, None)),
    ],
)
def test_the_senders_rank(facility: int, severity: int, severity_id: int | None) -> None:
    item = one(f"<{facility * 8 + severity}>Dec 31 23:59:59 web-1 sshd[12]: It broke".encode())
    if severity_id is None:
        assert item == ParsedEvent("syslog", "sshd")
        return
    assert isinstance(item, ParsedAlert)
    head = item.head
    words = ("emerg", "alert", "crit", "err", "warning")
    assert (head.severity_id, head.severity_native) == (severity_id, f"syslog {words[severity]}")
    assert (head.format, head.title, head.hostname, head.rule_uid) == ("syslog", "It broke", "web-1", "sshd")
    assert (head.time_ms, head.time_quality) == (NOW_MS - 1000, "no_year")


def test_fortigate() -> None:
    for before in ("", "<190>", "<190>Dec 31 20:00:00 relay "):
        alert = alert_of((before + FORTIGATE).encode())
        head = alert.head
        assert (head.format, head.title, head.rule_uid) == ("syslog", "Odd.Overflow", "1701")
        assert (head.severity_id, head.severity_native) == (4, "high")
        assert (head.time_ms, head.time_quality) == (1767225599123, "exact")
        assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == (
            "203.0.113.9",
            51698,
            "10.4.2.17",
            443,
        )
        assert (head.hostname, head.user, alert.action) == ("edge-1", "alice", "dropped")
        assert (alert.vendor, alert.product) == ("Fortinet", "FortiGate")
        marked = {str(fact.name): (str(fact.value), fact.attacker) for fact in alert.facts}
        assert marked["url"] == ("https://x.example/a b", True)
        assert marked["subtype"] == ("ips", False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({'severity="high"': 'severity="info"'}, 1),
        ({'severity="high"': 'severity="critical"'}, 5),
        ({'severity="high" ': ""}, 5),  # level="alert"
        ({'type="utm"': 'type="traffic"', 'attack="Odd.Overflow"': ""}, None),
        ({'attack="Odd.Overflow"': "", 'severity="high" ': "", 'level="alert"': 'level="notice"'}, None),
        ({'attack="Odd.Overflow"': "", 'severity="high" ': "", 'level="alert"': 'level="warning"'}, 3),
        ({'attack="Odd.Overflow"': 'virus="EICAR"', 'severity="high" ': "", '"alert"': '"warning"'}, 3),
    ],
)
def test_what_fortigate_calls_an_alert(changes: dict[str, str], expected: int | None) -> None:
    text = FORTIGATE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    item = one(b"<185>" + text.encode())
    if expected is None:
        assert item == ParsedEvent("syslog", "FortiGate")
    else:
        assert isinstance(item, ParsedAlert) and item.head.severity_id == expected


def test_fortigates_clock_in_two_fields() -> None:
    head = head_of(FORTIGATE.replace("eventtime=1767225599123456789 ", "").encode())
    assert (head.time_ms, head.time_quality) == (NOW_MS - 1000, "exact")
    head = head_of(FORTIGATE.replace("eventtime=1767225599123456789 tz=", "was=").encode())
    assert (head.time_ms, head.time_quality) == (NOW_MS - 1000 + 7_200_000, "no_zone")


def test_sonicwall() -> None:
    for before in ("", "<134>", "Dec 31 20:00:00 relay "):
        alert = alert_of((before + SONICWALL).encode())
        head = alert.head
        assert (head.format, head.title, head.rule_uid) == ("syslog", "Administrator login denied", "30")
        assert (head.severity_id, head.severity_native) == (5, "1")
        assert (head.time_ms, head.time_quality) == (NOW_MS - 1000, "exact")
        assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == (
            "203.0.113.9",
            36701,
            "10.4.2.17",
            443,
        )
        assert alert.vendor == "SonicWall"
    assert one(SONICWALL.replace("pri=1", "pri=6").encode()) == ParsedEvent("syslog", "SonicOS")


@pytest.mark.parametrize(
    ("src", "expected"),
    [
        ("src=203.0.113.9::X0-V500", ("203.0.113.9", 0)),
        ("src=203.0.113.9", ("203.0.113.9", 0)),
        ("srcV6=2001:db8::9 src=:49702:X0", ("2001:db8::9", 0)),
        ("src=:49702:X0", ("", 49702)),
        ("src=2001:db8::9", ("2001:db8::9", 0)),
        ("src=203.0.113.9(51698)", ("203.0.113.9", 51698)),
        ("src=203.0.113.9/51698", ("203.0.113.9", 51698)),
    ],
)
def test_addresses_with_things_attached(src: str, expected: tuple[str, int]) -> None:
    head = head_of(SONICWALL.replace("src=203.0.113.9:36701:WAN", src).encode())
    assert (head.src_ip, head.src_port) == expected


@pytest.mark.parametrize(
    ("text", "severity_id", "title", "rule"),
    [
        ("%IPS-4-SIGNATURE: Sig:3051 Odd overflow", 3, "Sig:3051 Odd overflow", "%IPS-4-SIGNATURE"),
        ("%ASA-4-733100: Burst rate exceeded", 3, "Burst rate exceeded", "%ASA-4-733100"),
        ("%FTD-1-430001: SrcIP: 10.0.0.1", 5, "SrcIP: 10.0.0.1", "%FTD-1-430001"),
        ("%SYS-2-MALLOCFAIL: No memory", 5, "No memory", "%SYS-2-MALLOCFAIL"),
    ],
)
def test_cisco_alerts(text: str, severity_id: int, title: str, rule: str) -> None:
    for before in ("<189>Dec 31 23:59:59 sw-1 ", "<189>17: sw-1: Dec 31 23:59:59.638 UTC: ", "<189>"):
        head = head_of((before + text).encode())
        assert (head.severity_id, head.title, head.rule_uid) == (severity_id, title, rule)
        assert head.hostname == ("sw-1" if "sw-1" in before else "")


def test_cisco_telemetry_is_not_raised_by_the_pri() -> None:
    item = one(b"<130>Dec 31 23:59:59 sw-1 %LINK-3-UPDOWN: Interface down")
    assert item == ParsedEvent("syslog", "%LINK-3-UPDOWN")


def test_check_point() -> None:
    text = (
        f'<134>1 {STAMP} gw-1 CheckPoint 2 - [sc4s@2620 action="Detect" loguid="{{0x1,0x2}}" '
        'origin="10.0.0.2" '
        'product="Anti-Bot" protection_name="Odd.TC.ah" severity="4" src="10.0.0.1" s_port="5000" '
        'dst="203.0.113.9" '
        'service="80"]'
    )
    head = head_of(text.encode())
    assert (head.title, head.severity_id, head.severity_native) == ("Odd.TC.ah", 5, "4")
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == ("10.0.0.1", 5000, "203.0.113.9", 80)
    assert (head.hostname, head.product) == ("gw-1", "Anti-Bot")
    calm = text.replace('severity="4"', 'severity="0"').replace('protection_name="Odd.TC.ah" ', "")
    assert one(calm.encode()) == ParsedEvent("syslog", "CheckPoint")


def test_palo_alto_threats() -> None:
    cells = ["1", "2026/01/01 00:00:00", "0123", "THREAT", "spyware", "1", "2025/12/31 23:59:59", "10.0.0.1"]
    cells += [
        "203.0.113.9",
        "0.0.0.0",
        "0.0.0.0",
        "rule1",
        "corp\\alice",
        "",
        "web",
        "vsys1",
        "in",
        "out",
        "e1",
        "e2",
    ]
    cells += [
        "fwd",
        "x",
        "7",
        "1",
        "51698",
        "443",
        "0",
        "0",
        "0x0",
        "tcp",
        "reset-both",
        '"a,b.exe"',
        "Odd(1234)",
    ]
    cells += ["any", "high", "client-to-server"]
    alert = alert_of(f"<14>Jan  1 00:00:00 pa-1 {','.join(cells)}".encode())
    head = alert.head
    assert (head.title, head.severity_id, head.severity_native) == ("Odd(1234)", 4, "high")
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == ("10.0.0.1", 51698, "203.0.113.9", 443)
    assert (head.user, head.hostname, alert.action) == ("corp\\alice", "pa-1", "reset-both")
    assert (head.time_ms, head.time_quality) == (NOW_MS - 1000, "no_zone")
    calm = ",".join(cells).replace(",high,", ",informational,")
    assert one(f"<14>Jan  1 00:00:00 pa-1 {calm}".encode()) == ParsedEvent("syslog", "THREAT")
    traffic = ",".join(cells).replace("THREAT", "TRAFFIC")
    assert one(f"<8>Jan  1 00:00:00 pa-1 {traffic}".encode()) == ParsedEvent("syslog", "TRAFFIC")


def test_who_names_an_attack_does_not_mean_info() -> None:
    text = 'Jan  1 00:00:00 ids-1 ids: attack-name="IP spoofing!" source-address="203.0.113.9" action="drop"'
    head = head_of(f"<134>{text}".encode())
    assert (head.title, head.severity_id, head.severity_native) == ("IP spoofing!", 0, "syslog info")
    assert (head.src_ip, head.format) == ("203.0.113.9", "syslog")
    assert head_of(f"<131>{text}".encode()).severity_id == 4
    assert head_of(f"<134>{text} threat-severity=MEDIUM".encode()).severity_id == 3
    for nothing in ("-", "none", "N/A"):
        calm = text.replace("IP spoofing!", nothing)
        assert one(f"<134>{calm}".encode()) == ParsedEvent("syslog", "ids")


def test_a_log_level_is_no_severity_of_an_alert() -> None:
    for words in ('level=error msg="it failed"', "severity=error", 'severity="AUDIT_SUCCESS"', "severity=7"):
        assert one(f"<30>Jan  1 00:00:00 h dockerd[1]: {words}".encode()) == ParsedEvent("syslog", "dockerd")
    head = head_of(b"<30>Jan  1 00:00:00 h sensor[1]: severity=High src=10.0.0.1 status=resolved")
    assert (head.severity_id, head.suppressed) == (4, True)


def test_json_in_a_line_is_what_it_is() -> None:
    spaced = line(EVE).replace(b",", b" , ")
    for before in (
        b"<14>Jan  1 00:00:00 relay suricata[7]: ",
        b"<14>1 2026-01-01T00:00:00Z relay suricata 7 - - ",
        b"<14>Jan  1 00:00:00 relay suricata: @cee: ",
        b"<14>",
        b"<14> ",
    ):
        item = one(before + spaced)
        assert isinstance(item, ParsedAlert), before
        assert (item.head.format, item.raw) == ("suricata_eve", spaced)
        assert item.head.hostname == "sensor-1"  # its own, not the relay's
        assert item.head == head_of(EVE)
    bare = {key: value for key, value in EVE.items() if key not in ("host", "timestamp")}
    head = head_of(b"<14>Jan  1 00:00:00 relay suricata[7]: " + line(bare))
    assert (head.hostname, head.time_ms, head.time_quality) == ("relay", NOW_MS, "no_year")
    assert head.severity_id == 4


def test_a_line_may_carry_several_documents() -> None:
    body = json.dumps({"records": [EVE, FINDING]}).encode()
    items = Parser().parse(b"<14>Jan  1 00:00:00 relay x: " + body, NOW_MS)
    assert [item.head.format for item in items if isinstance(item, ParsedAlert)] == ["suricata_eve", "ocsf"]
    assert [item.sub for item in items] == [0, 1]
    message = line({"message": line(EVE).decode()})
    assert head_of(b"<14>Jan  1 00:00:00 relay x: " + message).format == "suricata_eve"


def test_json_without_a_rating_takes_the_senders() -> None:
    head = head_of(b'<11>Jan  1 00:00:00 relay app: {"title": "Odd"}')
    assert (head.format, head.severity_id, head.severity_native) == ("generic_json", 4, "syslog err")
    head = head_of(b'<11>Jan  1 00:00:00 relay app: {"title": "Odd", "severity": "violet"}')
    assert (head.severity_id, head.severity_native) == (0, "violet")


def test_json_cut_off_by_a_datagram_is_a_dead_letter() -> None:
    raw = b"<14>Jan  1 00:00:00 relay suricata[7]: " + line(EVE)[:200]
    item = one(raw)
    assert isinstance(item, DeadLetter)
    assert item.reason == "syslog line whose JSON ends before it is complete (after 200 bytes)"
    assert item.raw == raw
    # Not cut off, but never JSON: a line like any other.
    assert one(b'<14>Jan  1 00:00:00 relay app: {"a": $unset, "b": 1}') == ParsedEvent("syslog", "app")


def test_the_same_words_later_are_another_event() -> None:
    def uid(clock: str) -> str:
        return head_of(f"<34>Jan  1 00:00:{clock} host su: It broke".encode()).uid

    assert uid("01") == uid("01") != uid("02")
    body = b'{"title": "Odd", "severity": "high"}'
    uids = {head_of(b"<34>Jan  1 00:00:0%d host su: %b" % (second, body)).uid for second in (1, 1, 2)}
    assert len(uids) == 2


def test_fixed_formats() -> None:
    fixed = Parser(fixed_format="syslog")
    assert one(b"words without any header", fixed) == ParsedEvent("syslog", "line")
    assert head_of(b"<10>su: It broke", fixed).severity_id == 5
    assert head_of(b"<14>Jan  1 00:00:00 relay suricata[7]: " + line(EVE), fixed).format == "suricata_eve"
    assert head_of(b"<14>Jan  1 00:00:00 relay CEF:0|A|B|1|2|N|7|", fixed).format == "cef"
    eve = Parser(fixed_format="suricata_eve")
    assert head_of(b"<14>Jan  1 00:00:00 relay suricata[7]: " + line(EVE), eve).format == "suricata_eve"
    item = one(b"<14>\x00\x01\x02\x03\x04\x05\x06", fixed)
    assert isinstance(item, DeadLetter) and item.reason.startswith("not text: binary data")


def test_lines_in_one_record_are_lines() -> None:
    data = b"<10>su: one\n<14>cron: two\n  goes on\n<10>su: three\n"
    items = Parser().parse(data, NOW_MS)
    assert [type(item).__name__ for item in items] == ["ParsedAlert", "ParsedEvent", "ParsedAlert"]
    assert [item.sub for item in items] == [0, 1, 2]


@given(
    st.text(max_size=200), st.sampled_from(["<13>", "<34>1 ", f"<34>1 {STAMP} h a p m ", "Oct  1 22:14:15 "])
)
def test_no_line_raises(text: str, before: str) -> None:
    for parser in (Parser(), Parser(fixed_format="syslog")):
        for written in (before + text, before + FORTIGATE[: len(text) * 3] + text):
            for item in parser.parse(written.encode("utf-8", "surrogatepass"), NOW_MS):
                if isinstance(item, ParsedAlert):
                    alert = parser.build_alert(item.raw, item.head)
                    assert all(forbidden(shown) == [] for shown in texts_in(alert))
                elif isinstance(item, ParsedEvent):
                    assert forbidden(item.kind) == [] and len(item.kind) <= 40


def test_too_many_lines_in_one_record() -> None:
    data = b"<14>x: y\n" * 20_050
    items = Parser().parse(data, NOW_MS)
    assert len(items) == 20_001
    last = items[-1]
    assert isinstance(last, DeadLetter)
    assert (last.reason, last.raw) == ("more than 20000 documents in one record", data)


def test_a_line_in_a_shippers_message() -> None:
    shell = {
        "@timestamp": STAMP,
        "host": "relay",
        "message": "<14>Jan  1 00:00:00 x suricata: " + json.dumps(EVE),
    }
    assert head_of(shell).format == "suricata_eve"
    words = {"@timestamp": STAMP, "message": "<14>Jan  1 00:00:00 x su: It broke"}
    assert head_of(words).format == "generic_json"  # a message of its own, as before
