"""Zeek notices, as JSON or TSV; the other Zeek logs (weird, conn, dns …) are counted, not alerted."""

from fnmatch import fnmatchcase

import msgspec

from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.decode import describe
from backend.alerts.details import Observables, facts, is_under
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    dig,
    endpoint,
    first,
    port,
    stable_uid,
    text,
    whole,
)
from backend.alerts.model import Alert, DeadLetter, Endpoint, File, Head, Observable, ParsedEvent, TimeQuality
from backend.alerts.text import SafeText, safe
from backend.alerts.times import parse_time
from backend.alerts.zeek_tsv import is_tsv, read_row

# Zeek rates nothing; FORMATS, section 3. The first pattern that fits a note's type stands.
_SEVERITY = (
    ("SSL::Invalid_Server_Cert", 2),
    ("Scan::*", 2),
    ("*::Password_Guessing", 3),
    ("Intel::Notice", 4),
    ("*::SQL_Injection*", 4),
)
_OTHER_SEVERITY = 3
_NOTICE_LOGS = frozenset({"", "notice", "notice_alarm"})

_HIDDEN = (
    *("_path", "_write_ts", "ts", "note", "msg", "src", "dst", "p", "n", "id", "peer_descr"),
    *("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"),
)
# What Zeek itself or the site's policy says; the rest (msg, sub, file names …) quotes what was on the wire.
_ZEEKS_OWN = (
    *("uid", "fuid", "proto", "actions", "email_dest", "suppress_for", "remote_location", "_system_name"),
    *("email_delay_tokens", "dropped"),
)
_VENDOR = SafeText("Zeek")
_PRODUCT = SafeText("Zeek")


class _Notice(msgspec.Struct, gc=False):
    path: str = msgspec.field(default="", name="_path")
    write_ts: str | int | float | None = msgspec.field(default=None, name="_write_ts")
    ts: str | int | float | None = None
    uid: str | None = None
    orig_h: str | None = msgspec.field(default=None, name="id.orig_h")
    orig_p: int | None = msgspec.field(default=None, name="id.orig_p")
    resp_h: str | None = msgspec.field(default=None, name="id.resp_h")
    resp_p: int | None = msgspec.field(default=None, name="id.resp_p")
    note: str | None = None
    msg: str | None = None
    sub: str | None = None
    src: str | None = None
    dst: str | None = None
    p: int | None = None
    peer_descr: str | None = None
    system_name: str | None = msgspec.field(default=None, name="_system_name")
    actions: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # some shippers nest what Zeek writes with dots


_decoder = msgspec.json.Decoder(_Notice)


