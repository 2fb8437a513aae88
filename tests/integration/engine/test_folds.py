"""Folds through the whole engine: one gesture decides all, each is delivered once, a restart keeps both."""

import asyncio
import json
import sqlite3
from collections import Counter
from pathlib import Path

from backend.api import Decide, Row, Undo
from backend.engine import Engine, Settings, export_records
from backend.journal.schema import MIGRATIONS, migrate
from backend.journal.store import open_reader
from backend.settings import LaneConfig, SinkConfig
from tests.support.engines import eve_alert, running, settings_for, until

LOW, COUNT = 3, 300


def flood(path: Path, count: int = COUNT) -> None:
    """Alike alerts of one rule from seven inner addresses."""
    lines = [eve_alert(n, LOW, src_ip=f"10.0.0.{n % 7}") for n in range(count)]
    path.write_bytes(b"\n".join(lines) + b"\n")


def closed(home: Path) -> dict[int, int]:
    reader = open_reader(home / "journal.db")
    try:
        return dict(reader.connection.execute("select closed, count(*) from alerts group by 1").fetchall())
    finally:
        reader.close()


def folded(engine: Engine, count: int = COUNT) -> Row:
    """The one row, once everything has its verdict."""
    until(lambda: engine.snapshot.alerts_total == count and engine.idle and engine.snapshot.rows, 60)
    (row,) = engine.snapshot.rows
    return row


async def test_one_gesture_decides_all_and_one_takes_it_back(tmp_path: Path) -> None:
    flood(tmp_path / "eve.ndjson")
    made = settings_for(tmp_path / "eve.ndjson", tmp_path / "home")
    made.policy.close = False

    def play() -> tuple[str, dict[int, int], dict[int, int]]:
        with running(made) as engine:
            row = folded(engine)
            assert row.count == COUNT
            reply = engine.send(Decide((row.id,), "Benign", "ann", "known scanner")).result(10)
            after = closed(tmp_path / "home")
            assert engine.send(Undo("ann")).result(10).ok
            return reply.text, after, closed(tmp_path / "home")

    said, after, undone = await asyncio.to_thread(play)
    assert said == "closed 1 alert as Benign: 300 with those folded"
    assert after == {2: COUNT}
    assert undone == {0: COUNT}


async def test_every_member_has_its_record_once_also_over_a_restart(tmp_path: Path) -> None:
    flood(tmp_path / "eve.ndjson")
    out = tmp_path / "verdicts.ndjson"
    made = settings_for(tmp_path / "eve.ndjson", tmp_path / "home")
    made.sinks = [SinkConfig(uri=f"file://{out}")]

    def play() -> int:
        with running(made) as engine:
            return folded(engine).count

    assert await asyncio.to_thread(play) == COUNT
    more = [eve_alert(1_000 + n, LOW) for n in range(50)]
    with (tmp_path / "eve.ndjson").open("ab") as file:
        file.write(b"\n".join(more) + b"\n")

    def again() -> int:
        with running(made) as engine:
            return folded(engine, 50).count

    assert await asyncio.to_thread(again) == COUNT + 50, "the fold goes on where it was"
    records = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert Counter(Counter(one["alert"]["uid"] for one in records).values()) == {1: COUNT + 50}
    exported = list(export_records(made, 0))
    assert len(exported) == COUNT + 50
    assert all(one["evidence"] for one in exported)


async def test_an_opened_fold_lists_who_took_part_and_what_was_seen_before(tmp_path: Path) -> None:
    flood(tmp_path / "eve.ndjson")
    made = settings_for(tmp_path / "eve.ndjson", tmp_path / "home")

    def play() -> None:
        with running(made) as engine:
            row = folded(engine)
            engine.watch(row.id)
            until(lambda: engine.detail(row.id) is not None, 10)
            detail = engine.detail(row.id)
            assert detail is not None
            assert detail.fold is not None
            assert (detail.fold.count, detail.fold.same, detail.fold.sources.count) == (COUNT, False, 7)
            assert len(detail.fold.members) == 20
            assert detail.fold.members[0].id > detail.fold.members[-1].id
            assert detail.seen is not None
            assert detail.seen.seen == COUNT - 1

    await asyncio.to_thread(play)


async def test_the_lane_can_still_take_each_alert_by_itself(tmp_path: Path) -> None:
    flood(tmp_path / "eve.ndjson", 30)
    made = settings_for(tmp_path / "eve.ndjson", tmp_path / "home")
    made.lanes["low"] = LaneConfig(models=[], mode="each")

    def play() -> list[int]:
        with running(made) as engine:
            until(lambda: engine.snapshot.alerts_total == 30 and engine.idle, 60)
            return [row.count for row in engine.snapshot.rows]

    assert await asyncio.to_thread(play) == [1] * 30


async def test_a_journal_of_before_folds_opens_and_goes_on(tmp_path: Path) -> None:
    flood(tmp_path / "eve.ndjson")
    home = tmp_path / "home"
    made: Settings = settings_for(tmp_path / "eve.ndjson", home)

    def play() -> int:
        with running(made) as engine:
            return folded(engine).count

    home.mkdir()
    connection = sqlite3.connect(home / "journal.db", isolation_level=None)
    for migration in MIGRATIONS[:2]:
        migration(connection)
    connection.execute("pragma user_version = 2")
    connection.execute("pragma application_id = 0x57464C52")
    connection.close()
    assert await asyncio.to_thread(play) == COUNT
    connection = sqlite3.connect(home / "journal.db", isolation_level=None)
    migrate(connection)
    assert connection.execute("pragma user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()
