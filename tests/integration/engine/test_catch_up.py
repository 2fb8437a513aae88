"""Every model is down, the playbook answers; a model is back: each alert gets its analysis, once, by lane."""

import asyncio
import contextlib
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from backend.api import AttemptStarted, Decide, Detail, Investigate, Row
from backend.engine import Engine, Settings, export_records
from backend.providers.base import Usage
from backend.settings import BudgetConfig, LaneConfig, ModelConfig, SourceConfig
from tests.integration.engine.test_speculation import happens, started
from tests.support.engines import written
from tests.support.vendors import Done, Script, Status, Tokens, VendorServer, Wait
from tests.support.vendors.server import ReceivedRequest

ANSWER = (
    '{"facts":[{"text":"The rule fired","evidence":["E1"]}],"verdict":"True Positive","confidence":0.9,'
    '"severity":"Critical","summary":"Somebody must look.","actions":[]}\n\nThe rule fired [E1].'
)
WELL: Script = [Tokens(ANSWER), Done(usage=Usage(1_000, 100))]
DOWN: Script = [Status(503, "down")]


class Outage:
    """A vendor that is down until the test says otherwise, and a feed that alerts are added to."""

    def __init__(self, folder: Path) -> None:
        self.script: Script = DOWN
        self.asked: list[str] = []
        """The titles asked about while it was well, in order."""
        self.tried = 0
        """Requests while it was down."""
        self.home = folder / "home"
        self.feed = folder / "alerts.json"
        self.feed.touch()
        self.server = VendorServer("openai", self._answer)

    def _answer(self, request: ReceivedRequest) -> Script:
        if self.script is DOWN:
            self.tried += 1
        else:
            body = json.dumps(request.body)
            self.asked.append(re.search(r"alert-\w+", body).group())  # type: ignore[union-attr]  # every prompt names its alert
        return self.script

    def add(self, *alerts: tuple[str, str]) -> None:
        """Alerts by name and severity; each of a rule and host of its own."""
        with self.feed.open("ab") as file:
            for name, severity in alerts:
                one = {
                    "id": name,
                    "title": f"alert-{name} fired",
                    "severity": severity,
                    "timestamp": "2026-01-02T03:04:05Z",
                    "src_ip": "198.51.100.7",
                    "hostname": f"host-{name}",
                }
                file.write(json.dumps(one).encode() + b"\n")

    def settings(self, **model: object) -> Settings:
        fields: dict[str, object] = {
            "provider": "openai",
            "model": "m",
            "base_url": self.server.base_url,
            "max_tokens": 256,
            "privacy": "cloud-ok",
        }
        settings = Settings(
            sources=[SourceConfig(uri=f"file://{self.feed}?follow=true")],
            models={"m": ModelConfig(**{**fields, **model})},  # type: ignore[arg-type]  # by name
            home=str(self.home),
        )
        for lane in ("critical", "high", "medium", "low", "raw"):
            settings.lanes[lane] = LaneConfig(
                models=["m"], mode="each" if lane in ("medium", "low") else None
            )
        settings.ui.actor = "analyst"
        return settings


@contextlib.asynccontextmanager
async def outage(folder: Path) -> AsyncIterator[Outage]:
    down = Outage(folder)
    async with down.server:
        yield down


def rows(engine: Engine) -> dict[str, Row]:
    return {row.head.title.removeprefix("alert-").removesuffix(" fired"): row for row in engine.snapshot.rows}


def stood_in(engine: Engine, count: int) -> bool:
    return sum(row.owed for row in engine.snapshot.rows) == count


async def detail(engine: Engine, row: Row) -> Detail:
    engine.watch(row.id)
    await happens(lambda: (d := engine.detail(row.id)) is not None and d.analysis is not None)
    found = engine.detail(row.id)
    assert found is not None
    return found


MIXED = (
    ("h1", "High"),
    ("m1", "Medium"),
    ("c1", "Critical"),
    ("h2", "High"),
    ("c2", "Critical"),
    ("l1", "Low"),
)


