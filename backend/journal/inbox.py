"""Writing what came in: alert rows, their source positions and their jobs, in one transaction.

Stateless on purpose: a transaction that has to be run again starts from what is on disk, nothing else.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from backend.alerts.model import ParsedEvent
from backend.journal.stored import OPEN, QUEUED, Entry, Stored, StoredAlert, encode_head

_INSERT_ALERT = (
    "insert {or_ignore}into alerts "
    "(id, partition_id, offset, sub, lane, state, closed, received_ms, deadline_ms, head, raw) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT = _INSERT_ALERT.format(or_ignore="")
_INSERT_NEW = _INSERT_ALERT.format(or_ignore="or ignore ")


def store(connection: sqlite3.Connection, source: str, entries: Sequence[Entry]) -> Stored:
    """Write a batch of one source. Records already known by their position change nothing.

    In a partition with whole-number offsets records arrive in order, so all below its next offset is known.
    Where offsets are words (Redis Streams hand out old entries again) each position is asked of the index.
    """
    stored = Stored(alerts=[], duplicates=0, events=0, dead=0)
    next_id = (connection.execute("select max(id) from alerts").fetchone()[0] or 0) + 1
    duplicates = events = dead = 0
    by_partition: dict[str, list[Entry]] = {}
    for entry in entries:
        by_partition.setdefault(entry.partition, []).append(entry)
    for name, group in by_partition.items():
        partition_id, next_offset = _partition(connection, source, name)
        fresh = [entry for entry in group if not _known(entry.offset, next_offset)]
        duplicates += len(group) - len(fresh)
        if not fresh:
            continue
        ordered = all(isinstance(entry.offset, int) for entry in fresh)
        before = len(stored.alerts)
        next_id, again = _alerts(connection, partition_id, fresh, next_id, stored.alerts, known=ordered)
        duplicates += again
        dead += _dead_letters(connection, partition_id, fresh)
        if len(stored.alerts) > before or ordered or not again:
            events += _events(connection, fresh)
        connection.execute(
            "update partitions set next_offset = ? where id = ?", (fresh[-1].next_offset, partition_id)
        )
    return Stored(alerts=stored.alerts, duplicates=duplicates, events=events, dead=dead)


def _partition(connection: sqlite3.Connection, source: str, name: str) -> tuple[int, int | str | None]:
    row = connection.execute(
        "select id, next_offset from partitions where source = ? and name = ?", (source, name)
    ).fetchone()
    if row is not None:
        return row[0], row[1]
    cursor = connection.execute("insert into partitions (source, name) values (?, ?)", (source, name))
    assert cursor.lastrowid is not None  # noqa: S101  # an insert that did not raise has one
    return cursor.lastrowid, None


def _known(offset: int | str, next_offset: int | str | None) -> bool:
    return isinstance(offset, int) and isinstance(next_offset, int) and offset < next_offset


def _alerts(
    connection: sqlite3.Connection,
    partition_id: int,
    entries: Sequence[Entry],
    next_id: int,
    out: list[StoredAlert],
    *,
    known: bool,
) -> tuple[int, int]:
    """Insert the alert rows; returns the next free id and how many were there already."""
    rows = []
    added = []
    for entry in entries:
        for routed in entry.alerts:
            parsed = routed.parsed
            rows.append(
                (
                    next_id,
                    partition_id,
                    entry.offset,
                    parsed.sub,
                    routed.lane,
                    QUEUED,
                    OPEN,
                    entry.received_ms,
                    routed.deadline_ms,
                    encode_head(parsed.head),
                    parsed.raw,
                )
            )
            added.append(
                StoredAlert(next_id, parsed.head, routed.lane, entry.received_ms, routed.deadline_ms)
            )
            next_id += 1
    if known:
        connection.executemany(_INSERT, rows)
        out.extend(added)
        return next_id, 0
    again = 0
    for row, alert in zip(rows, added, strict=True):
        if connection.execute(_INSERT_NEW, row).rowcount:
            out.append(alert)
        else:
            again += 1
    return next_id, again


def _dead_letters(connection: sqlite3.Connection, partition_id: int, entries: Iterable[Entry]) -> int:
    rows = [
        (partition_id, entry.offset, letter.sub, entry.received_ms, letter.reason, letter.raw)
        for entry in entries
        for letter in entry.dead
    ]
    if not rows:
        return 0
    return connection.executemany(
        "insert or ignore into dead_letters (partition_id, offset, sub, received_ms, reason, raw)"
        " values (?, ?, ?, ?, ?, ?)",
        rows,
    ).rowcount


def _events(connection: sqlite3.Connection, entries: Iterable[Entry]) -> int:
    counts: dict[tuple[str, str], list[int]] = {}
    total = 0
    for entry in entries:
        for event in entry.events:
            total += 1
            _count(counts, event, entry.received_ms)
    connection.executemany(
        "insert into events (format, kind, count, first_ms, last_ms) values (?, ?, ?, ?, ?)"
        " on conflict (format, kind) do update set count = count + excluded.count,"
        " last_ms = excluded.last_ms",
        [(format_, kind, *numbers) for (format_, kind), numbers in counts.items()],
    )
    return total


def _count(counts: dict[tuple[str, str], list[int]], event: ParsedEvent, received_ms: int) -> None:
    numbers = counts.setdefault((event.format, event.kind), [0, received_ms, received_ms])
    numbers[0] += 1
    numbers[2] = received_ms
