"""Verdict records for scripts: out of a running engine, or out of a journal."""

import contextlib
import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import structlog

from backend.alerts.model import Alert, Head
from backend.alerts.registry import build_alert
from backend.alerts.secrets import mask
from backend.assembly import open_feeds
from backend.clock import Clock, SystemClock, iso
from backend.journal import JournalError
from backend.journal.reader import AlertRow, Reader
from backend.journal.store import open_reader
from backend.pipeline.members import with_evidence
from backend.pipeline.record import encode_record, verdict_record
from backend.pipeline.work import Analysed
from backend.settings import Settings, SettingsError

log = structlog.get_logger("records")

BATCH = 500
CSV_COLUMNS = (
    "uid", "time", "received_time", "severity", "title", "rule", "src_ip", "src_port", "dst_ip", "dst_port",
    "hostname", "user", "lane", "verdict", "confidence", "summary", "analysed_by", "degraded", "partial",
    "cost_usd", "sla_met", "disposition", "decided_by", "note",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full-width ones are run too


def record_of(analysed: Analysed) -> dict[str, object]:
    """The verdict record of an alert that was just analysed."""
    return verdict_record(analysed.alert, analysed.result, analysed.job.received_ms)


def record_line(analysed: Analysed) -> bytes:
    """The same as one line of JSON, without the line end."""
    return encode_record(record_of(analysed))


def export_records(settings: Settings, since_ms: int) -> Iterator[dict[str, object]]:
    """Verdict records of the journal, oldest first. Alerts that still wait for their verdict are left out.

    Raises:
        JournalError: there is no journal.
    """
    parsers = _Parsers(settings, SystemClock())
    with _journal(settings) as reader:
        for rows in _batches(reader.records(since_ms)):
            trails = reader.decisions([one for row in rows for one in (row.id, row.fold) if one])
            asked = reader.asked_usd([row.id for row in rows])
            for row in rows:
                if row.result is not None:
                    alert = parsers.build(row.raw, row.head, row.source)
                    decisions = tuple(d for d in trails if d.alert_id in (row.id, row.fold))
                    result = row.result if row.result.evidence else with_evidence(row.result, alert)
                    yield verdict_record(
                        alert, result, row.received_ms, decisions, asked_usd=asked.get(row.id, 0.0)
                    )


def waiting(settings: Settings) -> int:
    """Alerts in the journal that still wait for a verdict."""
    with _journal(settings) as reader:
        return sum(reader.count_queued().values())


def export_dead_letters(settings: Settings, since_ms: int) -> Iterator[dict[str, object]]:
    """Dead letters of the journal, oldest first; `raw` is text where it is UTF-8, else `raw_hex` stands."""
    with _journal(settings) as reader:
        for letter in reader.dead_letters(since_ms):
            yield {
                "source": letter.source,
                "partition": letter.partition,
                "offset": letter.offset,
                "sub": letter.sub,
                "received_time": iso(letter.received_ms),
                "reason": mask(letter.reason),
                **_raw(letter.raw),
            }


def to_csv(record: dict[str, object] | None) -> str:
    """A record as one CSV line; None gives the header. Cells a spreadsheet would run are defused with `'`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS if record is None else [_cell(value) for value in _flat(record)])
    return out.getvalue()


@contextlib.contextmanager
def _journal(settings: Settings) -> Iterator[Reader]:
    """The journal for reading; what the file itself has wrong comes out as one line."""
    path = Path(settings.home) / "journal.db"
    try:
        reader = open_reader(path)
        try:
            yield reader
        finally:
            reader.close()
    except sqlite3.Error as error:
        raise JournalError(
            f"journal {path} can't be read ({error}); is it whole, and may you read it?"
        ) from error


class _Parsers:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        try:
            feeds = open_feeds(settings, clock) if not settings.demo else []
        except SettingsError:
            feeds = []  # a source that can't be opened now must not keep its records from being exported
        self._by_source = {feed.source.name: feed.parser for feed in feeds}

    def build(self, raw: bytes, head: Head, source: str) -> Alert:
        parser = self._by_source.get(source)
        try:
            return parser.build_alert(raw, head) if parser is not None else build_alert(raw, head)
        except Exception:  # one alert that can't be built whole must not end the export
            log.exception("alert could not be built", uid=head.uid)
            return Alert(head, raw)


def _batches(rows: Iterator[AlertRow]) -> Iterator[list[AlertRow]]:
    batch: list[AlertRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _raw(raw: bytes) -> dict[str, object]:
    """The record without its secrets; with them it stays in the journal, from which it is replayed."""
    try:
        return {"raw": mask(raw.decode("utf-8"))}
    except UnicodeDecodeError:
        return {"raw_hex": mask(raw.decode("latin-1")).encode("latin-1", "replace").hex()}


def _at(record: dict[str, object], *path: str) -> object:
    value: object = record
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _flat(record: dict[str, object]) -> list[object]:
    paths = (
        ("alert", "uid"), ("alert", "time"), ("alert", "received_time"), ("alert", "severity"),
        ("alert", "title"), ("alert", "rule", "name"), ("alert", "src_endpoint", "ip"),
        ("alert", "src_endpoint", "port"), ("alert", "dst_endpoint", "ip"), ("alert", "dst_endpoint", "port"),
        ("alert", "device", "hostname"), ("alert", "user", "name"), ("lane",), ("verdict",), ("confidence",),
        ("summary",), ("analysed_by", "model"), ("degraded",), ("partial",), ("cost_usd",), ("sla", "met"),
        ("decision", "disposition"), ("decision", "actor"), ("decision", "note"),
    )  # fmt: skip
    return [_at(record, *path) for path in paths]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value)
