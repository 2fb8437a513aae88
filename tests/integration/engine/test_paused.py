"""A critical alert takes the only slot: what was being analysed is paused, keeps its text, goes on."""

import asyncio
from pathlib import Path

import pytest

from backend.alerts.model import Alert
from backend.analysis.model import Analysis
from backend.api import AttemptStarted, SetFilter
from backend.engine import export_records
from backend.enrichment.base import Evidence
from backend.pipeline.job import Job
from backend.pipeline.work import Work
from tests.integration.engine.test_catch_up import ANSWER, WELL, outage, rows
from tests.integration.engine.test_speculation import happens, started
from tests.support.engines import written
from tests.support.vendors import Done, Tokens, Wait


async def test_a_preempted_alert_says_so_keeps_its_text_and_lists_the_attempt(tmp_path: Path) -> None:
    async with outage(tmp_path) as vendor:
        settings = vendor.settings(max_concurrency=1)
        vendor.script = [Tokens(ANSWER[:150]), Wait(30.0), Done()]
        vendor.add(("first", "High"))
        async with started(settings) as engine:
            await happens(lambda: rows(engine).get("first") is not None)
            first = rows(engine)["first"].id
            engine.watch(first)
            await happens(lambda: "The rule fired" in written(engine.transcript(first)))
            assert rows(engine)["first"].state == "analysing"
            vendor.script = [Tokens(ANSWER), Wait(2.0), Done()]
            vendor.add(("urgent", "Critical"))
            await happens(lambda: rows(engine)["first"].state == "paused")
            kept = written(engine.transcript(first))
            assert "The rule fired" in kept
            assert not engine.transcript(first).live
            await asyncio.wrap_future(engine.send(SetFilter("state:paused")))
            await happens(lambda: list(rows(engine)) == ["first"])
            await asyncio.wrap_future(engine.send(SetFilter("")))
            vendor.script = WELL
            await happens(lambda: (row := rows(engine).get("first")) is not None and row.verdict)
            row = rows(engine)["first"]
            assert (row.state, row.analysed_by, row.degraded) == ("triaged", "openai:m", False)
            assert written(engine.transcript(first)).startswith(kept[:40]), "what was written stays above"
            begun = [one for one in engine.transcript(first).events if isinstance(one, AttemptStarted)]
            assert [one.number for one in begun] == [1, 2]
        record = next(one for one in export_records(settings, 0) if one["lane"] == "high")
        by = record["analysed_by"]
        assert isinstance(by, dict)
        assert by["attempts"] == [
            {"model": "openai:m", "error": "cancelled: a critical alert took its model"}
        ]


async def test_a_stage_that_fails_leaves_its_alert_waiting_not_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    analyse = Work._analyse

    async def failing_once(
        self: Work, job: Job, alert: Alert, evidence: tuple[Evidence, ...]
    ) -> tuple[Analysis, float]:
        tried.append(job.alert_id)
        if len(tried) == 1:
            raise RuntimeError
        return await analyse(self, job, alert, evidence)

    monkeypatch.setattr(Work, "_analyse", failing_once)
    states: set[str] = set()
    async with outage(tmp_path) as vendor:
        vendor.script = WELL
        async with started(vendor.settings()) as engine:
            vendor.add(("one", "High"))
            await happens(lambda: tried)

            def judged() -> bool:
                row = rows(engine).get("one")
                states.add(row.state if row is not None else "")
                return row is not None and bool(row.verdict)

            await happens(judged)
    assert "queued" in states
