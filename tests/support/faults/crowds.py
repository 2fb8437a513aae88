"""The faults that take more than one alert: a vendor that dies with two hundred in flight, a budget's end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from backend.api import Row
from backend.engine import Engine
from backend.providers.base import Usage
from backend.settings import BudgetConfig, ModelConfig, Settings, SourceConfig
from tests.support.engines import eve_alert, running, settings_for, until
from tests.support.faults.answers import HALF, JUDGED
from tests.support.faults.triage import model
from tests.support.vendors import Cut, Done, Hang, Script, VendorServer
from tests.support.vendors.server import ReceivedRequest

ALERTS = 200
MOST_CALLS = int(1.1 * ALERTS)
WITHIN_S = 20.0
"""From the vendor's death to the last verdict; the lane has five minutes."""
INPUT_USD, OUTPUT_USD = 3.0, 15.0
USED = Usage(3_000, 200)
CALL_USD = (USED.input_tokens * INPUT_USD + USED.output_tokens * OUTPUT_USD) / 1e6
"""What one call is billed: 1.2 cents."""
MOST_USD = 0.1
"""Above the estimate of any call made here (prompts of at most 20,000 bytes)."""
DAY_USD = 0.5
RESERVE = 0.4
BATCH = 8
"""As many alerts at a time as the model has slots."""
MOST_BATCHES = 20
"""Many more than there is money for."""


@dataclass(frozen=True)
class CrowdCell:
    """What came of many alerts."""

    words: str
    """As the table shows it."""
    wrong: str
    """What is not as it must be; empty when all is."""


def _cell(words: str, **checks: bool) -> CrowdCell:
    failed = [name.replace("_", " ") for name, right in checks.items() if not right]
    return CrowdCell(words, f"{', '.join(failed)}: {words}" if failed else "")


def _settings(folder: Path, models: dict[str, ModelConfig]) -> tuple[Path, Settings]:
    alerts = folder / "eve.json"
    alerts.write_bytes(b"")
    settings = settings_for(alerts, folder / "home", models)
    settings.sources = [SourceConfig(uri=f"file://{alerts}?follow=true")]
    return alerts, settings


def _add(path: Path, first: int, count: int, *, critical: bool = False) -> None:
    """Append alerts like no other: nothing of one folds with, or answers for, another."""
    with path.open("ab") as file:
        for number in range(first, first + count):
            line = eve_alert(number, src_ip=f"10.4.{number // 250}.{number % 250 + 1}")
            if critical:
                alert = msgspec.json.decode(line)
                alert["alert"]["metadata"] = {"signature_severity": ["Critical"]}
                line = msgspec.json.encode(alert)
            file.write(line + b"\n")


def _judged(engine: Engine) -> list[Row]:
    return sorted((row for row in engine.snapshot.rows if row.verdict), key=lambda row: row.id)


async def play_death(vendor: str, folder: Path) -> CrowdCell:
    """Two hundred answers are on their way when the vendor's server hangs up, and is gone from then on."""
    asked = 0
    dead = False

    def answer(_: ReceivedRequest) -> Script:
        nonlocal asked
        asked += 1
        return [Cut()] if dead else [HALF, Hang()]

    async with VendorServer(vendor, answer) as server:
        first = model(
            vendor,
            server,
            max_concurrency=ALERTS + 1,
            first_token_timeout_s=30.0,
            idle_timeout_s=30.0,
            total_timeout_s=50.0,
        )
        alerts, settings = _settings(folder, {"best": first})
        loop = asyncio.get_running_loop()
        _add(alerts, 0, ALERTS)

        def play() -> tuple[float, list[Row], str]:
            nonlocal dead
            with running(settings) as engine:
                until(lambda: asked >= ALERTS, 60)
                dead, died = True, time.monotonic()
                loop.call_soon_threadsafe(server.hang_up)
                until(lambda: len(_judged(engine)) == ALERTS, 60)
                return time.monotonic() - died, _judged(engine), engine.snapshot.models[0].state

        took, rows, state = await asyncio.to_thread(play)
    return _cell(
        f"{asked / ALERTS:.2f} calls an alert, all judged by the playbook · {took * 1000:.0f} ms",
        too_many_calls=asked <= MOST_CALLS,
        breaker=state == "cooling",
        deadline=all(row.sla_met for row in rows),
        marks=all(row.degraded and "playbook" in row.analysed_by for row in rows),
        time=took <= WITHIN_S,
    )


async def play_budget(vendor: str, folder: Path) -> CrowdCell:
    """Money for forty calls: high alerts until it is gone for them, then critical ones from the reserve."""
    script: Script = [JUDGED, Done(usage=USED)]
    async with VendorServer(vendor, script) as server:
        first = model(
            vendor,
            server,
            max_concurrency=BATCH,
            max_tokens=256,
            usd_per_mtok_input=INPUT_USD,
            usd_per_mtok_output=OUTPUT_USD,
        )
        alerts, settings = _settings(folder, {"best": first})
        settings.budget = BudgetConfig(usd_per_day=DAY_USD, reserve_for_critical=RESERVE)

        def play() -> tuple[list[list[Row]], list[list[Row]], float]:
            with running(settings) as engine:
                fed = 0

                def more(count: int, *, critical: bool) -> list[Row]:
                    nonlocal fed
                    _add(alerts, fed, count, critical=critical)
                    fed += count
                    until(lambda: len(_judged(engine)) == fed and engine.idle, 60)
                    return _judged(engine)[-count:]

                def until_stopped(*, critical: bool) -> list[list[Row]]:
                    # What is under way is counted at its most, so a little money may be free again after it.
                    batches: list[list[Row]] = []
                    while len(batches) < MOST_BATCHES and not (batches and _by_playbook(batches[-1])):
                        batches.append(more(BATCH, critical=critical))
                    return batches

                high = until_stopped(critical=False)
                critical = until_stopped(critical=True)
                return high, critical, engine.snapshot.cost.usd_today

        high, critical, booked = await asyncio.to_thread(play)
    billed = len(server.requests) * CALL_USD
    return _cell(
        f"${billed:.3f} of ${DAY_USD:.2f}; critical on its reserve",
        high_served=not _by_playbook(high[0]),
        high_stopped=_by_playbook(high[-1]),
        critical_served=not _by_playbook(critical[0]),
        critical_stopped=_by_playbook(critical[-1]),
        overspent=billed <= DAY_USD + MOST_USD,
        money_left=billed >= DAY_USD - MOST_USD,
        booked=abs(booked - billed) < 1e-6,
    )


def _by_playbook(rows: list[Row]) -> bool:
    return bool(rows) and all("playbook" in row.analysed_by for row in rows)


CROWD_FAULTS: dict[str, Callable[[str, Path], Awaitable[CrowdCell]]] = {
    "200 alerts in flight when the vendor dies": play_death,
    "budget reached in mid-stream": play_budget,
}
"""Row by row."""
