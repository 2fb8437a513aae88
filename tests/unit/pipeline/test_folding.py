"""An overfull lane: alike alerts share one analysis, and every one of them is still counted and kept."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from backend.alerts.model import Head
from backend.alerts.text import SafeText
from backend.engine import export_records
from backend.pipeline import scheduler as module
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler
from tests.support.engines import eve_alert, running, settings_for, until
from tests.unit.pipeline.builders import job


async def nothing_more(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
    return []


def alert(number: int, rule: str, lane: str = "low") -> Job:
    one = job(number, lane)
    head: Head = msgspec.structs.replace(
        one.head, rule_uid=SafeText(rule), hostname=SafeText("web-01"), uid=str(number)
    )
    one.head = head
    return one


async def test_alike_jobs_are_taken_along_once_and_only_from_an_overfull_low_lane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FOLD_AT", 5)
    scheduler = Scheduler(nothing_more)
    for number in range(1, 9):
        scheduler.offer(alert(number, "even" if number % 2 == 0 else "odd"))
    first = await scheduler.take()
    alike = scheduler.take_alike(first)
    assert [one.alert_id for one in alike] == [3, 5, 7]
    assert scheduler.queued("low") == 4
    second = await scheduler.take()
    assert second.alert_id == 2
    assert scheduler.take_alike(second) == []  # three left: no longer overfull
    for one in (first, second, *alike):
        scheduler.done(one)
    rest = [await scheduler.take() for _ in range(3)]
    assert [one.alert_id for one in rest] == [4, 6, 8]
    for one in rest:
        scheduler.done(one)
    assert scheduler.idle


async def test_higher_lanes_are_never_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLD_AT", 2)
    scheduler = Scheduler(nothing_more)
    for number in range(1, 9):
        scheduler.offer(alert(number, "same", "critical"))
    assert scheduler.take_alike(await scheduler.take()) == []


async def test_what_was_taken_along_and_put_back_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLD_AT", 2)
    scheduler = Scheduler(nothing_more)
    for number in range(1, 5):
        scheduler.offer(alert(number, "same"))
    first = await scheduler.take()
    alike = scheduler.take_alike(first)
    assert len(alike) == 3
    for one in (*alike, first):
        scheduler.put_back(one)
    assert scheduler.queued("low") == 4
    assert sorted([(await scheduler.take()).alert_id for _ in range(4)]) == [1, 2, 3, 4]


async def test_every_folded_alert_has_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLD_AT", 20)
    alerts = tmp_path / "eve.ndjson"
    alerts.write_bytes(b"".join(eve_alert(n, 3) + b"\n" for n in range(600)))
    settings = settings_for(alerts, tmp_path / "home")

    def play() -> list[dict[str, object]]:
        with running(settings) as engine:
            until(lambda: engine.snapshot.alerts_total == 600 and engine.idle, 60)
        return list(export_records(settings, 0))

    records = await asyncio.to_thread(play)
    kinds: Counter[str] = Counter()
    for record in records:
        by = record["analysed_by"]
        assert isinstance(by, dict)
        kinds[by["kind"]] += 1
    assert sum(kinds.values()) == 600
    assert kinds["aggregate"] > 400
    assert kinds["playbook"] >= 1
    assert len({str(record["verdict"]) for record in records}) <= 2
