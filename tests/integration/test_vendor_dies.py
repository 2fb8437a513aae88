"""A vendor that dies with two hundred alerts in flight, through the whole engine over real sockets."""

import asyncio
import functools
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from backend.analysis.breaker import COOL_OFF_S, SLOW
from backend.api import Detail, Row
from backend.engine import Engine
from backend.settings import ModelConfig, Settings, SourceConfig
from tests.support.engines import eve_alert, running, settings_for, until
from tests.support.vendors import Cut, Done, Hang, Script, Status, Tokens, VendorServer, Wait
from tests.support.vendors.server import ReceivedRequest

ALERTS = 200
LINE = (
    '{"facts":[{"text":"Beacon from 10.4.2.17","evidence":["E1"]}],"verdict":"True Positive",'
    '"confidence":0.9,"severity":"Critical","summary":"A host calls out.","actions":[]}\n'
)
WHOLE: Script = [Tokens([LINE + "It has called out [E1]."]), Done()]
PROBE_S = 0.3
"""How long the dead vendor takes to refuse: two probes at a time would be seen to overlap."""


class Vendor:
    """Well, dying, dead, and well again, as the test says."""

    def __init__(self) -> None:
        self.state = "dying"
        self.asked: list[tuple[float, str]] = []

    def __call__(self, _request: ReceivedRequest) -> Script:
        self.asked.append((time.monotonic(), self.state))
        match self.state:
            case "dying":
                return [Tokens([LINE[:60]]), Hang()]
            case "dead":
                return [Wait(PROBE_S), Cut()]
            case _:
                return WHOLE

    def while_dead(self) -> list[float]:
        return [at for at, state in self.asked if state == "dead"]


def model(server: VendorServer, **changes: object) -> ModelConfig:
    fields: dict[str, object] = {
        "provider": server.vendor,
        "model": "test-model",
        "base_url": server.base_url,
        "first_token_timeout_s": 20.0,
        "idle_timeout_s": 40.0,
        "total_timeout_s": 50.0,
        "max_concurrency": ALERTS + 1,
        "usd_per_mtok_input": 3.0,
        "usd_per_mtok_output": 15.0,
    }
    return ModelConfig(**{**fields, **changes})  # type: ignore[arg-type]  # fields pass through by name


def followed(path: Path, home: Path, models: dict[str, ModelConfig]) -> Settings:
    settings = settings_for(path, home, models)
    settings.sources = [SourceConfig(uri=f"file://{path}?follow=true")]
    return settings


def add(path: Path, first: int, count: int) -> None:
    with path.open("ab") as file:
        for number in range(first, first + count):
            file.write(eve_alert(number, src_ip=f"10.4.{number // 250}.{number % 250 + 1}") + b"\n")


def triaged(engine: Engine) -> list[Row]:
    return [row for row in engine.snapshot.rows if row.verdict]


def detail_of(engine: Engine, row: Row) -> Detail:
    engine.watch(row.id)
    until(lambda: (d := engine.detail(row.id)) is not None and d.analysis is not None)
    detail = engine.detail(row.id)
    assert detail is not None
    return detail


async def play(act: Callable[[], None]) -> None:
    await asyncio.to_thread(act)


@pytest.mark.timeout(180)
async def test_two_hundred_in_flight_then_one_probe_at_a_time_then_back_by_itself(tmp_path: Path) -> None:
    alerts, vendor = tmp_path / "eve.json", Vendor()
    loop = asyncio.get_running_loop()
    alerts.write_bytes(b"")
    add(alerts, 0, ALERTS)

    async with VendorServer("anthropic", vendor) as server:

        def act() -> None:
            with running(followed(alerts, tmp_path / "home", {"best": model(server)})) as engine:
                until(lambda: len(vendor.asked) >= ALERTS, 60)
                vendor.state = "dead"
                died = time.monotonic()
                loop.call_soon_threadsafe(server.hang_up)
                until(lambda: len(triaged(engine)) == ALERTS, 60)
                took = time.monotonic() - died
                rows = triaged(engine)
                assert all(row.sla_met for row in rows)
                assert all(row.degraded and "playbook" in row.analysed_by for row in rows)
                assert len(vendor.asked) <= 1.1 * ALERTS
                assert took < 20.0

                number = ALERTS
                while time.monotonic() < died + COOL_OFF_S * 1.2 + 1.5:  # past the first probe
                    add(alerts, number, 5)
                    number += 5
                    time.sleep(0.25)
                until(lambda: len(triaged(engine)) == number, 30)
                probes = vendor.while_dead()
                assert 1 <= len(probes) <= 3
                apart = [later - sooner for sooner, later in itertools.pairwise(probes)]
                assert all(gap > PROBE_S for gap in apart), "one probe at a time"
                assert all(row.sla_met for row in triaged(engine))
                assert len(vendor.asked) <= 1.1 * number
                assert any("best" in line for line in engine.snapshot.trouble)

                vendor.state = "well"
                back = time.monotonic()

                def answered() -> bool:
                    nonlocal number
                    add(alerts, number, 1)
                    number += 1
                    time.sleep(0.25)
                    return any(not row.degraded for row in triaged(engine))

                until(answered, 40)
                assert time.monotonic() - back < COOL_OFF_S * 2 * 1.2 + 5.0
                until(lambda: len(triaged(engine)) == number, 30)
                until(lambda: not any("best" in line for line in engine.snapshot.trouble))

        await play(act)