async def test_once_the_vendor_is_back_each_is_analysed_once_the_most_urgent_lane_first(
    tmp_path: Path,
) -> None:
    async with outage(tmp_path) as down:
        down.add(*MIXED)
        async with started(down.settings()) as engine:
            await happens(lambda: stood_in(engine, 6))
            assert all(row.analysed_by == "playbook:built-in" for row in engine.snapshot.rows)
            assert any("6 alerts wait for a model" in line for line in engine.snapshot.trouble)
            assert engine.snapshot.catch_up.owed == 6
            before = {row.id: row.verdict_ms for row in engine.snapshot.rows}
            assert down.asked == []
            down.script = WELL
            await happens(lambda: stood_in(engine, 0), 40)
            await asyncio.sleep(1.5)
            asked = [one.removeprefix("alert-") for one in down.asked]
            assert Counter(asked) == dict.fromkeys(("c1", "c2", "h1", "h2", "m1", "l1"), 1)
            lanes = ["chml".index(name[0]) for name in asked]
            assert asked[0] in ("c1", "c2")
            # Two go out at once, so two neighbours may reach the vendor in either order.
            assert all(sooner <= later for sooner, later in zip(lanes, lanes[2:], strict=False)), asked
            assert engine.snapshot.catch_up.done == 6
            assert not any("playbook's verdict" in line for line in engine.snapshot.trouble)
            for row in engine.snapshot.rows:
                assert (row.analysed_by, row.degraded, row.verdict) == ("openai:m", False, "True Positive")
                assert row.verdict_ms == before[row.id], "the deadline was for the first verdict"
                assert row.sla_met is not False
            calls = {share.name: share.calls for share in engine.snapshot.cost.by_kind}
            assert calls["analysis"] == down.tried + 6
            one = await detail(engine, rows(engine)["c1"])
            assert one.analysis is not None
            *_, stood = one.analysis.attempts
            assert stood.model == "playbook:built-in"
            assert "stood in with" in stood.error
            begun = [e for e in engine.transcript(one.row.id).events if type(e).__name__ == "AttemptStarted"]
            last = begun[-1]
            assert isinstance(last, AttemptStarted)
            assert (last.provider, last.number, last.note) == ("openai", 2, "a model is back")
        (record,) = [r for r in export_records(down.settings(), 0) if r["lane"] == "critical"][:1]
        attempts = record["analysed_by"]["attempts"]  # type: ignore[index]  # the contract's shape
        assert attempts[-1]["model"] == "playbook:built-in"


async def test_it_goes_on_after_a_restart_and_doubles_nothing(tmp_path: Path) -> None:
    async with outage(tmp_path) as down:
        down.add(*MIXED[:5])
        async with started(down.settings()) as engine:
            await happens(lambda: stood_in(engine, 5))
        down.script = [Tokens(ANSWER), Wait(0.3), Done()]
        async with started(down.settings()) as engine:
            await happens(lambda: len(down.asked) >= 2)
            await happens(lambda: sum(not row.owed for row in engine.snapshot.rows) >= 1)
        told = len(down.asked)
        down.script = WELL
        async with started(down.settings()) as engine:
            await happens(lambda: len(engine.snapshot.rows) == 5 and stood_in(engine, 0), 30)
            await asyncio.sleep(1.0)
            assert all(row.analysed_by == "openai:m" for row in engine.snapshot.rows)
        asked = Counter(down.asked)
        assert set(asked) == {"alert-c1", "alert-c2", "alert-h1", "alert-h2", "alert-m1"}
        # Only what was out when the first engine ended was asked again.
        assert sum(asked.values()) <= 5 + 2
        assert all(count == 1 for name, count in asked.items() if name not in down.asked[:told][-2:])


