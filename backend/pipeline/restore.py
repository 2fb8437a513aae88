"""After a start: the board and the queue as the journal has them."""

from collections.abc import Callable, Sequence

from backend.alerts.model import DataClass
from backend.api import Row
from backend.clock import Clock
from backend.journal.reader import AlertRow
from backend.journal.store import Journal
from backend.journal.stored import Decision
from backend.lanes import LANE_NUMBER, LANES
from backend.pipeline.board import LIMIT
from backend.pipeline.commands import restored
from backend.pipeline.job import Job
from backend.pipeline.verdicts import analysed_row

DataOf = Callable[[str], DataClass]


async def open_rows(journal: Journal) -> list[Row]:
    """Rows of the alerts that no human has closed."""
    alerts = await journal.read(lambda reader: reader.open_alerts(LIMIT))
    touched = [alert.id for alert in alerts if alert.closed]
    decisions = await journal.read(lambda reader: reader.decisions(touched)) if touched else []
    trails: dict[int, list[Decision]] = {}
    for decision in decisions:
        trails.setdefault(decision.alert_id, []).append(decision)
    asked = await journal.read(lambda reader: reader.asked_usd([alert.id for alert in alerts]))
    return [_row(alert, trails.get(alert.id, []), asked.get(alert.id, 0.0)) for alert in alerts]


async def unfinished(
    journal: Journal, clock: Clock, lane: str, after_id: int, limit: int, *, data_of: DataOf
) -> Sequence[Job]:
    """The next alerts of a lane that are owed a verdict, each with what its source allows (`data_of`)."""
    stored = await journal.read(lambda reader: reader.queued(LANE_NUMBER[lane], after_id, limit))
    now = clock.mono()
    return [
        Job(
            alert_id=alert.id,
            head=alert.head,
            lane=lane,
            received_ms=alert.received_ms,
            deadline_ms=alert.deadline_ms,
            queued_mono=now,
            data=data_of(alert.source),
        )
        for alert in stored
    ]


def _row(alert: AlertRow, trail: list[Decision], asked_usd: float) -> Row:
    row = Row(
        alert.id,
        alert.head,
        LANES[alert.lane],
        "queued",
        alert.received_ms,
        alert.deadline_ms,
        cost_usd=asked_usd,
    )
    if alert.result is not None:
        row = analysed_row(row, alert.result)
    return restored(row, alert.closed, alert.result is not None, trail) if trail else row
