"""Writing what was found and decided: verdicts, turns, decisions, history, cost, and deliveries owed."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from backend.analysis.model import TranscriptEvent
from backend.journal.stored import (
    CLAIMED,
    CLOSED,
    DONE,
    MACHINE,
    OPEN,
    Decision,
    Result,
    decode_result,
    encode_event,
    encode_result,
)
from backend.providers.base import Usage


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A verdict record owed to a sink."""

    sink: str
    idempotency_key: str
    payload: bytes


def put_source_classes(connection: sqlite3.Connection, classes: Mapping[str, str]) -> None:
    """Remember what may be done with the data of sources."""
    connection.executemany(
        "insert or replace into source_classes (source, data) values (?, ?)", list(classes.items())
    )


def put_result(
    connection: sqlite3.Connection, alert_id: int, result: Result, deliveries: Sequence[Delivery] = ()
) -> None:
    """Store a verdict, mark the alert as done and note what is owed to sinks, all or nothing."""
    analysis = result.analysis
    connection.execute(
        "insert or replace into verdicts (alert_id, verdict, confidence, verdict_ms, cost_usd, result)"
        " values (?, ?, ?, ?, ?, ?)",
        (
            alert_id,
            analysis.verdict.verdict,
            analysis.verdict.confidence,
            result.verdict_ms,
            analysis.cost_usd,
            encode_result(result),
        ),
    )
    connection.execute("update alerts set state = ? where id = ?", (DONE, alert_id))
    put_deliveries(connection, alert_id, deliveries, result.verdict_ms)


def put_cost(
    connection: sqlite3.Connection, alert_id: int, usage: Usage, usd: float, saved_usd: float
) -> None:
    """Put what an analysis cost in place of what was guessed when its verdict was stored."""
    row = connection.execute("select result from verdicts where alert_id = ?", (alert_id,)).fetchone()
    if row is None:
        return
    result = decode_result(row[0])
    analysis = msgspec.structs.replace(result.analysis, usage=usage, cost_usd=usd, saved_usd=saved_usd)
    blob = encode_result(msgspec.structs.replace(result, analysis=analysis))
    connection.execute(
        "update verdicts set cost_usd = ?, result = ? where alert_id = ?", (usd, blob, alert_id)
    )


def put_deliveries(
    connection: sqlite3.Connection, alert_id: int, deliveries: Sequence[Delivery], wall_ms: int
) -> None:
    """Note what is owed to sinks."""
    connection.executemany(
        "insert or ignore into outbox (alert_id, sink, idempotency_key, payload, created_ms)"
        " values (?, ?, ?, ?, ?)",
        [(alert_id, d.sink, d.idempotency_key, d.payload, wall_ms) for d in deliveries],
    )


def put_events(connection: sqlite3.Connection, alert_id: int, events: Sequence[TranscriptEvent]) -> None:
    """Keep part of a transcript (questions and their answers)."""
    connection.executemany(
        "insert into turns (alert_id, event) values (?, ?)", [(alert_id, encode_event(e)) for e in events]
    )


def put_decisions(connection: sqlite3.Connection, decisions: Sequence[Decision]) -> int:
    """Record one gesture of a human on one or many alerts; returns the gesture's number."""
    gesture: int = (connection.execute("select max(gesture) from decisions").fetchone()[0] or 0) + 1
    connection.executemany(
        "insert into decisions (gesture, alert_id, kind, disposition, actor, note, wall_ms)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        [(gesture, d.alert_id, d.kind, d.disposition, d.actor, d.note, d.wall_ms) for d in decisions],
    )
    for decision in decisions:
        _refresh_closed(connection, decision.alert_id)
    return gesture


def undo(connection: sqlite3.Connection, actor: str, wall_ms: int) -> list[Decision]:
    """Take back the actor's latest gesture that stands; returns what was undone (empty: nothing to undo)."""
    row = connection.execute(
        "select max(gesture) from decisions where actor = ? and undone_ms is null"
        " and kind not in ('investigate', 'reopen')",
        (actor,),
    ).fetchone()
    if row[0] is None:
        return []
    rows = connection.execute(
        "select alert_id, kind, disposition, actor, note, wall_ms from decisions where gesture = ?", (row[0],)
    ).fetchall()
    connection.execute("update decisions set undone_ms = ? where gesture = ?", (wall_ms, row[0]))
    undone = [msgspec.structs.replace(Decision(*fields), undone_ms=wall_ms) for fields in rows]
    for decision in undone:
        _refresh_closed(connection, decision.alert_id)
    return undone


def close_by_machine(connection: sqlite3.Connection, decision: Decision) -> bool:
    """Close an alert as policy lets the machine, unless a person has taken or closed it; whether it was."""
    row = connection.execute("select closed from alerts where id = ?", (decision.alert_id,)).fetchone()
    if row is None or row[0] != OPEN:
        return False
    put_decisions(connection, [decision])
    return True


