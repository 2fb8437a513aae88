"""Jobs, rows and small parts for the pipeline's tests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from backend.alerts.model import Alert, Head, Record
from backend.alerts.text import SafeText
from backend.analysis.model import Analysis, Verdict
from backend.api import Row
from backend.enrichment.base import Evidence, Finding
from backend.journal.store import Journal
from backend.journal.stored import Result, Routed, Slice
from backend.lanes import LANE_NUMBER
from backend.pipeline.job import Job


def head(number: int = 1, **fields: object) -> Head:
    known: dict[str, object] = {
        "uid": f"u{number}",
        "format": "suricata_eve",
        "time_ms": 1_000,
        "severity_id": 3,
        "title": SafeText(f"title {number}"),
        "rule_uid": SafeText("rule-1"),
        "hostname": SafeText("web-01"),
    }
    return Head(**(known | fields))  # type: ignore[arg-type]  # each test names fields of Head


def job(alert_id: int, lane: str = "medium", deadline_ms: int | None = None) -> Job:
    due = alert_id if deadline_ms is None else deadline_ms
    return Job(alert_id, head(alert_id), lane, 0, due, 0.0)


def row(alert_id: int, **fields: object) -> Row:
    known: dict[str, object] = {
        "id": alert_id,
        "head": head(alert_id),
        "lane": "medium",
        "state": "queued",
        "received_ms": alert_id,
        "deadline_ms": alert_id + 1_000,
    }
    return Row(**(known | fields))  # type: ignore[arg-type]  # each test names fields of Row


def record(offset: int, data: bytes = b"{}", source: str = "s") -> Record:
    return Record(source, "p0", offset, data, 1_000, offset + 1)


def result(verdict: str = "Suspicious", verdict_ms: int = 2_000) -> Result:
    analysis = Analysis(
        Verdict(verdict, 0.7, SafeText("in short")), SafeText("at length"), "playbook", "playbook", "built-in"
    )
    evidence = (Evidence("E1", Finding("alert", SafeText("the alert itself"))),)
    return Result(analysis, evidence, {"total": 3.0}, lane="medium", verdict_ms=verdict_ms)


def entry(offset: int, lane: str = "medium", **fields: object) -> Slice:
    """One record with one alert; the alert's id in an empty journal is offset + 1."""
    raw = b'{"n":%d}' % offset
    alert = Routed(head(offset + 1, **fields), raw, LANE_NUMBER[lane], 1_000, 5_000, offset)
    return Slice("p0", [offset], offset + 1, [alert], [], [])


async def stored(journal: Journal, entries: Sequence[Slice]) -> list[int]:
    """Put alerts into the journal; their ids."""
    return (await (await journal.store("s", entries))).ids


@asynccontextmanager
async def open_journal(folder: Path) -> AsyncIterator[Journal]:
    journal = Journal(folder / "journal.db")
    await asyncio.to_thread(journal.open)
    try:
        yield journal
    finally:
        await asyncio.to_thread(journal.close)


def build_alert(raw: bytes, of: Head, source: str) -> Alert:
    del source
    return Alert(of, raw)
