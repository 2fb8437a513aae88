"""A Wazuh-wrapped Suricata alert and its native twin are one to the analyst, and both are kept."""

import asyncio
import json
from pathlib import Path

import pytest

from backend.engine import export_records
from backend.journal.store import open_reader
from tests.support.engines import eve_alert, running, settings_for, until

NATIVE = json.loads(eve_alert(7))
WRAPPED = {
    "timestamp": "2026-01-02T03:04:06.000+0000",
    "rule": {"level": 3, "description": "Suricata: Alert", "id": "86601", "groups": ["ids", "suricata"]},
    "agent": {"id": "001", "name": "sensor"},
    "manager": {"name": "manager"},
    "id": "1767323046.1",
    "full_log": json.dumps(NATIVE),
    "decoder": {"name": "json"},
    "data": NATIVE,
    "location": "/var/log/suricata/eve.json",
}


@pytest.mark.parametrize(
    "order", [(NATIVE, WRAPPED), (WRAPPED, NATIVE)], ids=["native first", "wrapped first"]
)
async def test_twins_are_shown_once_and_kept_twice(tmp_path: Path, order: tuple[object, ...]) -> None:
    alerts = tmp_path / "in.ndjson"
    alerts.write_text("".join(json.dumps(one) + "\n" for one in order), "utf-8")
    settings = settings_for(alerts, tmp_path / "home")

    def play() -> tuple[int, int, int]:
        with running(settings) as engine:
            until(lambda: engine.idle and engine.snapshot.rows and engine.snapshot.rows[0].verdict, 20)
            shown = engine.snapshot
            return len(shown.rows), shown.open_total, shown.duplicates

    assert await asyncio.to_thread(play) == (1, 1, 1)
    assert len(list(export_records(settings, 0))) == 1
    reader = open_reader(tmp_path / "home" / "journal.db")
    assert len(list(reader.records(0))) == 2
    reader.close()


async def test_the_same_alert_from_one_format_again_is_a_counter(tmp_path: Path) -> None:
    alerts = tmp_path / "in.ndjson"
    alerts.write_text(json.dumps(NATIVE) + "\n" + json.dumps(NATIVE) + "\n", "utf-8")

    def play() -> list[int]:
        with running(settings_for(alerts, tmp_path / "home")) as engine:
            until(lambda: engine.idle and engine.snapshot.alerts_total == 2, 20)
            assert engine.snapshot.duplicates == 0
            return [row.count for row in engine.snapshot.rows]

    assert await asyncio.to_thread(play) == [2]
    records = list(export_records(settings_for(alerts, tmp_path / "home"), 0))
    assert len(records) == 2  # each is kept, and has its record