def reopen(connection: sqlite3.Connection, alert_ids: Iterable[int], wall_ms: int) -> list[int]:
    """Take back the machine's closing of some alerts; the ids of those it had closed."""
    reopened = []
    for alert_id in alert_ids:
        taken = connection.execute(
            "update decisions set undone_ms = ? where alert_id = ? and actor = ? and kind = 'decide'"
            " and undone_ms is null",
            (wall_ms, alert_id, MACHINE),
        )
        if taken.rowcount:
            _refresh_closed(connection, alert_id)
            reopened.append(alert_id)
    return reopened


def _refresh_closed(connection: sqlite3.Connection, alert_id: int) -> None:
    kinds = {
        row[0]
        for row in connection.execute(
            "select distinct kind from decisions where alert_id = ? and undone_ms is null", (alert_id,)
        )
    }
    closed = CLOSED if "decide" in kinds else CLAIMED if "claim" in kinds else OPEN
    connection.execute("update alerts set closed = ? where id = ?", (closed, alert_id))
    connection.execute("update alerts set closed = ? where fold = ?", (closed, alert_id))  # decided with it


def put_history(
    connection: sqlite3.Connection,
    *,
    rule_key: str,
    entity_key: str,
    verdict: str,
    when_ms: int,
    human_actor: str = "",
    times: int = 1,
) -> None:
    """Add a verdict to the summary of rule and entity: a human's if `human_actor` is set.

    `times`: of so many alerts at once; a human's counts once.
    """
    path = f'$."{verdict}"'
    empty = "{}"
    connection.execute(
        "insert or ignore into history values (?, ?, 0, ?, ?, ?, ?, '', 0, '')",
        (rule_key, entity_key, when_ms, when_ms, empty, empty),
    )
    if human_actor:
        connection.execute(
            "update history set human = json_set(human, ?, coalesce(json_extract(human, ?), 0) + 1),"
            " last_human = ?, last_human_ms = ?, last_human_actor = ? where rule_key = ? and entity_key = ?",
            (path, path, verdict, when_ms, human_actor, rule_key, entity_key),
        )
    else:
        connection.execute(
            "update history set seen = seen + ?, last_ms = max(last_ms, ?),"
            " verdicts = json_set(verdicts, ?, coalesce(json_extract(verdicts, ?), 0) + ?)"
            " where rule_key = ? and entity_key = ?",
            (times, when_ms, path, path, times, rule_key, entity_key),
        )


def put_seen(
    connection: sqlite3.Connection, seen: Mapping[tuple[str, str], int], verdict: str, when_ms: int
) -> None:
    """Add the machine's verdict on many alerts to the summaries of their rule and entity, in one statement.

    `seen`: alerts by rule and entity.
    """
    path = f'$."{verdict}"'
    connection.execute(
        "insert into history select value ->> 0, value ->> 1, value ->> 2, ?, ?,"
        " json_object(?, value ->> 2), '{}', '', 0, '' from json_each(?) where true"
        " on conflict (rule_key, entity_key) do update set seen = seen + excluded.seen,"
        " last_ms = max(last_ms, excluded.last_ms),"
        " verdicts = json_set(verdicts, ?, coalesce(json_extract(verdicts, ?), 0) + excluded.seen)",
        (
            when_ms,
            when_ms,
            verdict,
            json.dumps([(*pair, times) for pair, times in seen.items()]),
            path,
            path,
        ),
    )


def put_past(
    connection: sqlite3.Connection,
    *,
    pairs: Iterable[tuple[str, str, int, str, int, int]],
    actor: str,
) -> None:
    """Write whole summaries: rule, entity, times seen, how people closed all of them, first and last ms."""
    for rule_key, entity_key, seen, verdict, first_ms, last_ms in pairs:
        counts = json.dumps({verdict: seen})
        connection.execute(
            "insert or replace into history values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (rule_key, entity_key, seen, first_ms, last_ms, counts, counts, verdict, last_ms, actor),
        )


def drop_history(connection: sqlite3.Connection, *, rule_key: str, entity_key: str, verdict: str) -> None:
    """Take back one human decision from the summary of rule and entity; who decided last is then unknown."""
    path = f'$."{verdict}"'
    connection.execute(
        "update history set human = json_set(human, ?, max(coalesce(json_extract(human, ?), 0) - 1, 0)),"
        " last_human = '', last_human_ms = 0, last_human_actor = '' where rule_key = ? and entity_key = ?",
        (path, path, rule_key, entity_key),
    )


def put_call(
    connection: sqlite3.Connection,
    *,
    call_id: str,
    alert_id: int,
    started_ms: int,
    model: str,
    usd: float,
    entry: bytes,
) -> None:
    """Write a ledger entry: once before the call is sent (estimate), again when it has ended (actual)."""
    connection.execute(
        "insert or replace into calls (id, alert_id, started_ms, model, usd, entry)"
        " values (?, ?, ?, ?, ?, ?)",
        (call_id, alert_id, started_ms, model, usd, entry),
    )


def delivered(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Forget deliveries that their sink has confirmed."""
    connection.executemany("delete from outbox where id = ?", [(one,) for one in ids])
