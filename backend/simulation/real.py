"""The storm in real time, short: the whole engine, a followed file, and a scripted vendor over a socket."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

from backend.bench.paced_vendor import Pace, PacedVendor
from backend.lanes import LANE_SLA_S, LANES
from backend.pipeline.work import Analysed
from backend.settings import ModelConfig, Settings, SourceConfig
from backend.settings_tables import SpeculationConfig
from backend.simulation.arrivals import Arrival, Mix, Segment, arrivals
from backend.simulation.fifo import Served, play_fifo
from backend.simulation.report import Check, StormReport, doubled, lane_figures, lanes_seen, naive_figures
from backend.simulation.script import Script
from backend.simulation.world import Played, told_of

STORM = (Segment(4, 4, Mix(0.005, 0.005)), Segment(15, 400, Mix(0.005, 0.005)), Segment(2, 4))
AFTER_S = 20.0
"""After the last alert: critical and high have their verdicts by then, or fell short."""
WITHIN_S = 30.0
"""For the engine to start."""
PACE = Pace(first_token_s=0.5, tokens_per_s=250.0)
"""About 2 s an answer."""
SLOTS = 8
AS_FAST = Script(max_concurrency=SLOTS)
"""The same model for first in, first out, which would take an hour: it is simulated."""


def run_real(seed: int) -> StormReport:
    """Play it; takes 40 seconds.

    Raises:
        EngineError: the engine could not start.
    """
    return asyncio.run(_run(seed))


async def _run(seed: int) -> StormReport:
    from backend.engine import Engine  # the door itself imports this package

    played = Played({}, [], [], {}, {}, dict.fromkeys(LANES, 0), 0, 0)
    began, first_s = time.process_time(), time.monotonic()
    coming = list(arrivals(STORM, seed))

    def analysed(one: Analysed) -> None:
        played.told.append(told_of(one))

    with tempfile.TemporaryDirectory(prefix="watchfloor-storm-") as folder:
        feed = Path(folder) / "alerts.ndjson"
        feed.touch()
        async with PacedVendor(PACE).serving() as vendor:
            engine = Engine(_settings(folder, feed, vendor.base_url), paced=False, on_analysed=analysed)
            engine.start()
            try:
                await asyncio.to_thread(engine.wait_started, WITHIN_S)
                await _replay(coming, feed, played)
                await asyncio.sleep(AFTER_S)
                cost = engine.snapshot.cost
            finally:
                await asyncio.to_thread(engine.stop)
            requests = vendor.requests
        with closing(sqlite3.connect(Path(folder) / "journal.db")) as connection:
            played.stored = connection.execute("select count(*) from alerts").fetchone()[0]
            played.open = connection.execute("select count(*) from alerts where state = 0").fetchone()[0]
    took = time.monotonic() - first_s, began
    naive = await asyncio.to_thread(play_fifo, AS_FAST, coming, seed)
    return _report(played, seed, (requests, cost.usd_today), took, naive)


async def _replay(coming: list[Arrival], feed: Path, played: Played) -> None:
    """Append each alert to the file at its time."""
    file: IO[bytes] = await asyncio.to_thread(feed.open, "ab", 0)
    with file:
        began = time.monotonic()
        at = 0
        while at < len(coming):
            now = time.monotonic() - began
            due = [one for one in coming[at : at + 1_000] if one.at_s <= now]
            if due:
                file.write(b"".join(one.raw + b"\n" for one in due))
                at += len(due)
            for one in due:
                played.came[one.lane] = played.came.get(one.lane, 0) + 1
            await asyncio.sleep(0.01)


def _settings(home: str, feed: Path, base_url: str) -> Settings:
    model = ModelConfig(
        provider="openai",
        model="paced",
        base_url=base_url,
        max_concurrency=SLOTS,
        usd_per_mtok_input=3.0,
        usd_per_mtok_output=15.0,
    )
    return Settings(
        sources=[SourceConfig(uri=f"file://{feed}?follow=true", format="ocsf")],
        models={"best": model},
        speculation=SpeculationConfig(enabled=False),
        home=home,
    )


def _report(
    played: Played, seed: int, asked: tuple[int, float], took: tuple[float, float], served: Sequence[Served]
) -> StormReport:
    lanes = {lane: lane_figures(played, lane) for lane in lanes_seen(played)}
    again, wrong = doubled(played.told)
    verdicts = len(played.told) - again - wrong
    came = sum(played.came.values())
    counted = played.stored - played.open - verdicts
    accounted = came == played.stored == verdicts + counted + played.open and counted >= 0 and not wrong
    most = int(took[0] * SLOTS / 2)
    checks = (
        _share("critical analysed by the model inside 60 s", lanes["critical"].by_model_in_time, 1.0),
        _share("high analysed by the model inside 5 min", lanes["high"].by_model_in_time, 0.99),
        Check("model calls bounded", f"{asked[0]:,}", f"≤ what 8 slots can make, {most:,}", asked[0] <= most),
    )
    return StormReport(
        bench="storm",
        scenario="in real time",
        what="4/s, 400/s for 15 s, 4/s; 0.5 % critical, 0.5 % high; a vendor of 2 s on a socket, 8 slots;"
        " first in, first out is simulated",
        seed=seed,
        came=came,
        verdicts=verdicts,
        folded=sum(one.kind == "aggregate" for one in played.told),
        counted=counted,
        open=played.open,
        again=again,
        accounted=accounted,
        calls=asked[0],
        calls_by_kind={},
        turned_away=0,
        usd=round(asked[1], 4),
        preempted=0,
        lanes=tuple(lanes.values()),
        naive=tuple(naive_figures(served, lane, LANE_SLA_S[lane]) for lane in lanes),
        checks=checks,
        virtual_s=round(took[0], 1),
        cpu_s=round(time.process_time() - took[1], 2),
        digest="",
        met=accounted and all(check.met for check in checks),
    )


def _share(what: str, got: float, target: float) -> Check:
    return Check(what, f"{got:.2%}", f"{'≥ ' if target < 1 else ''}{target:.0%}", got >= target)
