"""Plays a fault through the whole engine: an alert in a file, the vendor's server, a sink for the verdict."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from backend.analysis.model import AttemptStarted
from backend.engine import Engine
from backend.settings import ModelConfig, SinkConfig
from tests.integration.providers.asking import AWS
from tests.support.engines import eve_alert, only_row, running, settings_for, until, written
from tests.support.faults.answers import FIRST_TOKEN_S, IDLE_S, TOTAL_S, AnswerFault, Came
from tests.support.faults.streams import SLACK_S
from tests.support.vendors import VendorServer
from tests.support.vendors.bedrock import REGION

FIRST_MODEL = "test-model"
SECOND_MODEL = "second-model"


@dataclass(frozen=True)
class AnswerCell:
    """What came of the alert."""

    came: Came
    why: str
    """What is recorded of the attempts that failed."""
    screen: str
    """All that the transcript shows."""
    told: tuple[str, ...]
    """The verdicts that the sink was given."""
    trouble: tuple[str, ...]
    took_s: float
    """What the analysis took, all attempts together."""

    @property
    def words(self) -> str:
        """As the table shows it."""
        came = self.came
        marks = [f"{came.by}: {came.verdict}"]
        marks += ["partial"] * came.partial + ["new attempt"] * (came.shown > 1)
        marks += ["banner"] * (came.first == "failed")
        return f"{', '.join(marks)} · {self.took_s * 1000:.0f} ms"


def model(vendor: str, server: VendorServer, name: str = FIRST_MODEL, **fields: float) -> ModelConfig:
    """A `[models.NAME]` table for one of the six wires, with the limits of these tests unless given."""
    base: dict[str, object] = {
        "provider": vendor,
        "model": name,
        "base_url": server.base_url,
        "first_token_timeout_s": FIRST_TOKEN_S,
        "idle_timeout_s": IDLE_S,
        "total_timeout_s": TOTAL_S,
    }
    if vendor in AWS:
        base |= {"provider": "bedrock", "model": AWS[vendor], "region": REGION}
    return ModelConfig(**{**base, **fields})  # type: ignore[arg-type]  # fields pass through by name


async def play_answer(vendor: str, fault: AnswerFault, folder: Path) -> AnswerCell:
    """Let an alert be analysed while `vendor` does it; `folder` is empty and for this alone."""
    alerts = folder / "eve.json"
    alerts.write_bytes(eve_alert() + b"\n")
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(VendorServer(vendor, *fault.scripts))
        models = {"best": model(vendor, first)}
        if fault.second is not None:
            second = await stack.enter_async_context(VendorServer("openai", fault.second))
            models["second"] = model("openai", second, SECOND_MODEL)
        settings = settings_for(alerts, folder / "home", models)
        out = folder / "out.ndjson"
        settings.sinks = [SinkConfig(uri=f"file://{out}")]

        def play() -> AnswerCell:
            with running(settings) as engine:
                until(lambda: engine.snapshot.rows and only_row(engine).verdict and _lines(out), 20)
                return _cell(engine, out, models["best"].model, lambda: len(first.requests))

        cell = await asyncio.to_thread(play)
    return cell


def _lines(out: Path) -> list[str]:
    return [line for line in out.read_text().split("\n")[:-1] if line] if out.exists() else []


def _cell(engine: Engine, out: Path, first_model: str, asked: Callable[[], int]) -> AnswerCell:
    row = only_row(engine)
    engine.watch(row.id)
    until(lambda: (d := engine.detail(row.id)) is not None and d.analysis is not None)
    detail = engine.detail(row.id)
    assert detail is not None
    analysis = detail.analysis
    assert analysis is not None
    transcript = engine.transcript(row.id)
    state = engine.snapshot.models[0].state
    if state != "ready":
        until(lambda: any("best" in line for line in engine.snapshot.trouble))
    by = {first_model: "first", SECOND_MODEL: "second"}.get(analysis.model, analysis.kind)
    shown = [event.number for event in transcript.events if isinstance(event, AttemptStarted)][-1]
    assert (row.degraded, row.partial) == (analysis.degraded, analysis.partial)
    came = Came(by, row.verdict, row.degraded, row.partial, shown, asked(), state)
    return AnswerCell(
        came,
        "; ".join(attempt.error for attempt in analysis.attempts),
        written(transcript),
        tuple(str(json.loads(line)["verdict"]) for line in _lines(out)),
        engine.snapshot.trouble,
        analysis.analyse_ms / 1000,
    )


def wrong_answer(vendor: str, fault: AnswerFault, cell: AnswerCell) -> str:
    """What is not as it must be; empty when all is."""
    comes, came = fault.but.get(vendor, fault.comes), cell.came
    verdict = (
        came.verdict == comes.verdict if comes.verdict else came.verdict in ("True Positive", "Suspicious")
    )
    checks = {
        "verdict": verdict,
        "acted on once, on that verdict": cell.told == (came.verdict,),
        "by": came.by == comes.by,
        "marks": (came.degraded, came.partial) == (comes.degraded, comes.partial),
        "new attempt": came.shown == comes.shown,
        "asked": came.asked == comes.asked,
        "state": came.first == comes.first if comes.first else came.first != "failed",
        "banner": not comes.first or any("best" in line for line in cell.trouble),
        "reason": fault.why in cell.why,
        "kept on screen": fault.kept in cell.screen,
        "time": fault.after_s <= cell.took_s + 0.01 <= fault.after_s + SLACK_S,
    }
    failed = [name for name, right in checks.items() if not right]
    return f"{', '.join(failed)}: {cell}" if failed else ""
