"""Reading the journal: every query the engine and the commands need, on a connection of its own."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from backend.alerts.model import Head
from backend.analysis.model import AttemptEnded, TranscriptEvent
from backend.journal.inheriting import inherited_result
from backend.journal.sent import SentCall, sent_calls
from backend.journal.stored import (
    CLOSED,
    DeadRow,
    Decision,
    Result,
    StoredAlert,
    decode_event,
    decode_head,
    decode_result,
)
from backend.lanes import LANES


class AlertRow(msgspec.Struct, frozen=True):
    """An alert with everything that is known of it."""

    id: int
    lane: int
    state: int
    closed: int
    received_ms: int
    deadline_ms: int
    head: Head
    raw: bytes
    result: Result | None
    source: str = ""
    fold: int = 0
    """The alert that stands for it; 0: it stands for itself."""


class HistoryRow(msgspec.Struct, frozen=True):
    """How a rule on an entity was judged so far."""

    seen: int
    first_ms: int
    last_ms: int
    verdicts: dict[str, int]
    human: dict[str, int]
    last_human: str
    last_human_ms: int
    last_human_actor: str


class Owed(msgspec.Struct, frozen=True, gc=False):
    """A delivery that waits in the outbox."""

    id: int
    alert_id: int
    sink: str
    idempotency_key: str
    payload: bytes


_ALERT_COLUMNS = (
    "a.id, a.lane, a.state, a.closed, a.received_ms, a.deadline_ms, a.head, a.raw, v.result, p.source,"
    " a.fold, w.result from alerts a join partitions p on p.id = a.partition_id"
    " left join verdicts v on v.alert_id = a.id left join verdicts w on a.fold > 0 and w.alert_id = a.fold"
)


class Reader:
    """Queries. One thread at a time; the caller keeps it off the event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read through `connection`."""
        self._connection = connection

    def position(self, source: str, partition: str) -> int | str | None:
        """Where reading of a partition goes on, or None if nothing of it was stored yet."""
        row = self._connection.execute(
            "select next_offset from partitions where source = ? and name = ?", (source, partition)
        ).fetchone()
        return row[0] if row is not None else None

    def queued(self, lane: int, after_id: int, limit: int) -> list[StoredAlert]:
        """Alerts of a lane that are owed a verdict, oldest first, from `after_id` on."""
        rows = self._connection.execute(
            "select a.id, a.head, a.lane, a.received_ms, a.deadline_ms, p.source from alerts a"
            " left join partitions p on p.id = a.partition_id"
            " where a.state = 0 and a.lane = ? and a.id > ? order by a.id limit ?",
            (lane, after_id, limit),
        )
        return [StoredAlert(r[0], decode_head(r[1]), r[2], r[3], r[4], r[5] or "") for r in rows]

    def count_queued(self) -> dict[int, int]:
        """Alerts owed a verdict, per lane."""
        rows = self._connection.execute("select lane, count(*) from alerts where state = 0 group by lane")
        return dict(rows.fetchall())

    def alert(self, alert_id: int) -> AlertRow | None:
        """One alert, whole."""
        row = self._connection.execute(f"select {_ALERT_COLUMNS} where a.id = ?", (alert_id,)).fetchone()
        return _alert(row) if row is not None else None

    def raw(self, alert_ids: Sequence[int]) -> dict[int, tuple[bytes, str]]:
        """Raw bytes and source of several alerts at once."""
        rows = self._connection.execute(
            "select a.id, a.raw, p.source from alerts a join partitions p on p.id = a.partition_id"
            " where a.id in (select value from json_each(?))",
            (json.dumps(list(alert_ids)),),
        )
        return {id_: (raw, source) for id_, raw, source in rows}

    def open_alerts(self, limit: int) -> list[AlertRow]:
        """Alerts no human has closed: every critical and high one, and the newest of the others."""
        newest = self._connection.execute("select max(id) from alerts").fetchone()[0] or 0
        rows = self._connection.execute(
            f"select {_ALERT_COLUMNS} where a.fold = 0 and ((a.closed < ? and a.lane < 2)"  # noqa: S608 - constants
            " or (a.closed < ? and a.lane >= 2 and a.id > ?)"
            " or (a.closed < ? and a.id in (select leader from folds order by last_ms desc limit ?)))"
            " order by a.id",
            (CLOSED, CLOSED, newest - limit, CLOSED, limit),
        )
        return [_alert(row) for row in rows]

    def records(self, since_ms: int) -> Iterator[AlertRow]:
        """Every alert received since, oldest first, with or without a verdict."""
        cursor = self._connection.execute(
            f"select {_ALERT_COLUMNS} where a.received_ms >= ? order by a.id", (since_ms,)
        )
        for row in cursor:
            yield _alert(row)

    def dead_letters(self, since_ms: int = 0) -> Iterator[DeadRow]:
        """Dead letters received since, oldest first."""
        for row in self._connection.execute(
            "select p.source, p.name, d.offset, d.sub, d.received_ms, d.reason, d.raw from dead_letters d"
            " join partitions p on p.id = d.partition_id where d.received_ms >= ? order by d.id",
            (since_ms,),
        ):
            yield DeadRow(*row)

    @property
    def connection(self) -> sqlite3.Connection:
        """For the queries that have modules of their own (`backend.journal.folds`)."""
        return self._connection

    def events(self) -> list[tuple[str, str, int]]:
        """Counted non-alerts: format, kind, count."""
        return self._connection.execute("select format, kind, count from events order by 3 desc").fetchall()

    def decisions(self, alert_ids: Sequence[int]) -> list[Decision]:
        """The audit trail of some alerts, oldest first."""
        rows = self._connection.execute(
            "select alert_id, kind, disposition, actor, note, wall_ms, undone_ms from decisions"
            " where alert_id in (select value from json_each(?)) order by id",
            (json.dumps(list(alert_ids)),),
        )
        return [Decision(*row) for row in rows]

    def turns(self, alert_id: int) -> list[TranscriptEvent]:
        """Questions and answers kept of an alert."""
        rows = self._connection.execute("select event from turns where alert_id = ? order by id", (alert_id,))
        return [decode_event(row[0]) for row in rows]

    def asked_usd(self, alert_ids: Sequence[int]) -> dict[int, float]:
        """What the follow-up questions on some alerts cost; alerts without any are left out."""
        rows = self._connection.execute(
            "select alert_id, event from turns where alert_id in (select value from json_each(?))",
            (json.dumps(list(alert_ids)),),
        )
        summed: dict[int, float] = {}
        for alert_id, blob in rows:
            event = decode_event(blob)
            if isinstance(event, AttemptEnded) and event.cost_usd:
                summed[alert_id] = summed.get(alert_id, 0.0) + event.cost_usd
        return summed

    def history(self, rule_key: str, entity_key: str) -> HistoryRow | None:
        """The summary of a rule on an entity."""
        row = self._connection.execute(
            "select seen, first_ms, last_ms, verdicts, human, last_human, last_human_ms, last_human_actor"
            " from history where rule_key = ? and entity_key = ?",
            (rule_key, entity_key),
        ).fetchone()
        if row is None:
            return None
        seen, first_ms, last_ms, verdicts, human, *last = row
        return HistoryRow(seen, first_ms, last_ms, json.loads(verdicts), json.loads(human), *last)

    def history_began_ms(self) -> int | None:
        """Wall clock of the oldest verdict that is summed up; None where there is none."""
        row = self._connection.execute("select min(first_ms) from history").fetchone()
        began: int | None = row[0]
        return began

    def calls(self, since_ms: int) -> list[bytes]:
        """Ledger entries started since, oldest first."""
        rows = self._connection.execute(
            "select entry from calls where started_ms >= ? order by 1", (since_ms,)
        )
        return [row[0] for row in rows]

    def source_classes(self) -> dict[str, str]:
        """What may be done with each source's data, as the config last said."""
        return dict(self._connection.execute("select source, data from source_classes").fetchall())

    def sent(self, alert_id: int) -> list[SentCall]:
        """What was sent to models on an alert, oldest first."""
        return sent_calls(self._connection, alert_id)

    def owed(self, sinks: Sequence[str], limit: int = 500) -> list[Owed]:
        """Deliveries that wait for some sinks, oldest first."""
        rows = self._connection.execute(
            "select id, alert_id, sink, idempotency_key, payload from outbox"
            " where sink in (select value from json_each(?)) order by id limit ?",
            (json.dumps(list(sinks)), limit),
        )
        return [Owed(*row) for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _alert(row: tuple[Any, ...]) -> AlertRow:
    id_, lane, state, closed, received_ms, deadline_ms, head, raw, result, source, fold, leaders = row
    done = decode_result(result) if result is not None else None
    if done is None and leaders is not None:
        done = inherited_result(decode_result(leaders), fold, LANES[lane], received_ms, deadline_ms)
    head = decode_head(head)
    return AlertRow(id_, lane, state, closed, received_ms, deadline_ms, head, raw, done, source, fold)
