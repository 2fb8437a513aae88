"""Writing what came in: alert rows, their source positions and their jobs, in one transaction.

Stateless on purpose: a transaction that has to be run again starts from what is on disk, nothing else.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from backend.alerts.model import ParsedEvent
from backend.journal.stored import CLOSED, DONE, OPEN, QUEUED, Entry, Routed, Stored, StoredAlert, encode_head

MAX_KINDS = 2_000
"""Kinds of non-alerts that are counted apart; the rest of a format is counted as `OTHER_KINDS`."""
OTHER_KINDS = "(other)"

_INSERT_NEW = (
    "insert or ignore into alerts "
    "(id, partition_id, offset, sub, lane, state, closed, received_ms, deadline_ms, head, raw) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_NUMBERS = b"%020d%06d%02d%01d%016d%016d%010d%010d%010d"
_WIDTH = 91
_INSERT_BATCH = f"""
with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < :count)
insert into alerts (id, partition_id, offset, sub, lane, state, closed, received_ms, deadline_ms, head, raw)
select
    :first_id + i,
    :partition_id,
    cast(substr(:numbers, i * {_WIDTH} + 1, 20) as integer),
    cast(substr(:numbers, i * {_WIDTH} + 21, 6) as integer),
    cast(substr(:numbers, i * {_WIDTH} + 27, 2) as integer),
    iif(substr(:numbers, i * {_WIDTH} + 29, 1) = x'31', {DONE}, {QUEUED}),
    iif(substr(:numbers, i * {_WIDTH} + 29, 1) = x'31', {CLOSED}, {OPEN}),
    cast(substr(:numbers, i * {_WIDTH} + 30, 16) as integer),
    cast(substr(:numbers, i * {_WIDTH} + 46, 16) as integer),
    substr(
        :bytes,
        cast(substr(:numbers, i * {_WIDTH} + 62, 10) as integer),
        cast(substr(:numbers, i * {_WIDTH} + 72, 10) as integer)
    ),
    substr(
        :bytes,
        cast(substr(:numbers, i * {_WIDTH} + 62, 10) as integer)
            + cast(substr(:numbers, i * {_WIDTH} + 72, 10) as integer),
        cast(substr(:numbers, i * {_WIDTH} + 82, 10) as integer)
    )
from n
"""  # noqa: S608 - made of constants of this module alone
"""A whole batch in one statement, its numbers in fixed width and its bytes end to end.

Python gives the interpreter lock away and takes it again at each statement. With a statement a row the writer
waits for the busy loop thread at every row: 307 µs a row against 33 with one statement a batch (11 µs both,
where the loop is idle).
"""


def store(connection: sqlite3.Connection, source: str, entries: Sequence[Entry]) -> Stored:
    """Write a batch of one source. Records already known by their position change nothing.

    In a partition with whole-number offsets records arrive in order, so all below its next offset is known.
    Where offsets are words (Redis Streams hand out old entries again) each position is asked of the index.
    """
    stored = Stored(alerts=[], duplicates=0, events=0, dead=0)
    next_id = (connection.execute("select max(id) from alerts").fetchone()[0] or 0) + 1
    duplicates = events = dead = twins = 0
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
        next_id, again = _alerts(connection, partition_id, fresh, next_id, stored.alerts, ordered=ordered)
        duplicates += again
        twins += sum(one.twin for entry in fresh for one in entry.alerts)
        dead += _dead_letters(connection, partition_id, fresh)
        if len(stored.alerts) > before or ordered or not again:
            events += _events(connection, fresh)
        connection.execute(
            "update partitions set next_offset = ? where id = ?", (fresh[-1].next_offset, partition_id)
        )
    return Stored(stored.alerts, duplicates=duplicates, events=events, dead=dead, twins=twins)


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
    ordered: bool,
) -> tuple[int, int]:
    """Insert the alert rows; returns the next free id and how many were there already."""
    routed = [(entry, one) for entry in entries for one in entry.alerts]
    if not routed:
        return next_id, 0
    added = [
        StoredAlert(id_, one.parsed.head, one.lane, entry.received_ms, one.deadline_ms)
        for id_, (entry, one) in enumerate(routed, start=next_id)
    ]
    if ordered:
        _insert_batch(connection, partition_id, routed, next_id)
        out.extend(alert for alert, (_, one) in zip(added, routed, strict=True) if not one.twin)
        return next_id + len(added), 0
    again = 0
    for alert, (entry, one) in zip(added, routed, strict=True):
        state, closed = (DONE, CLOSED) if one.twin else (QUEUED, OPEN)
        row = (alert.id, partition_id, entry.offset, one.parsed.sub, one.lane, state, closed)
        content = (entry.received_ms, one.deadline_ms, encode_head(one.parsed.head), one.parsed.raw)
        if connection.execute(_INSERT_NEW, row + content).rowcount:
            if not one.twin:
                out.append(alert)
        else:
            again += 1
    return next_id + len(added), again


def _insert_batch(
    connection: sqlite3.Connection, partition_id: int, routed: Sequence[tuple[Entry, Routed]], first_id: int
) -> None:
    """Insert rows of a partition whose offsets are whole numbers, all of them new."""
    numbers: list[bytes] = []
    pieces: list[bytes] = []
    at = 1
    for entry, one in routed:
        head, raw = encode_head(one.parsed.head), one.parsed.raw
        numbers.append(
            _NUMBERS
            % (
                entry.offset,
                one.parsed.sub,
                one.lane,
                one.twin,
                entry.received_ms,
                one.deadline_ms,
                at,
                len(head),
                len(raw),
            )
        )
        pieces += (head, raw)
        at += len(head) + len(raw)
    connection.execute(
        _INSERT_BATCH,
        {
            "count": len(numbers),
            "first_id": first_id,
            "partition_id": partition_id,
            "numbers": b"".join(numbers),
            "bytes": b"".join(pieces),
        },
    )


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
    if len(counts) > 1 or connection.execute("select count(*) from events").fetchone()[0] >= MAX_KINDS:
        counts = _bounded(connection, counts)
    connection.executemany(
        "insert into events (format, kind, count, first_ms, last_ms) values (?, ?, ?, ?, ?)"
        " on conflict (format, kind) do update set count = count + excluded.count,"
        " last_ms = excluded.last_ms",
        [(format_, kind, *numbers) for (format_, kind), numbers in counts.items()],
    )
    return total


def _bounded(
    connection: sqlite3.Connection, counts: dict[tuple[str, str], list[int]]
) -> dict[tuple[str, str], list[int]]:
    """The same counts with kinds that are too many under one name: kinds come from the data."""
    known = set(connection.execute("select format, kind from events"))
    bounded: dict[tuple[str, str], list[int]] = {}
    for (format_, kind), numbers in counts.items():
        place = (format_, kind)
        if place not in known:
            if len(known) >= MAX_KINDS:
                place = (format_, OTHER_KINDS)
            known.add(place)
        sum_ = bounded.setdefault(place, [0, numbers[1], numbers[2]])
        sum_[0] += numbers[0]
        sum_[1], sum_[2] = min(sum_[1], numbers[1]), max(sum_[2], numbers[2])
    return bounded


def _count(counts: dict[tuple[str, str], list[int]], event: ParsedEvent, received_ms: int) -> None:
    numbers = counts.setdefault((event.format, event.kind), [0, received_ms, received_ms])
    numbers[0] += 1
    numbers[2] = received_ms
