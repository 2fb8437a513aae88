"""What was sent to models, byte for byte: written with each call, capped in age and size, read for audit."""

import sqlite3
import zlib

import msgspec

from backend.analysis.entry import LedgerEntry

PRUNE_EVERY = 64
"""Requests stored between two looks at the caps."""
ALERT_LIMIT = 50
"""Requests of one alert that are read, the newest."""


class SentBody(msgspec.Struct, frozen=True, gc=False):
    """One request as it is stored."""

    call_id: str
    alert_id: int
    wall_ms: int
    model: str
    host: str
    kind: str
    hidden: bool
    """Names in it were pseudonyms."""
    size: int
    """Bytes on the wire."""
    body: bytes
    """zlib-compressed."""


class SentCall(msgspec.Struct, frozen=True, gc=False):
    """One request as it was sent, and what its call came to."""

    wall_ms: int
    model: str
    host: str
    kind: str
    hidden: bool
    body: bytes
    """As it went over the wire."""
    entry: LedgerEntry | None
    """The call in the ledger; None where that is gone."""


class SentStore:
    """Writes requests and keeps them inside their caps. Used on the journal's writing thread alone."""

    def __init__(self, most_ms: int, most_bytes: int) -> None:
        """Kept for `most_ms`, and at most `most_bytes` compressed; the oldest go first."""
        self._most_ms = most_ms
        self._most_bytes = most_bytes
        self._stored = 0

    def put(self, connection: sqlite3.Connection, sent: SentBody) -> None:
        """Store one; a call that is made again after a rate limit sent the same twice and is kept once."""
        connection.execute(
            "insert or replace into sent (call_id, alert_id, wall_ms, stored, head, body)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                sent.call_id,
                sent.alert_id,
                sent.wall_ms,
                len(sent.body),
                msgspec.msgpack.encode((sent.model, sent.host, sent.kind, sent.hidden, sent.size)),
                sent.body,
            ),
        )
        if self._stored % PRUNE_EVERY == 0:
            self._prune(connection, sent.wall_ms)
        self._stored += 1

    def _prune(self, connection: sqlite3.Connection, now_ms: int) -> None:
        connection.execute("delete from sent where wall_ms < ?", (now_ms - self._most_ms,))
        total: int = connection.execute("select coalesce(sum(stored), 0) from sent").fetchone()[0]
        for rowid, size in connection.execute("select rowid, stored from sent order by wall_ms").fetchall():
            if total <= self._most_bytes:
                break
            connection.execute("delete from sent where rowid = ?", (rowid,))
            total -= size


def sent_calls(connection: sqlite3.Connection, alert_id: int) -> list[SentCall]:
    """What was sent on an alert, oldest first; at most the newest `ALERT_LIMIT`."""
    rows = connection.execute(
        "select sent.wall_ms, sent.head, sent.body, calls.entry from sent"
        " left join calls on calls.id = sent.call_id"
        " where sent.alert_id = ? order by sent.wall_ms desc, sent.rowid desc limit ?",
        (alert_id, ALERT_LIMIT),
    ).fetchall()
    found = []
    for wall_ms, head, body, entry in reversed(rows):
        model, host, kind, hidden, _size = msgspec.msgpack.decode(head)
        booked = msgspec.msgpack.decode(entry, type=LedgerEntry) if entry else None
        found.append(SentCall(wall_ms, model, host, kind, hidden, zlib.decompress(body), booked))
    return found
