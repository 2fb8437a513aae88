import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.alerts.model import Alert
from backend.api import Ask, Claim, Decide, Investigate, Snapshot, Undo
from backend.clock import SystemClock
from backend.engine import Engine, EngineError
from backend.enrichment.base import Finding
from backend.enrichment.history import HistoryEnricher
from backend.pipeline import pool
from backend.sources.base import Intake, SourceError
from backend.sources.file import FileSource
from tests.integration.engine.floor import Floor, running, settings_for
from tests.support import eve
from tests.support.contract import VerdictRecord, read_record
from tests.support.watchfloor import wait_for


def checked(floor: Floor) -> list[VerdictRecord]:
    return [read_record(json.dumps(record)) for record in floor.records()]


def test_every_alert_of_a_file_gets_a_durable_verdict_and_reaches_the_sink(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "in.json", 300)
    settings = settings_for(tmp_path / "home", f"file://{path}", sinks=(f"file://{tmp_path}/out.ndjson",))
    with running(settings) as floor:
        floor.until_idle()
        snapshot = floor.engine.snapshot
        assert (snapshot.alerts_total, snapshot.open_total, len(snapshot.rows)) == (300, 300, 300)
        medium = next(lane for lane in snapshot.lanes if lane.name == "medium")
        assert (medium.done, medium.queued, medium.running, medium.breached) == (300, 0, 0, 0)
        wait_for(
            lambda: all(stage.count for stage in floor.engine.snapshot.stages), what="every stage counted"
        )
        assert snapshot.trouble == ()
        assert len({record.alert.uid for record in checked(floor)}) == 300
    delivered = [read_record(line) for line in (tmp_path / "out.ndjson").read_bytes().splitlines()]
    assert len({record.alert.uid for record in delivered}) == len(delivered) == 300
    keys = [
        json.loads(line)["idempotency_key"] for line in (tmp_path / "out.ndjson").read_bytes().splitlines()
    ]
    assert len(set(keys)) == 300


def test_decisions_and_their_undoing_survive_a_restart(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 6)}")
    with running(settings) as floor:
        floor.until_rows(6, "triaged")
        assert floor.do(Claim((1,), "ann")).ok
        assert floor.do(Decide((2, 3), "Benign", "ann", "our scanner")).ok
        assert floor.do(Decide((4,), "True Positive", "ann")).ok
        assert floor.do(Undo("ann")).text == "undone: True Positive on 1 alert"
        wait_for(lambda: floor.engine.snapshot.open_total == 4, "two are closed")
        assert floor.row(4).state == "triaged"
    with running(settings) as floor:
        wait_for(lambda: len(floor.engine.snapshot.rows) == 4, "four are open")
        assert (floor.row(1).state, floor.row(1).decided_by, floor.row(4).state) == (
            "claimed",
            "ann",
            "triaged",
        )
        decided = {record.alert.uid: record.decision for record in checked(floor) if record.decision}
        assert [(d.disposition, d.actor, d.note) for d in decided.values()] == [
            ("Benign", "ann", "our scanner")
        ] * 2


def test_closing_an_alert_while_it_is_being_analysed_stands(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 40)}")
    with running(settings) as floor:
        wait_for(lambda: len(floor.engine.snapshot.rows) >= 40, "they have come", 20)
        assert floor.do(Decide((40,), "Benign", "ann")).ok
        floor.until_idle()
        wait_for(lambda: floor.engine.snapshot.open_total == 39, "it stays closed")
        assert floor.do(Investigate(40)).ok
        floor.until_idle()
        assert floor.engine.snapshot.open_total == 39


def test_a_follow_up_is_answered_in_the_transcript_and_survives_a_restart(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 2)}")
    with running(settings) as floor:
        floor.until_rows(2, "triaged")
        floor.engine.watch(1)
        assert floor.detail(1).analysis is not None
        assert floor.do(Ask(1, "Why is this suspicious?")).ok
        wait_for(
            lambda: floor.told(1)[-1] == "AttemptEnded" and "QuestionAsked" in floor.told(1), "the answer"
        )
        before = floor.told(1)
    with running(settings) as floor:
        wait_for(lambda: len(floor.engine.snapshot.rows) == 2, "rows")
        floor.engine.watch(1)
        wait_for(lambda: "QuestionAsked" in floor.told(1), "the question is told again")
        after = floor.told(1)
        assert after.count("QuestionAsked") == before.count("QuestionAsked") == 1
        assert after[-1] == "AttemptEnded"
        assert "Delta" in after[after.index("QuestionAsked") :]
        assert floor.do(Ask(1, "And now?")).ok
        wait_for(lambda: floor.told(1).count("QuestionAsked") == 2, "the second question")


def test_investigating_again_keeps_what_was_written_and_counts_once(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 1)}")
    with running(settings) as floor:
        floor.until_rows(1, "triaged")
    with running(settings) as floor:  # in a process that has not seen it analysed
        floor.until_rows(1, "triaged")
        assert floor.do(Investigate(1)).ok
        wait_for(lambda: floor.told(1).count("VerdictReady") == 2, "a second verdict below the first")
        floor.until_idle()
        assert len(floor.records()) == 1
        seen = floor.engine._runtime._journal.read_now(lambda r: r.history("1:9000000:1", "203.0.113.0"))
        assert seen is not None
        assert seen.seen == 1


