"""In a storm, work that nobody waits for steps back while somebody reads an answer that is being written."""

from pathlib import Path

import pytest

from backend.analysis.model import AttemptStarted
from backend.clock import SystemClock
from backend.pipeline.scheduler import Scheduler
from backend.runtime import Runtime
from backend.settings import Settings, SourceConfig


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    settings = Settings(sources=[SourceConfig(uri="demo:")], home=str(tmp_path))
    return Runtime(settings, SystemClock(), tmp_path, paced=True, on_analysed=None, on_dead=None)


def _write_and_read(runtime: Runtime) -> None:
    """An answer is being written on an open alert."""
    runtime.investigations.writing(1).append(AttemptStarted(0, "anthropic", "m", 1, 1))
    runtime.investigations._watched[1] = 1


def _storm(monkeypatch: pytest.MonkeyPatch, *, storm: bool) -> None:
    monkeypatch.setattr(Scheduler, "folding", lambda _self, lane: storm and lane == "low")


def test_in_a_storm_one_job_a_second_goes_on(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    _storm(monkeypatch, storm=True)
    _write_and_read(runtime)
    assert [runtime._intake_first() for _ in range(4)] == [False, True, True, True]


def test_nothing_rests_when_nobody_reads(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    _storm(monkeypatch, storm=True)
    assert [runtime._intake_first() for _ in range(4)] == [False] * 4


def test_nothing_rests_without_a_storm(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    _storm(monkeypatch, storm=False)
    _write_and_read(runtime)
    assert [runtime._intake_first() for _ in range(4)] == [False] * 4
