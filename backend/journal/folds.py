"""Folds on disk: which alert stands for which others, and what is counted of them.

A member's row says whose it is (`alerts.fold`). It has no verdict of its own: its leader's is read for it.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from backend.alerts.model import Head
from backend.journal.stored import DONE, FOLDED, OPEN, QUEUED, decode_head

KNOWN_RULES = 50_000
"""Pairs of rule and kind of source that are known after a start; the ones not seen for longest are not."""


class FoldRow(msgspec.Struct, frozen=True, gc=False):
    """One fold as it is stored."""

    leader: int
    lane: int
    kind: str
    """alike or same."""
    rule: str
    entity_class: str
    first_ms: int
    last_ms: int
    count: int
    body: bytes
    """What only the pipeline reads: sketches of who took part, samples, reasons."""


class Member(msgspec.Struct, frozen=True, gc=False):
    """An alert that inherits its verdict."""

    id: int
    head: Head
    lane: int
    received_ms: int
    deadline_ms: int
    raw: bytes
    source: str


_COLUMNS = len(FoldRow.__struct_fields__)
_CHUNKS = 64, 16, 4, 1
"""Rows a statement: Python gives the interpreter lock away at each, and waits for it while the loop works."""


def put(
    connection: sqlite3.Connection,
    rows: Sequence[FoldRow],
    joined: Mapping[int, Sequence[int]],
    told: Mapping[int, Sequence[int]],
) -> None:
    """Store folds as they are now, with the alerts that joined them, by leader.

    Those in `told` have their verdict with it: their leader's is on disk. An alert that has its verdict, or
    is of another fold already, stays as it is.
    """
    start = 0
    for size in _CHUNKS:
        while len(rows) - start >= size:
            part = rows[start : start + size]
            connection.execute(
                "insert or replace into folds values " + ", ".join([_PLACES] * size),  # noqa: S608 - places alone
                [value for row in part for value in msgspec.structs.astuple(row)],
            )
            start += size
    members = [
        (one, leader, state)
        for state, by_leader in ((FOLDED, joined), (DONE, told))
        for leader, ids in by_leader.items()
        for one in ids
    ]
    if members:
        connection.execute(_JOIN, (OPEN, json.dumps(members), QUEUED))


_PLACES = f"({', '.join('?' * _COLUMNS)})"
_JOIN = (
    "update alerts set state = m.state, fold = m.leader,"
    " closed = coalesce((select l.closed from alerts l where l.id = m.leader), ?)"
    " from (select value ->> 0 as id, value ->> 1 as leader, value ->> 2 as state from json_each(?)) m"
    " where alerts.id = m.id and alerts.fold = 0 and alerts.state = ?"
)


def sampled(connection: sqlite3.Connection, alert_id: int, leader: int) -> None:
    """Mark a member that is analysed by itself, as a sample of its fold."""
    connection.execute("update alerts set fold = ? where id = ?", (leader, alert_id))


def settled(connection: sqlite3.Connection, leader: int, up_to: int) -> None:
    """Members up to an id have their verdict."""
    connection.execute(
        "update alerts set state = ? where fold = ? and id <= ? and state = ?", (DONE, leader, up_to, FOLDED)
    )


def promoted(connection: sqlite3.Connection, leader: int, lane: int, deadline_ms: int) -> None:
    """A fold's leader is owed a verdict anew, in a higher lane."""
    connection.execute(
        "update alerts set lane = ?, deadline_ms = ?, state = ? where id = ?",
        (lane, deadline_ms, QUEUED, leader),
    )


def stored(connection: sqlite3.Connection, since_ms: int, limit: int) -> list[FoldRow]:
    """Folds with a member since, whose leader no person has closed; the latest where there are too many."""
    rows = connection.execute(
        "select f.* from folds f join alerts a on a.id = f.leader where f.last_ms >= ?"
        " order by f.last_ms desc limit ?",
        (since_ms, limit),
    )
    return [FoldRow(*row) for row in rows]


def known(connection: sqlite3.Connection) -> tuple[list[tuple[str, str]], list[str], int | None]:
    """Rules by kind of source that were ever folded, rules that ever had a verdict, and since when."""
    pairs = connection.execute(
        "select rule, entity_class from folds where kind = 'alike' group by rule, entity_class"
        " order by max(last_ms) desc limit ?",
        (KNOWN_RULES,),
    ).fetchall()
    rules = connection.execute("select distinct rule_key from history limit ?", (KNOWN_RULES,)).fetchall()
    began = connection.execute("select received_ms from alerts order by id limit 1").fetchone()
    return pairs, [row[0] for row in rules], began[0] if began is not None else None


def counts(connection: sqlite3.Connection, leaders: Sequence[int]) -> dict[int, FoldRow]:
    """The folds that some alerts lead."""
    rows = connection.execute(
        "select * from folds where leader in (select value from json_each(?))", (json.dumps(list(leaders)),)
    )
    return {row[0]: FoldRow(*row) for row in rows}


def unsettled(connection: sqlite3.Connection) -> list[int]:
    """Leaders that have their verdict while members wait to be told of it."""
    rows = connection.execute(
        "select distinct a.fold from alerts a join verdicts v on v.alert_id = a.fold where a.state = ?",
        (FOLDED,),
    )
    return [row[0] for row in rows]


def owed(connection: sqlite3.Connection, leader: int, limit: int) -> list[Member]:
    """Members that wait to be told of their leader's verdict, oldest first."""
    return _members(connection, f"a.fold = ? and a.state = {FOLDED} order by a.id limit ?", (leader, limit))


def members(connection: sqlite3.Connection, leader: int, limit: int) -> list[Member]:
    """A fold's newest members, newest first."""
    return _members(connection, "a.fold = ? order by a.id desc limit ?", (leader, limit))


def _members(connection: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Member]:
    rows = connection.execute(
        "select a.id, a.head, a.lane, a.received_ms, a.deadline_ms, a.raw, p.source"  # noqa: S608 - constants
        f" from alerts a join partitions p on p.id = a.partition_id where {where}",
        values,
    )
    return [Member(row[0], decode_head(row[1]), *row[2:]) for row in rows]
