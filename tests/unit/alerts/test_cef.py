"""CEF: header, extension, escapes, labels, and what surrounds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.model import Alert, ParsedAlert
from backend.alerts.recognise import Parser
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, one, reason_of, texts_in

HEAD = "CEF:0|Acme|Gate|2.1|W-7|Odd request|8|"
FULL = (
    HEAD
    + "rt=1767225599123 src=203.0.113.9 spt=51698 dst=10.4.2.17 dpt=443 proto=TCP shost=pc-7 dhost=web-1 "
    "suser=alice duser=root act=blocked msg=Somebody asked for too much cnt=4 dvchost=gate-1 dvc=10.4.0.1 "
    "request=https://web-1/a?b=c&d=e fname=x.bin filePath=C:\\new\\x.bin sproc=curl spid=77 cat=Web "
    "fileHash=44d88612fea8a8f36de82e1278abb02f cs1=WAF strict cs1Label=RuleName cn1=12 cn1Label=Hits "
    "cs2=T1190 cs2Label=MITRE technique externalId=4634"
)


def read(line: str) -> Alert:
    alert = alert_of(line.encode())
    assert alert.head.format == "cef"
    return alert


def fact(alert: Alert, name: str) -> str:
    return next(str(fact.value) for fact in alert.facts if fact.name == name)


def test_every_field_has_its_place() -> None:
    alert = read(FULL)
    head = alert.head
    assert (head.title, head.rule_uid, head.rule_name) == ("Odd request", "W-7", "Odd request")
    assert (head.time_ms, head.time_quality) == (1767225599123, "exact")
    assert (head.severity_id, head.severity_native) == (4, "8")
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == (
        "203.0.113.9",
        51698,
        "10.4.2.17",
        443,
    )
    assert (head.hostname, head.user, head.product) == ("gate-1", "alice", "Gate")
    assert (alert.vendor, alert.product, alert.device_ip) == ("Acme", "Gate", "10.4.0.1")
    assert (alert.src.hostname, alert.dst.hostname) == ("pc-7", "web-1")
    assert (alert.action, alert.category, alert.count) == ("blocked", "Web", 4)
    assert alert.description == "Somebody asked for too much"
    assert (alert.process.name, alert.process.pid) == ("curl", 77)
    assert (alert.file.name, alert.file.path) == ("x.bin", "C:\\new\\x.bin")
    assert alert.file.md5 == "44d88612fea8a8f36de82e1278abb02f"
    assert [attack.technique for attack in alert.attacks] == ["T1190"]
    seen = {(item.type, item.value) for item in alert.observables}
    assert seen >= {
        ("IP Address", "203.0.113.9"),
        ("URL", "https://web-1/a?b=c&d=e"),
        ("Hostname", "web-1"),
        ("User Name", "alice"),
        ("Hash", "44d88612fea8a8f36de82e1278abb02f"),
    }
    assert fact(alert, "RuleName (cs1)") == "WAF strict"
    assert fact(alert, "Hits (cn1)") == "12"
    marked = {str(fact.name): fact.attacker for fact in alert.facts}
    assert marked["RuleName (cs1)"] and marked["request"]
    assert not marked["Hits (cn1)"] and not marked["proto"] and not marked["deviceVersion"]


@pytest.mark.parametrize(
    ("rating", "severity_id"),
    [
        *(("0", 2), ("3", 2), ("4", 3), ("6", 3), ("7", 4), ("8", 4), ("9", 5), ("10", 5), (" 5 ", 3)),
        *(("Low", 2), ("Medium", 3), ("HIGH", 4), ("Very-High", 5), ("Unknown", 0)),
        *(("11", 0), ("-1", 0), ("99999999999999999999", 0), ("nonsense", 0), ("", 0)),
    ],
)
def test_severity(rating: str, severity_id: int) -> None:
    head = head_of(f"CEF:0|A|B|1|2|N|{rating}|src=10.0.0.1".encode())
    assert (head.severity_id, head.severity_native) == (severity_id, rating.strip())


@pytest.mark.parametrize(
    ("before", "hostname", "quality"),
    [
        ("", "", "received"),
        ("<134> ", "", "received"),
        ("<134>Dec 31 23:59:59 fw-1 ", "fw-1", "no_year"),
        ("Dec 31 23:59:59 fw-1 ", "fw-1", "no_year"),
        ("<30>Dec 31 23:59:59 10.1.1.2 named[232]: ", "10.1.1.2", "no_year"),
        ("<134>1 2025-12-31T23:59:59Z fw-1 app 7 - - ", "fw-1", "exact"),
        ('<134>1 2025-12-31T23:59:59Z fw-1 app 7 - [meta a="b=c|d"] ', "fw-1", "exact"),
        ("<134>1 2025-12-31T23:59:59Z fw-1 ", "fw-1", "exact"),
        ("182 <134>1 2025-12-31T23:59:59Z fw-1 app 7 - - ", "fw-1", "exact"),
    ],
)
def test_a_header_in_front_gives_what_is_missing(before: str, hostname: str, quality: str) -> None:
    head = head_of((before + HEAD + "src=10.0.0.1").encode())
    assert (head.format, head.hostname, head.time_quality) == ("cef", hostname, quality)
    if quality != "received":
        assert head.time_ms == NOW_MS - 1000
    assert head.severity_id == 4  # never the PRI's
    own = head_of((before + HEAD + "dvchost=own rt=1767225000000").encode())
    assert (own.hostname, own.time_ms, own.time_quality) == ("own", 1767225000000, "exact")


def test_the_senders_rank_counts_only_where_there_is_no_other() -> None:
    head = head_of(b"<131>Dec 31 23:59:59 fw-1 CEF:0|A|B|1|2|N||src=10.0.0.1")
    assert (head.severity_id, head.severity_native) == (4, "syslog err")
    head = head_of(b"<131>Dec 31 23:59:59 fw-1 CEF:0|A|B|1|2|N|Unknown|src=10.0.0.1")
    assert (head.severity_id, head.severity_native) == (0, "Unknown")


@pytest.mark.parametrize(
    ("time", "time_ms", "quality"),
    [
        ("rt=Dec 31 2025 23:59:59", NOW_MS - 1000, "no_zone"),
        ("rt=Dec 31 23:59:59", NOW_MS - 1000, "no_year"),
        ("rt=1767225599", NOW_MS - 1000, "exact"),
        ("end=1 start=1767225599000", NOW_MS - 1000, "exact"),
        ("rt=2025/12/31 23:59:59", NOW_MS - 1000, "no_zone"),
        ("rt=yesterday", NOW_MS, "received"),
        ("rt=", NOW_MS, "received"),
    ],
)
def test_times(time: str, time_ms: int, quality: str) -> None:
    head = head_of(f"{HEAD}{time} src=10.0.0.1".encode())
    assert (head.time_ms, head.time_quality) == (time_ms, quality)


@pytest.mark.parametrize(
    ("extension", "name", "value"),
    [
        ("request=http://x/?a=b&c=d e=f", "request", "http://x/?a=b&c=d"),
        ("reasonText=a\\=b c\\=d next=1", "reasonText", "a=b c=d"),
        ("note=back\\\\slash and \\| pipe", "note", "back\\slash and | pipe"),
        ("note=two\\nlines", "note", "two␤lines"),
        ("oldFilePath=D:\\new\\report next=1", "oldFilePath", "D:\\new\\report"),
        ('note="quoted words" next=1', "note", "quoted words"),
        (" note=a leading blank", "note", "a leading blank"),
        (
            "rawEvent=User\\=null&&Key[0]\\=6.3&&Log on  id\\=3 art=1",
            "rawEvent",
            "User=null&&Key[0]=6.3&&Log on  id=3",
        ),
        ("ad.field=dotted next=1", "ad.field", "dotted"),
    ],
)
def test_values(extension: str, name: str, value: str) -> None:
    assert fact(read(HEAD + extension), name) == value


def test_odd_headers() -> None:
    alert = read(
        'CEF:0|Micro\\|soft|Win\\\\dows||Audit:4634|An account was logged off.|Low| CAT=RPZ act="DROP"'
    )
    assert (alert.vendor, alert.product, alert.category) == ("Micro|soft", "Win\\dows", "RPZ")
    assert (alert.action, alert.head.severity_id) == ("DROP", 2)
    assert head_of(b"CEF:0|A|B|1|2|N|7").severity_id == 4
    assert head_of(b"CEF: 1|A|B|1|2||7|msg=What happened").title == "What happened"
    assert head_of(b"CEF:0|A|B|1|42||7|").title == "B event 42"
    assert reason_of(b"CEF:0|A|B|1|2") == "CEF header ends early: 4 of its 6 fields are there"
    assert reason_of(b"CEF:0|A|") == "CEF header ends early: 2 of its 6 fields are there"


def test_of_two_fields_of_one_name_the_first_stands() -> None:
    alert = read(HEAD + "src=10.0.0.1 msg=GET /x src=8.8.8.8 HTTP")
    assert alert.head.src_ip == "10.0.0.1"
    assert alert.parse_errors == ("field 'src' comes twice; the first stands",)


def test_what_somebody_wrote_is_no_cef() -> None:
    for text in (
        '<130>Jan  1 00:00:00 fw app: url="http://x/CEF:0|A|B|1|2|N|1|" level="alert"',
        "<130>Jan  1 00:00:00 fw app: user=CEF:0|A|B|1|2|N|1|",
        "<130>Jan  1 00:00:00 fw app: " + "x " * 100 + "CEF:0|A|B|1|2|N|1|",
    ):
        assert head_of(text.encode()).format == "syslog"
    fake = b'{"title": "Malware", "message": "CEF:0|A|B|1|2|N|1|"}'
    assert head_of(fake).title == "Malware"


def test_uid_is_the_events_not_the_windows_ids() -> None:
    first, again, other = (
        head_of(
            f"<13>Jan  1 00:00:0{second} h {HEAD}rt=1767225599000 externalId=4634 suser={user}".encode()
        ).uid
        for second, user in ((1, "a"), (2, "a"), (1, "b"))
    )
    assert first == again != other
    timeless = [head_of(f"<13>Jan  1 00:00:0{second} h {HEAD}suser=a".encode()).uid for second in (1, 1, 2)]
    assert timeless[0] == timeless[1] != timeless[2]


def test_a_resolved_one_is_suppressed() -> None:
    assert head_of((HEAD + "cs1=Resolved cs1Label=Status").encode()).suppressed
    assert not head_of((HEAD + "cs1=New cs1Label=Status").encode()).suppressed


def test_in_a_shippers_message() -> None:
    shell = {
        "@timestamp": "2025-12-31T23:59:59Z",
        "host": {"name": "relay"},
        "message": HEAD + "src=10.0.0.1",
    }
    head = head_of(shell)
    assert (head.format, head.hostname, head.time_ms) == ("cef", "relay", NOW_MS - 1000)
    fixed = Parser(fixed_format="cef")
    assert head_of(shell, fixed).src_ip == "10.0.0.1"
    assert "no CEF record" in reason_of(b"plain words", fixed)


def test_several_lines_in_one_record() -> None:
    data = "\n".join(
        [HEAD + "src=10.0.0.1", HEAD + "msg=two\nlines", "<13>" + HEAD + "src=10.0.0.3"]
    ).encode()
    items = [item for item in Parser().parse(data, NOW_MS) if isinstance(item, ParsedAlert)]
    assert [item.head.src_ip for item in items] == ["10.0.0.1", "", "10.0.0.3"]
    assert b"\n".join(item.raw for item in items) == data
    assert [item.sub for item in items] == [0, 1, 2]


def test_bytes_that_are_not_utf8_and_controls() -> None:
    alert = alert_of((HEAD + "msg=\x1b[2J").encode() + b"\xff\x9b")
    assert all(forbidden(text) == [] for text in texts_in(alert))
    assert alert.parse_errors == ("record holds bytes that are not UTF-8",)


@given(st.text(max_size=200), st.integers(0, len(FULL)), st.integers(0, 8))
def test_no_line_raises(text: str, place: int, length: int) -> None:
    for line in (f"CEF:0|{text}", HEAD + text, FULL[:place] + text + FULL[place + length :]):
        raw = line.encode("utf-8", "surrogatepass")
        for parser in (Parser(), Parser(fixed_format="cef")):
            for item in parser.parse(raw, NOW_MS):
                if isinstance(item, ParsedAlert):
                    alert = parser.build_alert(item.raw, item.head)
                    assert all(forbidden(shown) == [] for shown in texts_in(alert))


def test_a_record_that_is_cef_stays_cef_whatever_came_before() -> None:
    seasoned = Parser()
    one(b'{"event_type": "flow", "flow_id": 1}', seasoned)
    assert head_of(FULL.encode(), seasoned) == head_of(FULL.encode())