async def test_every_vendor_down_the_playbook_answers_within_the_stage_budget(tmp_path: Path) -> None:
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(b"")
    add(alerts, 0, 60)

    async with (
        VendorServer("anthropic", [Status(529)]) as one,
        VendorServer("openai", [Cut()]) as two,
        VendorServer("ollama", [Status(500)]) as three,
    ):

        def act() -> None:
            models = {
                "best": model(one, max_concurrency=4),
                "fast": model(two, max_concurrency=4),
                "local": model(three, max_concurrency=4),
            }
            with running(followed(alerts, tmp_path / "home", models)) as engine:
                until(lambda: len(triaged(engine)) == 60, 60)
                rows = triaged(engine)
                assert all(row.degraded and row.sla_met for row in rows)
                assert all("playbook" in row.analysed_by for row in rows)
                add(alerts, 60, 20)  # now all breakers are open, or soon are
                until(lambda: len(triaged(engine)) == 80, 60)
                late = sorted(triaged(engine), key=lambda row: row.id)[-10:]
                for row in late:
                    analysis = detail_of(engine, row).analysis
                    assert analysis is not None
                    assert analysis.kind == "playbook"
                    assert len(analysis.attempts) == 3
                    assert analysis.analyse_ms < 2_000.0

        await play(act)
        assert len(one.requests) <= 1.1 * 80
        assert len(one.requests) + len(two.requests) + len(three.requests) < 80, "breakers stop the asking"


def rated_critical(number: int = 1) -> bytes:
    plain = msgspec.json.decode(eve_alert(number, src_ip=f"10.4.7.{number + 1}"))
    plain["alert"]["metadata"] = {"signature_severity": ["Critical"]}
    return msgspec.json.encode(plain)


@pytest.mark.parametrize("lane", ["critical", "high"])
async def test_a_slow_vendor_is_hedged_in_the_critical_lane_alone(lane: str, tmp_path: Path) -> None:
    alerts = tmp_path / "eve.json"
    alerts.write_bytes((rated_critical() if lane == "critical" else eve_alert(1)) + b"\n")
    async with VendorServer("anthropic", [Hang()]) as slow, VendorServer("openai", WHOLE) as quick:

        def act() -> None:
            # A fifth of the first model's two seconds for a first token.
            first = model(slow, max_concurrency=2, first_token_timeout_s=2.0)
            models = {"best": first, "fast": model(quick, model="second")}
            with running(settings_for(alerts, tmp_path / "home", models)) as engine:
                until(lambda: triaged(engine), 30)
                (row,) = triaged(engine)
                assert row.lane == lane
                analysis = detail_of(engine, row).analysis
                assert analysis is not None
                assert (analysis.model, analysis.degraded) == ("second", True)
                hedged = lane == "critical"
                assert ("given up" if hedged else "idle") in analysis.attempts[0].error
                assert (analysis.analyse_ms < 1_900) == hedged
                assert row.cost_usd > 0
                until(lambda: engine.snapshot.models[0].busy == 0)

        await play(act)
        assert (len(slow.requests), len(quick.requests)) == (1, 1)
        await slow.until_open(0)


def judged(engine: Engine, count: int) -> bool:
    return len(triaged(engine)) == count


async def test_a_vendor_that_hangs_in_the_critical_lane_alone_is_noticed(tmp_path: Path) -> None:
    """Nobody waits for its limits there: it loses each race to the model that is started beside it."""
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(b"")
    async with VendorServer("anthropic", [Hang()]) as slow, VendorServer("openai", WHOLE) as quick:

        def act() -> None:
            first = model(slow, max_concurrency=2, first_token_timeout_s=2.0)
            models = {"best": first, "fast": model(quick, model="second")}
            with running(followed(alerts, tmp_path / "home", models)) as engine:
                for number in range(SLOW + 2):
                    with alerts.open("ab") as file:
                        file.write(rated_critical(number) + b"\n")
                    until(functools.partial(judged, engine, number + 1), 30)
                rows = triaged(engine)
                assert {row.lane for row in rows} == {"critical"}
                assert all(row.degraded and row.sla_met for row in rows)
                assert engine.snapshot.models[0].state == "cooling"
                assert any("silent for" in line for line in engine.snapshot.trouble)

        await play(act)
    assert (len(slow.requests), len(quick.requests)) == (SLOW, SLOW + 2)
