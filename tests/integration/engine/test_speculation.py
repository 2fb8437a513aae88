"""Looking ahead through the whole engine: what is opened is ready, nothing asked twice, nobody held up."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from backend.api import Decide, Investigate, Look, Row
from backend.bench.speculation import measure, speculation_lines
from backend.engine import Engine, Settings
from backend.settings import ModelConfig
from tests.support.engines import eve_alert, running, settings_for, written
from tests.support.vendors import Done, Status, Tokens, VendorServer, Wait
from tests.support.vendors.script import Script
from tests.support.vendors.server import ReceivedRequest

LINE = (
    '{"facts":[{"text":"Odd calls at night","evidence":["E1"]}],"verdict":"True Positive",'
    '"confidence":0.9,"severity":"High","summary":"A host calls out.","actions":[]}\n\n'
)
WHOLE: Script = [Tokens(LINE), Tokens("It called out [E1]."), Done()]
SLOW: Script = [Tokens(LINE), Wait(30), Done()]
DOWN: Script = [Status(503, "down")]


class Vendor:
    """A vendor whose answer the test chooses as it goes."""

    def __init__(self) -> None:
        self.script: Script = DOWN
        self.server = VendorServer("openai", self._answer)

    def _answer(self, _request: ReceivedRequest) -> Script:
        return self.script

    @property
    def calls(self) -> int:
        return len(self.server.requests)

    def settings(self, tmp_path: Path, **changes: object) -> Settings:
        model = ModelConfig(provider="openai", model="m", base_url=self.server.base_url, **changes)  # type: ignore[arg-type]  # each test names fields
        return settings_for(tmp_path / "eve.json", tmp_path / "home", {"m": model})


async def happens(true: Callable[[], object], timeout_s: float = 40.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up, "it did not happen in time"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[Engine]:
    context: Iterator[Engine] | contextlib.AbstractContextManager[Engine] = running(settings)
    assert isinstance(context, contextlib.AbstractContextManager)
    engine = await asyncio.to_thread(context.__enter__)
    try:
        yield engine
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def by_playbook(row: Row) -> bool:
    return row.degraded and row.analysed_by.startswith("playbook:")


@contextlib.asynccontextmanager
async def after_an_outage(
    tmp_path: Path, count: int = 4, *, enabled: bool = True, **model: object
) -> AsyncIterator[tuple[Engine, Vendor]]:
    """An engine whose alerts were all judged by the playbook, because the vendor was down. It is back now."""
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(
        b"".join(
            eve_alert(n, severity=2, src_ip=f"10.4.2.{n}", host=f"web-{n:02}") + b"\n" for n in range(count)
        )
    )
    vendor = Vendor()
    async with vendor.server:
        settings = vendor.settings(tmp_path, **model)
        settings.speculation.enabled = enabled
        settings.catch_up.enabled = False  # what is looked ahead at is told apart here
        async with started(settings) as engine:
            await happens(lambda: len(engine.snapshot.rows) == count)
            await happens(lambda: all(by_playbook(row) for row in engine.snapshot.rows))
        vendor.script = WHOLE
        async with started(settings) as engine:
            await happens(lambda: len(engine.snapshot.rows) == count)
            yield engine, vendor


async def test_what_the_playbook_judged_in_an_outage_is_ready_when_it_is_opened(tmp_path: Path) -> None:
    async with after_an_outage(tmp_path) as (engine, vendor):
        rows = engine.snapshot.rows
        before = vendor.calls
        await asyncio.sleep(0.5)
        assert vendor.calls == before  # without a cursor nothing is looked ahead at
        engine.send(Look(rows[0].id))
        await happens(lambda: sum(not row.degraded for row in engine.snapshot.rows) == 3)
        await asyncio.sleep(0.5)
        assert vendor.calls == before + 3  # the row under the cursor and two more
        engine.watch(rows[0].id)
        await happens(lambda: engine.snapshot.speculation.hits == 1)
        await happens(lambda: (d := engine.detail(rows[0].id)) is not None and d.analysis is not None)
        detail = engine.detail(rows[0].id)
        assert detail is not None
        assert detail.analysis is not None
        assert (detail.analysis.kind, detail.analysis.model) == ("model", "m")
        assert "It called out [E1]." in written(engine.transcript(rows[0].id))
        assert vendor.calls == before + 3
        assert engine.snapshot.cost.speculation.calls == 3
        engine.send(Decide((rows[1].id,), "Benign", "analyst"))
        await happens(lambda: engine.snapshot.speculation.misses == 1)


async def test_it_is_broken_off_when_the_cursor_moves_on_and_for_a_person_who_waits(tmp_path: Path) -> None:
    async with after_an_outage(tmp_path, 2, max_concurrency=1) as (engine, vendor):
        first, second = engine.snapshot.rows
        vendor.script = SLOW
        before = vendor.calls
        engine.send(Look(first.id))
        await happens(lambda: vendor.calls == before + 1)
        await happens(lambda: engine.snapshot.speculation.running == 1)
        assert "Odd calls" not in written(engine.transcript(first.id))  # nobody asked: no half answer shown
        engine.send(Look(second.id))
        await happens(lambda: engine.snapshot.speculation.misses == 1)
        await happens(lambda: engine.snapshot.models[0].busy == 1)
        vendor.script = WHOLE
        began = time.monotonic()
        engine.send(Investigate(first.id))  # the only slot is taken by work that nobody asked for
        await happens(lambda: not _row(engine, first.id).degraded)
        assert time.monotonic() - began < 3
        assert _row(engine, first.id).analysed_by == "openai:m"


async def test_asking_for_what_is_being_made_makes_no_second_call(tmp_path: Path) -> None:
    async with after_an_outage(tmp_path, 1) as (engine, vendor):
        (row,) = engine.snapshot.rows
        before = vendor.calls
        vendor.script = [Tokens(LINE), Wait(1), Tokens("It called out [E1]."), Done()]
        engine.send(Look(row.id))
        await happens(lambda: vendor.calls == before + 1)
        reply = await asyncio.wrap_future(engine.send(Investigate(row.id)))
        assert reply.text == "already being investigated"
        engine.watch(row.id)
        await happens(lambda: "Odd calls" in written(engine.transcript(row.id)))  # shown while it is made
        await happens(lambda: not _row(engine, row.id).degraded)
        assert vendor.calls == before + 1


async def test_nothing_is_risked_beyond_the_share_of_what_was_spent(tmp_path: Path) -> None:
    async with after_an_outage(tmp_path, 2, usd_per_mtok_input=3.0, usd_per_mtok_output=15.0) as (
        engine,
        vendor,
    ):
        before = vendor.calls
        engine.send(Look(engine.snapshot.rows[0].id))
        await asyncio.sleep(1.0)
        assert vendor.calls == before
        assert all(by_playbook(row) for row in engine.snapshot.rows)


async def test_switched_off_it_does_nothing(tmp_path: Path) -> None:
    async with after_an_outage(tmp_path, 1, enabled=False) as (engine, vendor):
        before = vendor.calls
        engine.send(Look(engine.snapshot.rows[0].id))
        await asyncio.sleep(0.5)
        assert vendor.calls == before


def _row(engine: Engine, alert_id: int) -> Row:
    return next(row for row in engine.snapshot.rows if row.id == alert_id)


@pytest.mark.timeout(180)
async def test_an_opened_alert_speaks_at_once_where_it_was_looked_ahead_at() -> None:
    report = await measure(rows=8, scale=0.1)
    assert report.ratio >= 2, speculation_lines(report)
    assert report.with_it.hits >= 3
    assert report.with_it.waste < 0.2
    assert report.without.hits == report.without.misses == 0