class ZeekNotice(JsonFormat):
    """FORMATS, section 4: Zeek notice. Reads JSON records, and rows of TSV with their header in front."""

    name = "zeek_notice"

    def recognises(self, obj: Object) -> bool:
        """A Zeek time with a log's name, or with what only a notice, a weird or a connection record has."""
        if "ts" not in obj and "_write_ts" not in obj:
            return False
        return (
            bool(text(obj.get("_path")))
            or ("note" in obj and "actions" in obj)
            or ("uid" in obj and (("name" in obj and "notice" in obj) or dig(obj, "id.orig_h") is not None))
        )

    def recognises_text(self, line: str) -> bool:
        """A row of TSV with its header, or a part of such a log."""
        return is_tsv(line)

    def head(self, raw: bytes, received_ms: int) -> Outcome:
        """See `Format.head`."""
        if not describe(raw):
            return super().head(raw, received_ms)
        try:
            row = read_row(raw)
        except ValueError as error:
            return DeadLetter(str(error), raw)
        if row is None:
            return ParsedEvent(self.name, "header")
        return self.read({"_path": row.path, **row.columns}, raw, received_ms)

    def alert(self, raw: bytes, head: Head) -> Alert:
        """See `Format.alert`."""
        if not describe(raw):
            return super().alert(raw, head)
        try:
            row = read_row(raw)
        except ValueError as error:
            return Alert(head=head, raw=raw, parse_errors=(str(error),))
        return self.build(row.columns if row else {}, raw, head, row.notes if row else ())

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`."""
        try:
            notice = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if notice.ts is None and notice.write_ts is None:
            return None
        if notice.path not in _NOTICE_LOGS:
            return ParsedEvent(self.name, safe(notice.path, 40))
        if not notice.note or notice.actions is msgspec.UNSET or notice.id is not msgspec.UNSET:
            return None
        return _head(notice, received_ms)

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        path = str(text(obj.get("_path"), 40))
        if not path and "note" not in obj:
            path = "weird" if "notice" in obj and "name" in obj else "log without a name"
        if path not in _NOTICE_LOGS:
            return ParsedEvent(self.name, path)
        notice = _tolerant(obj)
        if not notice.note and not notice.msg:
            return DeadLetter("Zeek notice that has neither 'note' nor 'msg'", raw)
        return _head(notice, received_ms)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        name = text(obj.get("file_desc"), LONG_CHARS)
        # In notices about Heartbleed `n` is a length; elsewhere it counts.
        count = 1 if head.rule_uid.startswith("Heartbleed::") else max(1, whole(obj.get("n")))
        return Alert(
            head=head,
            raw=raw,
            vendor=_VENDOR,
            product=_PRODUCT,
            description=text(obj.get("msg"), LONG_CHARS),
            category=SafeText(head.rule_uid.partition("::")[0]) if "::" in head.rule_uid else SafeText(""),
            src=Endpoint(head.src_ip, head.src_port),
            dst=Endpoint(head.dst_ip, head.dst_port),
            device_hostname=head.hostname,
            file=File(name=name),
            observables=_observables(obj, head, name),
            facts=facts(obj, _HIDDEN, lambda path: not is_under(path, _ZEEKS_OWN)),
            count=count,
            parse_errors=notes,
        )


def _tolerant(obj: Object) -> _Notice:
    """The same fields as the typed decoder gives, from an object whose fields have any type."""
    when, written = first(obj.get("ts")), first(obj.get("_write_ts"))
    src, src_port = endpoint(obj.get("src"))
    dst, dst_port = endpoint(obj.get("dst"))
    return _Notice(
        write_ts=written if isinstance(written, str | int | float) else None,
        ts=when if isinstance(when, str | int | float) else None,
        uid=text(obj.get("uid")),
        orig_h=text(dig(obj, "id.orig_h")),
        orig_p=port(dig(obj, "id.orig_p")) or src_port,
        resp_h=text(dig(obj, "id.resp_h")),
        resp_p=port(dig(obj, "id.resp_p")) or dst_port,
        note=text(obj.get("note")),
        msg=text(obj.get("msg"), LONG_CHARS),
        sub=text(obj.get("sub"), LONG_CHARS),
        src=src,
        dst=dst,
        p=port(obj.get("p")),
        peer_descr=text(obj.get("peer_descr")),
        system_name=text(obj.get("_system_name")),
    )


def _head(notice: _Notice, received_ms: int) -> Head:
    time_ms, quality = _when(notice.ts, received_ms)
    if quality == "received":
        time_ms, quality = _when(notice.write_ts, received_ms)
    note = text(notice.note)
    source, source_port = text(notice.src) or text(notice.orig_h), 0
    if notice.orig_h and source == notice.orig_h:
        source_port = port(notice.orig_p)
    return Head(
        uid=_uid(notice, time_ms, quality),
        format="zeek_notice",
        time_ms=time_ms,
        severity_id=_severity(note),
        title=text(notice.msg, TITLE_CHARS) or note,
        time_quality=quality,
        rule_uid=note,
        rule_name=note,
        src_ip=source,
        src_port=source_port,
        dst_ip=text(notice.dst) or text(notice.resp_h),
        dst_port=port(notice.p) or port(notice.resp_p),
        hostname=text(notice.peer_descr) or text(notice.system_name),
        product=_PRODUCT,
    )


def _when(value: object, received_ms: int) -> tuple[int, TimeQuality]:
    """Zeek's times have six digits after the point; rounded there, floats say the same as ISO and TSV."""
    if isinstance(value, str) and value[:1].isdigit() and value.count(".") == 1 and "-" not in value:
        try:
            value = float(value)
        except ValueError:
            return received_ms, "received"
    if isinstance(value, float) and 0 < value < 1e11:
        return round(value * 1e6) // 1000, "exact"
    return parse_time(value, received_ms)


def _uid(notice: _Notice, time_ms: int, quality: TimeQuality) -> str:
    """Of what the notice says: `uid` is its connection's, and several notices may be of one connection.

    The same notice gives the same uid from JSON and from TSV.
    """
    when: object = time_ms if quality != "received" else notice.ts
    said = [text(part, LONG_CHARS) for part in (notice.note, notice.msg, notice.sub)]
    return stable_uid(when, notice.uid, *said, notice.src, notice.dst, notice.p or 0)


def _severity(note: str) -> int:
    return next((level for pattern, level in _SEVERITY if fnmatchcase(note, pattern)), _OTHER_SEVERITY)


def _observables(obj: Object, head: Head, file_name: SafeText) -> tuple[Observable, ...]:
    found = Observables()
    found.add("IP Address", [head.src_ip, head.dst_ip])
    found.add("IP Address", [dig(obj, "id.orig_h"), dig(obj, "id.resp_h")])
    found.add("URL" if file_name.startswith(("http://", "https://")) else "File Name", file_name, 2300)
    return found.all()