async def test_what_a_person_closed_is_left_out_and_what_one_asks_for_is_not_doubled(tmp_path: Path) -> None:
    async with outage(tmp_path) as down:
        down.add(*MIXED[:5])
        async with started(down.settings()) as engine:
            await happens(lambda: stood_in(engine, 5))
            found = rows(engine)
            await asyncio.wrap_future(engine.send(Decide((found["c1"].id,), "Benign", "analyst")))
            assert engine.snapshot.catch_up.owed <= 5
            down.script = [Tokens(ANSWER), Wait(1.0), Done()]
            await happens(lambda: "alert-c2" in down.asked, 40)
            reply = await asyncio.wrap_future(engine.send(Investigate(found["c2"].id)))
            assert reply.text == "already being investigated"
            engine.watch(found["c2"].id)
            await happens(lambda: "Somebody must look" in str(engine.transcript(found["c2"].id).events))
            down.script = WELL
            await happens(lambda: stood_in(engine, 0), 40)
            await asyncio.sleep(1.0)
            assert Counter(down.asked) == dict.fromkeys(("alert-c2", "alert-h1", "alert-h2", "alert-m1"), 1)
            assert "The rule fired" in written(engine.transcript(found["c2"].id))


async def test_new_alerts_come_first_and_the_budget_holds_beside_its_reserve(tmp_path: Path) -> None:
    async with outage(tmp_path) as down:
        down.add(*((f"c{n}", "Critical") for n in range(8)))
        settings = down.settings(usd_per_mtok_input=10.0, usd_per_mtok_output=100.0)
        async with started(settings) as engine:
            await happens(lambda: stood_in(engine, 8))
        settings.budget = BudgetConfig(usd_per_day=0.25, reserve_for_critical=0.4)
        down.script = WELL  # a call is billed 2 cents, its estimate is some 6
        async with started(settings) as engine:
            await happens(lambda: engine.snapshot.catch_up.done >= 2, 40)
            await happens(lambda: engine.snapshot.catch_up.running == 0)
            done = await settles(lambda: engine.snapshot.catch_up.done)
            assert 2 <= done < 8
            assert engine.snapshot.cost.usd_today <= 0.25 * 0.6 + 0.001, "the reserve is for new alerts"
            assert engine.snapshot.catch_up.owed == 8 - done
            down.add(("new", "Critical"))
            await happens(lambda: rows(engine).get("new") is not None and rows(engine)["new"].verdict)
            assert rows(engine)["new"].analysed_by == "openai:m"
            assert len(down.asked) == done + 1


async def test_a_new_alert_of_its_lane_has_the_slot_at_once(tmp_path: Path) -> None:
    async with outage(tmp_path) as down:
        down.add(("h1", "High"), ("h2", "High"))
        async with started(down.settings(max_concurrency=1)) as engine:
            await happens(lambda: stood_in(engine, 2))
            down.script = [Tokens(ANSWER), Wait(20.0), Done()]
            await happens(lambda: "alert-h1" in down.asked or "alert-h2" in down.asked, 40)
            down.script = WELL
            down.add(("fresh", "Critical"), ("fresh2", "High"))
            began = time.monotonic()
            await happens(lambda: all(_by_model(engine, name) for name in ("fresh", "fresh2")), 15)
            assert time.monotonic() - began < 5
            await happens(lambda: stood_in(engine, 0), 40)
            assert set(down.asked[1:3]) == {"alert-fresh", "alert-fresh2"}


async def test_switched_off_nothing_is_promised(tmp_path: Path) -> None:
    async with outage(tmp_path) as down:
        down.add(*MIXED[:2])
        settings = down.settings()
        settings.catch_up.enabled = False
        async with started(settings) as engine:
            await happens(
                lambda: sum(row.analysed_by.startswith("playbook") for row in engine.snapshot.rows) == 2
            )
            await happens(lambda: stood_in(engine, 0))
            down.script = WELL
            await asyncio.sleep(1.0)
            assert down.asked == []


def _by_model(engine: Engine, name: str) -> bool:
    row = rows(engine).get(name)
    return row is not None and row.analysed_by == "openai:m"


async def settles(value: Callable[[], int], seconds: float = 2.0) -> int:
    """What a count comes to rest at."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        await asyncio.sleep(0.05)
        if value() != last:
            last, since = value(), time.monotonic()
    return last
