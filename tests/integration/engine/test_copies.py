"""A flood of one alert is one row, one counter and one call; every copy of it is kept and has its record."""

import asyncio
import itertools
from pathlib import Path

import pytest

from backend.engine import export_records
from backend.journal.store import open_reader
from tests.support.folding import MANY, answer, asked, copies, played, renumbered, settings
from tests.support.vendors import VendorServer

LOW, CRITICAL = 3, 1
"""Suricata's severities: 1 is the worst."""


@pytest.mark.parametrize("severity", [LOW, CRITICAL])
async def test_copies_are_one_row_a_counter_and_one_call(tmp_path: Path, severity: int) -> None:
    alerts, home = tmp_path / "eve.ndjson", tmp_path / "home"
    copies(alerts, MANY, severity)
    async with VendorServer("anthropic", answer) as server:
        made = settings(server, alerts, home)
        rows, _ = await asyncio.to_thread(played, made, MANY)
        assert asked(server) == 1
    assert [row.count for row in rows] == [MANY]
    reader = open_reader(home / "journal.db")
    try:
        assert reader.connection.execute("select count(*) from alerts").fetchone() == (MANY,)
        assert reader.connection.execute("select count(*) from verdicts").fetchone() == (1,)
        assert reader.connection.execute("select state, count(*) from alerts group by 1").fetchall() == [
            (1, MANY)
        ]
    finally:
        reader.close()


@pytest.mark.parametrize("severity", [LOW, CRITICAL])
async def test_alerts_that_differ_by_id_alone_cost_a_handful_of_calls(tmp_path: Path, severity: int) -> None:
    alerts, home = tmp_path / "eve.ndjson", tmp_path / "home"
    renumbered(alerts, MANY, severity)
    async with VendorServer("anthropic", answer) as server:
        made = settings(server, alerts, home)
        rows, engine = await asyncio.to_thread(played, made, MANY)
        assert 1 <= asked(server) <= 10
    assert sum(row.count for row in rows) == MANY
    done = sum(lane.done for lane in engine.snapshot.lanes)
    assert done == MANY
    some = list(itertools.islice(export_records(made, 0), 200))
    assert {record["verdict"] for record in some} == {"True Positive"}
    kinds = {record["analysed_by"]["kind"] for record in some}  # type: ignore[index]
    assert kinds == {"model", "aggregate"}