def test_two_engines_on_one_journal_the_second_says_why_not(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "in.json", 1)
    with running(settings_for(tmp_path / "home", f"file://{path}")):
        second = Engine(settings_for(tmp_path / "home", f"file://{path}"))
        second.start()
        with pytest.raises(EngineError, match=r"another watchfloor.*WATCHFLOOR_HOME"):
            second.wait_started(20)
        assert "\n" not in second.failed
        assert not second.send(Claim((1,), "ann")).result(5).ok
        second.stop()


def test_a_source_that_raises_is_started_again_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.feeds.RESTART_S", 0.5)
    original, runs = FileSource.run, []

    async def run(self: FileSource, intake: Intake) -> None:
        runs.append(1)
        if len(runs) < 3:
            raise ZeroDivisionError("a bug of the source")
        await original(self, intake)

    monkeypatch.setattr(FileSource, "run", run)
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 5)}")
    with running(settings) as floor:
        wait_for(lambda: any("started again" in line for line in floor.engine.snapshot.trouble), "it is said")
        assert floor.engine.snapshot.sources[0].state == "reconnecting"
        floor.until_rows(5, "triaged")
        wait_for(lambda: floor.engine.snapshot.trouble == (), "and no longer once it works")
        assert floor.engine.source_failures == ()


def test_a_source_that_can_not_work_is_failed_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(self: FileSource, intake: Intake) -> None:
        raise SourceError("in.json: no permission; change it")

    monkeypatch.setattr(FileSource, "run", run)
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 1)}")
    with running(settings) as floor:
        wait_for(
            lambda: floor.engine.snapshot.trouble == ("in.json: no permission; change it",), "it is said"
        )
        assert floor.engine.snapshot.sources[0].state == "failed"
        assert floor.engine.sources_ended


Broken = Callable[[pytest.MonkeyPatch], None]


def break_enrichment(patch: pytest.MonkeyPatch) -> None:
    async def raises(self: HistoryEnricher, alert: Alert) -> list[Finding]:
        raise RuntimeError("enricher bug")

    patch.setattr(HistoryEnricher, "enrich", raises)
    patch.setattr(HistoryEnricher, "enrich_now", lambda self, alert: None)


def break_analysis(patch: pytest.MonkeyPatch) -> None:
    async def raises(*_: object, **__: object) -> None:
        raise RuntimeError("ladder bug")

    patch.setattr("backend.analysis.ladder.Ladder.run", raises)


def break_building(patch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise RuntimeError("parser bug")

    patch.setattr("backend.alerts.recognise.Parser.build_alert", raises)


@pytest.mark.parametrize(
    ("broken", "verdict"),
    [
        (break_enrichment, "Suspicious"),
        (break_analysis, "Insufficient Data"),
        (break_building, "Insufficient Data"),
    ],
)
def test_a_stage_that_raises_does_not_lose_the_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Broken, verdict: str
) -> None:
    monkeypatch.setattr(pool, "BACKOFF_S", 0.02)
    broken(monkeypatch)
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 3, severity=1)}")
    with running(settings) as floor:
        floor.until_rows(3, "triaged")
        floor.until_idle()
        records = checked(floor)
    assert [record.verdict for record in records] == [verdict] * 3
    if verdict == "Insufficient Data":
        assert all(record.degraded and record.confidence == 0 for record in records)
        assert "bug" in records[0].analysed_by.attempts[0].error


def test_an_idle_engine_publishes_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(b"")
    settings = settings_for(tmp_path / "home", f"file://{tmp_path}/in.json?follow=true")
    with running(settings) as floor:
        floor.until_idle()
        seen: list[Snapshot] = []
        clock = SystemClock()
        wait_for(lambda: floor.engine.snapshot.sources[0].state == "live", "it follows")
        end = clock.mono() + 1.5
        while clock.mono() < end:
            seen.append(floor.engine.snapshot)
            time.sleep(0.02)
        assert len({snapshot.version for snapshot in seen}) == 1
        assert len({id(snapshot) for snapshot in seen}) == 1
        eve.write(tmp_path / "in.json", 1)
        floor.until_rows(1, "triaged")
        assert floor.engine.snapshot.version > seen[-1].version


def test_what_is_unfinished_is_shown_and_goes_on_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path / "home", f"file://{eve.write(tmp_path / 'in.json', 20)}")
    with monkeypatch.context() as patch:
        patch.setattr(pool, "MAX_TRIES", 10_000)
        patch.setattr(pool, "BACKOFF_S", 0.5)
        break_analysis(patch)
        with running(settings) as floor:
            wait_for(lambda: floor.engine.snapshot.open_total == 20, "all have come")
            assert floor.records() == []
    with running(settings) as floor:
        floor.until_rows(20, "triaged")
        assert len(floor.records()) == 20
