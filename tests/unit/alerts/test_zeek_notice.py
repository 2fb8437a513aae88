"""Zeek notices as JSON and as TSV; how a TSV log's header reaches each of its rows."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.fields import Object
from backend.alerts.framing import Frame, Framer, split_documents, split_rows
from backend.alerts.model import DeadLetter, Head, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from backend.alerts.zeek_notice import ZeekNotice
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import (
    EVE,
    NOW_MS,
    alert_of,
    forbidden,
    head_of,
    line,
    one,
    reason_of,
    texts_in,
)

NOTICE: dict[str, object] = {
    "_path": "notice",
    "_write_ts": "2025-12-31T23:00:01.000000Z",
    "ts": "2025-12-31T22:59:58.629574Z",
    "uid": "CmC9kY1X0u9nP78KZc",
    "id.orig_h": "203.0.113.9",
    "id.orig_p": 39611,
    "id.resp_h": "10.4.2.17",
    "id.resp_p": 443,
    "fuid": "FGP2jt4dhD3bYZ923k",
    "proto": "tcp",
    "note": "SSL::Invalid_Server_Cert",
    "msg": "SSL certificate validation failed",
    "sub": "CN=a,O=Acme\\, Inc",
    "src": "203.0.113.9",
    "dst": "10.4.2.17",
    "p": 443,
    "actions": ["Notice::ACTION_LOG"],
    "email_dest": [],
    "suppress_for": 3600.0,
}
WEIRD: dict[str, object] = {
    "_path": "weird",
    "ts": "2025-12-31T22:59:58.629574Z",
    "uid": "C1",
    "id.orig_h": "203.0.113.9",
    "name": "bad_TCP_checksum",
    "notice": False,
    "peer": "zeek",
}

COLUMNS = (
    *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "fuid", "file_mime_type", "file_desc"),
    *("proto", "note", "msg", "sub", "src", "dst", "p", "n", "peer_descr", "actions", "email_dest"),
)
ROW = (
    *("1767221998.629574", "CmC9kY1X0u9nP78KZc", "203.0.113.9", "39611", "10.4.2.17", "443"),
    *("FGP2jt4dhD3bYZ923k", "-", "-", "tcp", "SSL::Invalid_Server_Cert", "SSL certificate validation failed"),
    *("CN=a,O=Acme\\\\, Inc", "203.0.113.9", "10.4.2.17", "443", "-", "-", "Notice::ACTION_LOG", "(empty)"),
)


def header(columns: tuple[str, ...] = COLUMNS, path: str = "notice", separator: str = "\t") -> bytes:
    named = "\\x09" if separator == "\t" else f"\\x{ord(separator):02x}"
    lines = [
        *(f"#separator {named}", f"#set_separator{separator},", f"#empty_field{separator}(empty)"),
        *(
            f"#unset_field{separator}-",
            f"#path{separator}{path}",
            f"#fields{separator}{separator.join(columns)}",
        ),
    ]
    return "".join(f"{one}\n" for one in lines).encode()


def row(*changes: tuple[str, str], separator: str = "\t") -> bytes:
    values = dict(zip(COLUMNS, ROW, strict=True)) | dict(changes)
    return separator.join(values.values()).encode()


def tsv(*changes: tuple[str, str]) -> bytes:
    return header() + row(*changes)


def test_head() -> None:
    head = head_of(NOTICE)
    assert head == Head(
        uid=head.uid,
        format="zeek_notice",
        time_ms=1767221998629,
        severity_id=2,
        title=SafeText("SSL certificate validation failed"),
        rule_uid=SafeText("SSL::Invalid_Server_Cert"),
        rule_name=SafeText("SSL::Invalid_Server_Cert"),
        src_ip=SafeText("203.0.113.9"),
        src_port=39611,
        dst_ip=SafeText("10.4.2.17"),
        dst_port=443,
        product=SafeText("Zeek"),
    )


def test_a_row_of_tsv_is_the_same_alert_as_its_json() -> None:
    assert head_of(tsv()) == head_of(NOTICE)
    alert, twin = alert_of(tsv()), alert_of(NOTICE)
    facts = {str(fact.name): str(fact.value) for fact in alert.facts}
    assert (
        facts["sub"]
        == {str(fact.name): str(fact.value) for fact in twin.facts}["sub"]
        == "CN=a,O=Acme\\, Inc"
    )
    assert facts["actions"] == "Notice::ACTION_LOG" and "email_dest" not in facts
    assert alert.observables == twin.observables
    assert alert.raw == tsv()


def test_the_typed_and_the_tolerant_path_agree() -> None:
    for document in (
        NOTICE,
        NOTICE | {"peer_descr": "w-1"},
        NOTICE | {"ts": 1767221998.629574, "msg": "\x1b"},
    ):
        fast = ZeekNotice().typed(line(document), NOW_MS)
        assert isinstance(fast, Head)
        assert ZeekNotice().read(dict(document), line(document), NOW_MS) == fast


@pytest.mark.parametrize(
    ("ts", "time_ms", "quality"),
    [
        ("2025-12-31T22:59:58.629574Z", 1767221998629, "exact"),
        (1767221998.629, 1767221998629, "exact"),
        (1767221998, 1767221998000, "exact"),
        ("1767221998.629000", 1767221998629, "exact"),
        ("XXXXXXXXXX.XXXXXX", 1767222001000, "exact"),
        (None, 1767222001000, "exact"),
    ],
)
def test_three_shapes_of_ts(ts: object, time_ms: int, quality: str) -> None:
    written = {"_write_ts": "2025-12-31T23:00:01Z"}
    head = head_of(NOTICE | written | {"ts": ts})
    assert (head.time_ms, head.time_quality) == (time_ms, quality)


def test_shapes_of_ts_in_tsv() -> None:
    assert head_of(tsv(("ts", "1767221998.629000"))).time_ms == 1767221998629
    canonified = head_of(tsv(("ts", "XXXXXXXXXX.XXXXXX")))
    assert (canonified.time_ms, canonified.time_quality) == (NOW_MS, "received")
    assert head_of(tsv(("ts", "0.000000"))).time_quality == "received"
    assert canonified.uid == head_of(tsv(("ts", "XXXXXXXXXX.XXXXXX"))).uid


def test_one_time_in_three_shapes_is_one_event() -> None:
    spellings: list[bytes] = [
        line(NOTICE | {"ts": "2025-12-31T22:59:58.629000Z"}),
        line(NOTICE | {"ts": 1767221998.629}),
        tsv(("ts", "1767221998.629000")),
    ]
    assert len({head_of(data).uid for data in spellings}) == 1


@pytest.mark.parametrize(
    ("note", "severity"),
    [
        *(("SSL::Invalid_Server_Cert", 2), ("Scan::Port_Scan", 2), ("SSH::Password_Guessing", 3)),
        *(("FTP::Bruteforcing", 3), ("Intel::Notice", 4), ("HTTP::SQL_Injection_Attacker", 4), ("Custom", 3)),
    ],
)
def test_severity_by_the_type_of_notice(note: str, severity: int) -> None:
    head = head_of(NOTICE | {"note": note})
    assert (head.severity_id, head.severity_native) == (severity, "")


def test_the_uid_is_the_notices_not_its_connections() -> None:
    others: list[dict[str, object]] = [
        {"note": "x"},
        {"msg": "y"},
        {"sub": "z"},
        {"ts": 1},
        {"dst": "192.0.2.1"},
    ]
    assert len({head_of(NOTICE | other).uid for other in [{}, *others]}) == 6
    summary = {key: value for key, value in NOTICE.items() if key not in ("uid", "id.orig_h", "fuid")}
    assert head_of(summary).src_ip == "203.0.113.9"


def test_notices_without_a_path_or_a_connection() -> None:
    bare = {"ts": 1767221998.5, "note": "Scan::Port_Scan", "msg": "m", "src": "203.0.113.9", "actions": []}
    assert head_of(bare).src_ip == "203.0.113.9"
    nested = {
        key: value for key, value in NOTICE.items() if not key.startswith("id.") and key not in ("src", "p")
    }
    head = head_of(nested | {"id": {"orig_h": "192.0.2.9", "orig_p": 5, "resp_p": 6}})
    assert (head.src_ip, head.src_port, head.dst_port) == ("192.0.2.9", 5, 6)


def test_other_logs_are_counted() -> None:
    assert one(WEIRD) == ParsedEvent("zeek_notice", "weird")
    unnamed = {key: value for key, value in WEIRD.items() if key != "_path"}
    assert one(unnamed) == ParsedEvent("zeek_notice", "weird")
    conn = {"ts": 1.5, "uid": "C1", "id.orig_h": "192.0.2.1", "id.resp_h": "192.0.2.2", "proto": "tcp"}
    assert one(conn | {"_path": "conn"}) == ParsedEvent("zeek_notice", "conn")
    assert one(conn) == ParsedEvent("zeek_notice", "log without a name")
    columns = ("ts", "uid", "name")
    assert one(header(columns, "weird") + b"1767221998.5\tC1\tbad") == ParsedEvent("zeek_notice", "weird")


def test_a_notice_that_says_nothing_is_a_dead_letter() -> None:
    assert "neither 'note' nor 'msg'" in reason_of({"_path": "notice", "ts": 1.5, "actions": []})
    assert "neither 'note' nor 'msg'" in reason_of(header() + b"1767221998.5\t-\t-")


def test_whole_alert() -> None:
    alert = alert_of(NOTICE | {"n": 12, "file_desc": "http://evil.example/x", "peer_descr": "worker-1"})
    assert (alert.vendor, alert.product, alert.category, alert.count) == ("Zeek", "Zeek", "SSL", 12)
    assert (alert.src.port, alert.dst.port, alert.device_hostname) == (39611, 443, "worker-1")
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen == {
        ("IP Address", "203.0.113.9"),
        ("IP Address", "10.4.2.17"),
        ("URL", "http://evil.example/x"),
    }
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["sub"].attacker and not facts["actions"].attacker and not facts["uid"].attacker
    assert alert_of(NOTICE | {"note": "Heartbleed::SSL_Heartbeat_Attack", "n": 16368}).count == 1


# --- TSV --------------------------------------------------------------------------------------------------


def framed(data: bytes, size: int = 10**9, start: int = 0, before: bytes = b"") -> list[Frame]:
    framer = Framer(start, before=before)
    found = [f for place in range(0, len(data), size) for f in framer.feed(data[place : place + size])]
    return found + framer.finish()


OPEN = b"#open\t2026-01-01-00-00-00\n#types\ttime\tstring\n"
CLOSE = b"#close\t2026-01-01-00-00-00\n"


@pytest.mark.parametrize("size", [1, 7, 64, 10**9])
def test_each_row_is_a_record_with_the_header_in_front(size: int) -> None:
    data = header() + OPEN + row() + b"\n" + row(("p", "444")) + b"\n" + CLOSE
    frames = framed(data, size)
    assert [frame.data for frame in frames] == [header() + row(), header() + row(("p", "444"))]
    for frame in frames:  # the place is the row's, without the header
        assert header() + data[frame.offset : frame.next_offset - 1] == frame.data


def test_line_ends_and_a_last_row_without_one() -> None:
    data = (header() + row() + b"\n").replace(b"\n", b"\r\n") + row(("p", "444"))
    assert [frame.data for frame in framed(data)] == [header() + row(), header() + row(("p", "444"))]
    assert framed(header() + row() + b"\n#close\t2026")[1:] == []


def test_columns_are_read_anew_in_every_log() -> None:
    turned = ("ts", "note", "msg", "actions")
    second = header(turned) + b"1767221998.5\tScan::Port_Scan\tm\tNotice::ACTION_LOG\n"
    data = header() + row() + b"\n" + CLOSE + second + CLOSE + b'{"event_type":"stats"}\n'
    parser = Parser()
    items = [item for frame in framed(data) for item in parser.parse(frame.data, NOW_MS)]
    heads = [item.head for item in items if isinstance(item, ParsedAlert)]
    assert [head.rule_uid for head in heads] == ["SSL::Invalid_Server_Cert", "Scan::Port_Scan"]
    assert items[2] == ParsedEvent("suricata_eve", "stats")


def test_a_comment_before_the_header() -> None:
    data = b"### Made by a tool. Do not edit.\n" + header() + row() + b"\n"
    assert [frame.data for frame in framed(data)] == [header() + row()]
    assert [frame.data for frame in framed(b"# a comment\n# more\nplain\n")] == [
        b"# a comment",
        b"# more",
        b"plain",
    ]


def test_json_after_a_log_that_was_not_closed() -> None:
    data = header() + row() + b"\n" + line(EVE) + b"\n"
    assert [frame.data for frame in framed(data)][1] == line(EVE)


def test_reading_goes_on_in_the_middle() -> None:
    data = header() + OPEN + row() + b"\n"
    more = row(("p", "444")) + b"\n" + CLOSE
    (frame,) = framed(more, start=len(data), before=(data + more)[:4096])
    assert frame.data == header() + row(("p", "444"))
    assert (frame.offset, frame.next_offset) == (len(data), len(data) + len(row(("p", "444"))) + 1)
    # What lies behind the place where reading goes on is not taken for the header.
    (frame,) = framed(row() + b"\n", start=10, before=header())
    assert frame.data == row()


def test_a_whole_log_in_one_record() -> None:
    data = header() + OPEN + row() + b"\n" + row(("p", "444")) + b"\n" + CLOSE
    for parser in (Parser(), Parser(fixed_format="zeek_notice")):
        items = parser.parse(data, NOW_MS)
        assert [item.sub for item in items] == [0, 1]
        assert [item.head.dst_port for item in items if isinstance(item, ParsedAlert)] == [443, 444]
        second = items[1]
        assert isinstance(second, ParsedAlert)
        assert parser.build_alert(second.raw, second.head).dst.port == 444
    assert split_rows(b"# a\n# b\nc") == [b"# a\n# b\nc"]


def test_a_fixed_format_reads_both_forms() -> None:
    parser = Parser(fixed_format="zeek_notice")
    assert head_of(NOTICE, parser) == head_of(tsv(), parser)
    assert "without the #fields line" in reason_of(b"some text", parser)


def test_a_header_alone_is_no_alert() -> None:
    assert one(header()) == ParsedEvent("zeek_notice", "header")
    assert one(b"#close\t2026-01-01-00-00-00") == ParsedEvent("zeek_notice", "header")


def test_a_row_that_lost_its_header_is_read_in_the_usual_order() -> None:
    head = head_of(row())
    assert head == head_of(NOTICE)
    assert "usual order" in alert_of(row()).parse_errors[0]
    assert not isinstance(one(b"1767221998.5\tC1\t" + b"\t".join([b"x"] * 30)), ParsedAlert)


def test_unset_empty_and_escaped_values() -> None:
    alert = alert_of(tsv(("sub", "a\\x09b \\\\x41 \\xc3\\xa9"), ("msg", "(empty)"), ("fuid", "-")))
    facts = {str(fact.name): str(fact.value) for fact in alert.facts}
    assert facts["sub"] == "a␉b \\x41 é"
    assert "fuid" not in facts
    assert alert.head.title == "SSL::Invalid_Server_Cert"


def test_a_separator_of_its_own() -> None:
    data = header(separator="|") + row(separator="|")
    assert head_of(data) == head_of(NOTICE)


def test_a_row_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    cut = header() + b"\t".join(row().split(b"\t")[:13])
    alert = alert_of(cut)
    assert alert.head.rule_uid == "SSL::Invalid_Server_Cert"
    assert alert.parse_errors == ("Zeek row of 13 columns where the header names 20",)


def test_files_are_read_so(tmp_path: Path) -> None:
    path = tmp_path / "notice.log"
    path.write_bytes(header() + OPEN + row() + b"\n" + CLOSE)
    with path.open("rb") as stream:
        (frame,) = split_documents(stream)
    assert head_of(frame.data) == head_of(NOTICE)


@given(mutated(NOTICE, WEIRD))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    assert Parser().parse(raw, NOW_MS)
    head = ZeekNotice().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(ZeekNotice().alert(raw, head)))


@given(
    st.lists(
        st.sampled_from([*header().splitlines(), row(), b"\\x", b"\t", b"-", b"\xff\xfe"])
        | st.binary(max_size=9)
    )
)
def test_no_text_raises(parts: list[bytes]) -> None:
    for joiner in (b"\n", b"\t"):
        raw = joiner.join(parts)
        for frame in split_documents(io.BytesIO(raw)):
            assert Parser().parse(frame.data, NOW_MS)
        outcome = ZeekNotice().head(raw, NOW_MS)
        assert isinstance(outcome, Head | ParsedEvent | DeadLetter)
        assert ZeekNotice().alert(raw, head_of(NOTICE)).raw == raw
