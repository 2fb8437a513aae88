"""A vendor that fails, through the whole engine: a verdict comes in time, marked for what it is."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.analysis.model import Analysis, AttemptEnded, AttemptStarted
from backend.api import Row, TranscriptSlice
from backend.engine import Engine
from backend.settings import ModelConfig
from tests.support.engines import eve_alert, only_row, running, settings_for, until, written
from tests.support.vendors import Cut, Done, End, Hang, Script, Status, Step, Tokens, VendorServer

LINE = (
    '{"facts":[{"text":"Beacon from 10.4.2.17","evidence":["E1"]}],"verdict":"True Positive",'
    '"confidence":0.9,"severity":"Critical","summary":"A host calls out.","actions":[]}\n'
)
HALF = LINE[:60]
STORY = "The host 10.4.2.17 has called 203.0.113.9 [E1]."

VENDORS = ("anthropic", "openai", "ollama")


def model(vendor: str, server: VendorServer, **changes: float) -> ModelConfig:
    return ModelConfig(
        provider=vendor,  # type: ignore[arg-type]  # one of VENDORS
        model="test-model",
        base_url=server.base_url,
        first_token_timeout_s=changes.get("first_token_s", 2.0),
        idle_timeout_s=changes.get("idle_s", 1.0),
        total_timeout_s=10.0,
    )


async def triaged(tmp_path: Path, models: dict[str, ModelConfig], check: Callable[[Engine], None]) -> None:
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(eve_alert() + b"\n")

    def play() -> None:
        with running(settings_for(alerts, tmp_path / "home", models)) as engine:
            until(lambda: engine.snapshot.rows and only_row(engine).verdict, 20)
            row = only_row(engine)
            engine.watch(row.id)
            until(lambda: (d := engine.detail(row.id)) is not None and d.analysis is not None)
            check(engine)

    await asyncio.to_thread(play)


def detail_of(engine: Engine) -> tuple[Row, Analysis, TranscriptSlice]:
    row = only_row(engine)
    detail = engine.detail(row.id)
    assert detail is not None
    assert detail.analysis is not None
    return row, detail.analysis, engine.transcript(row.id)


NEXT_RUNG: dict[str, tuple[Script, str, str]] = {
    "answers 529": ([Status(529)], "overloaded", ""),
    "hangs before its first token": ([Hang()], "idle", ""),
    "is cut before its verdict was whole": ([Tokens(HALF), Cut()], "network", "Beacon from"),
    "ends with no end marker": ([Tokens(HALF), End()], "end marker", "Beacon from"),
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("fault", NEXT_RUNG)
async def test_the_next_rung_answers(vendor: str, fault: str, tmp_path: Path) -> None:
    script, why, left_on_screen = NEXT_RUNG[fault]

    def check(engine: Engine) -> None:
        row, analysis, transcript = detail_of(engine)
        assert row.degraded
        assert analysis.model == "second-model"
        assert analysis.degraded
        assert analysis.verdict.verdict == "True Positive"
        (attempt,) = analysis.attempts
        assert why in attempt.error
        assert left_on_screen in written(transcript)
        started = [e for e in transcript.events if isinstance(e, AttemptStarted)]
        ended = [e for e in transcript.events if isinstance(e, AttemptEnded)]
        assert started[-1].model == "second-model"
        assert ended[-1].outcome == "complete"
        if left_on_screen:
            assert [e.number for e in started][-1] == 2

    async with (
        VendorServer(vendor, script) as first,
        VendorServer("openai", [Tokens(LINE + STORY), Done()]) as second,
    ):
        models = {"best": model(vendor, first, first_token_s=0.7), "second": model("openai", second)}
        models["second"].model = "second-model"
        await triaged(tmp_path, models, check)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("ending", [Cut(), End(), Hang()], ids=["cut", "no end marker", "silence"])
async def test_a_stream_broken_after_its_verdict_is_used_and_marked_partial(
    vendor: str, ending: Step, tmp_path: Path
) -> None:
    def check(engine: Engine) -> None:
        row, analysis, transcript = detail_of(engine)
        assert row.partial
        assert analysis.model == "test-model"
        assert (analysis.partial, analysis.degraded) == (True, False)
        assert "The host 10.4.2.17" in written(transcript)

    script: Script = [Tokens(LINE + STORY), ending]
    async with VendorServer(vendor, script) as server:
        await triaged(tmp_path, {"best": model(vendor, server)}, check)


async def test_the_playbook_answers_when_every_vendor_is_down(tmp_path: Path) -> None:
    def check(engine: Engine) -> None:
        row, analysis, _ = detail_of(engine)
        assert analysis.kind == "playbook"
        assert [a.model for a in analysis.attempts] == ["anthropic:test-model", "openai:test-model"]
        assert row.degraded
        assert analysis.verdict.verdict in ("True Positive", "Suspicious")

    async with (
        VendorServer("anthropic", [Status(529)]) as first,
        VendorServer("openai", [Status(503)]) as second,
    ):
        models = {"best": model("anthropic", first), "second": model("openai", second)}
        await triaged(tmp_path, models, check)
