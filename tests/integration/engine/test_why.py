"""Why an alert waits, asked of a running engine: what it says is what its scheduler and its models hold."""

import asyncio
from pathlib import Path

from backend.api import Investigate, OrderView
from backend.engine import Engine
from backend.settings import ModelConfig, SourceConfig
from tests.integration.engine.test_speculation import LINE, happens, started
from tests.support.engines import eve_alert, settings_for
from tests.support.vendors import Done, Hang, Tokens, VendorServer
from tests.support.vendors.script import Script
from tests.support.vendors.server import ReceivedRequest

SLOTS = 3
WAITING = 6
LIMITS = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "41",
    "anthropic-ratelimit-requests-reset": "2999-01-01T00:00:00Z",
}
"""A vendor that counts, with nothing to come back for an hour."""


class Vendor:
    """Anthropic's wire: the first answer is whole, the others never end."""

    def __init__(self) -> None:
        self.server = VendorServer("anthropic", self._answer)
        self.server.headers = LIMITS
        self._answered = 0

    def _answer(self, request: ReceivedRequest) -> Script:
        if int(request.body["max_tokens"]) == 1:
            return [Tokens("o"), Done()]
        self._answered += 1
        return [Tokens(f"{LINE}It called out [E1]."), Done()] if self._answered == 1 else [Hang()]


def alerts(first: int, count: int) -> bytes:
    """Different alerts of the critical lane's neighbour: each has a request of its own."""
    lines = (
        eve_alert(
            number,
            severity=1,
            host=f"w{number}",
            src_ip=f"10.4.{number}.9",
            alert={"signature_id": 9_100_000 + number, "signature": f"R{number} beacon", "severity": 1},
        )
        for number in range(first, first + count)
    )
    return b"".join(line + b"\n" for line in lines)


async def why(engine: Engine, alert_id: int) -> OrderView:
    return await asyncio.wrap_future(engine.why(alert_id))


async def test_the_numbers_are_the_schedulers_and_the_models_own(tmp_path: Path) -> None:
    feed = tmp_path / "eve.json"
    feed.write_bytes(alerts(0, 1))
    vendor = Vendor()
    async with vendor.server:
        model = ModelConfig(
            provider="anthropic",
            model="m",
            base_url=vendor.server.base_url,
            max_concurrency=SLOTS,
            requests_per_minute=600,
            first_token_timeout_s=300,
            idle_timeout_s=300,
            total_timeout_s=600,
        )
        made = settings_for(feed, tmp_path / "home", {"best": model})
        made.sources = [SourceConfig(uri=f"file://{feed}?follow=true")]
        made.speculation.enabled = False
        async with started(made) as engine:
            await happens(lambda: any(row.verdict for row in engine.snapshot.rows))
            first = engine.snapshot.rows[0]
            over = await why(engine, first.id)
            assert (over.standing, over.ahead, over.starts_in_s) == ("none", (), None)
            (room,) = over.rooms
            assert (room.name, room.slots, room.busy, room.kept, room.held) == ("best", SLOTS, 0, 1, ())
            assert room.answer_s is not None
            by = {limit.by: limit for limit in room.limits}
            assert (by["vendor"].what, by["vendor"].left, by["vendor"].of) == ("requests", 41, 50)
            assert by["config"].of == 600

            with feed.open("ab") as file:
                file.write(alerts(1, WAITING))
            lane = first.lane
            assert lane == "high"
            await happens(lambda: len(engine.snapshot.rows) == 1 + WAITING)
            await happens(lambda: engine.snapshot.models[0].busy == SLOTS - 1)
            rows = sorted((row for row in engine.snapshot.rows if not row.verdict), key=lambda row: row.id)
            views = [await why(engine, row.id) for row in rows]
            await same_as_published(engine, lane, views)

            last = rows[-1]
            reply = await asyncio.wrap_future(engine.send(Investigate(last.id)))
            assert reply.ok
            await happens(lambda: engine.snapshot.models[0].busy == SLOTS - 1)
            asked = await why(engine, last.id)
            assert asked.standing in ("asked", "works")
            waiting = [one for one in [await why(engine, row.id) for row in rows[:-1]] if one.place]
            assert [one.place for one in waiting] == list(range(1, len(waiting) + 1))


async def same_as_published(engine: Engine, lane: str, views: list[OrderView]) -> None:
    """What each says agrees with the lanes and models of the snapshot, and with the others."""
    waiting = [one for one in views if one.standing == "waits"]
    working = [one for one in views if one.standing == "works"]
    published = next(one for one in engine.snapshot.lanes if one.name == lane)
    assert len(waiting) + len(working) == WAITING
    assert waiting, "more came than workers and slots can take"
    assert {one.of for one in views} == {published.queued} == {len(waiting)}
    assert published.running == len(working)
    ordered = sorted(waiting, key=lambda one: (one.deadline_ms, one.alert_id))
    assert [one.place for one in ordered] == list(range(1, len(waiting) + 1))
    assert [one.in_front for one in ordered] == list(range(len(waiting)))
    for one in views:
        (room,) = one.rooms
        assert (room.busy, dict(room.held)) == (SLOTS - 1, {lane: SLOTS - 1})
        assert not one.admitted  # its only model has no slot left: what waits holds no worker
        row = next(row for row in engine.snapshot.rows if row.id == one.alert_id)
        assert (one.lane, one.came_ms, one.deadline_ms) == (row.lane, row.received_ms, row.deadline_ms)
    for one in ordered:
        assert one.starts_in_s is not None
        assert one.starts_in_s > 0
    starts = [one.starts_in_s or 0.0 for one in ordered]
    assert starts == sorted(starts)
