"""The journal's tables and how an older file becomes a current one.

Migrations run in one transaction each, so that a kill in the middle leaves the old schema or the new one.
"""

import sqlite3
from collections.abc import Callable

import sqlite_utils

from backend.journal import JournalError

APPLICATION_ID = 0x57464C52
"""`WFLR`: marks the file as ours, so that another program's database is refused rather than changed."""

_VERSION_1 = """
create table partitions (
    id integer primary key,
    source text not null,
    name text not null,
    next_offset,
    unique (source, name)
);
create table alerts (
    id integer primary key,
    partition_id integer not null,
    offset not null,
    sub integer not null,
    lane integer not null,
    state integer not null,
    closed integer not null,
    received_ms integer not null,
    deadline_ms integer not null,
    head blob not null,
    raw blob not null
);
create unique index alerts_position on alerts (partition_id, offset, sub);
create index alerts_queued on alerts (lane, id) where state = 0;
create index alerts_urgent on alerts (id) where closed < 2 and lane < 2;
create table verdicts (
    alert_id integer primary key,
    verdict text not null,
    confidence real not null,
    verdict_ms integer not null,
    cost_usd real not null,
    result blob not null
);
create table turns (
    id integer primary key,
    alert_id integer not null,
    event blob not null
);
create index turns_alert on turns (alert_id);
create table decisions (
    id integer primary key,
    gesture integer not null,
    alert_id integer not null,
    kind text not null,
    disposition text not null,
    actor text not null,
    note text not null,
    wall_ms integer not null,
    undone_ms integer
);
create index decisions_alert on decisions (alert_id);
create table dead_letters (
    id integer primary key,
    partition_id integer not null,
    offset not null,
    sub integer not null,
    received_ms integer not null,
    reason text not null,
    raw blob not null,
    unique (partition_id, offset, sub)
);
create table events (
    format text not null,
    kind text not null,
    count integer not null,
    first_ms integer not null,
    last_ms integer not null,
    primary key (format, kind)
) without rowid;
create table history (
    rule_key text not null,
    entity_key text not null,
    seen integer not null,
    first_ms integer not null,
    last_ms integer not null,
    verdicts text not null,
    human text not null,
    last_human text not null,
    last_human_ms integer not null,
    last_human_actor text not null,
    primary key (rule_key, entity_key)
) without rowid;
create table calls (
    id text primary key,
    alert_id integer not null,
    started_ms integer not null,
    model text not null,
    usd real not null,
    entry blob not null
);
create index calls_started on calls (started_ms);
create table outbox (
    id integer primary key,
    alert_id integer not null,
    sink text not null,
    idempotency_key text not null unique,
    payload blob not null,
    created_ms integer not null
);
"""


def _version_1(connection: sqlite3.Connection) -> None:
    for statement in _VERSION_1.split(";"):
        if statement.strip():
            connection.execute(statement)


def _version_2(connection: sqlite3.Connection) -> None:
    """What was sent to models, for audit."""
    connection.execute(
        "create table sent (call_id text primary key, alert_id integer not null, wall_ms integer not null,"
        " stored integer not null, head blob not null, body blob not null)"
    )
    connection.execute("create index sent_alert on sent (alert_id)")
    connection.execute("create index sent_time on sent (wall_ms, stored)")


def _version_3(connection: sqlite3.Connection) -> None:
    """Folds: alerts that another alert stands for."""
    connection.execute("alter table alerts add column fold integer not null default 0")
    connection.execute("create index alerts_members on alerts (fold, id) where fold > 0")
    connection.execute("create index alerts_folded on alerts (fold, id) where state = 2")
    connection.execute(
        "create table folds (leader integer primary key, lane integer not null, kind text not null,"
        " rule text not null, entity_class text not null, first_ms integer not null,"
        " last_ms integer not null, count integer not null, body blob not null)"
    )
    connection.execute("create index folds_last on folds (last_ms)")


def _version_4(connection: sqlite3.Connection) -> None:
    """What may be done with each source's data, for when the source is no more in the config."""
    connection.execute("create table source_classes (source text primary key, data text not null)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _version_1,
    _version_2,
    _version_3,
    _version_4,
)
"""Applied in order; a file's `user_version` says how many it has had."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the current schema.

    Raises:
        JournalError: the file belongs to another program or to a newer watchfloor.
    """
    database = sqlite_utils.Database(connection)
    application = connection.execute("pragma application_id").fetchone()[0]
    version = connection.execute("pragma user_version").fetchone()[0]
    if application not in (0, APPLICATION_ID) or (application == 0 and database.table_names()):
        raise JournalError("the journal file belongs to another program; point $WATCHFLOOR_HOME elsewhere")
    if version > len(MIGRATIONS):
        raise JournalError(
            f"the journal has schema {version}, newer than this watchfloor's {len(MIGRATIONS)};"
            " upgrade watchfloor"
        )
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("begin immediate")
        try:
            migration(connection)
            connection.execute(f"pragma user_version = {number}")
            connection.execute(f"pragma application_id = {APPLICATION_ID}")
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")
