"""A whole engine on real files and a home of its own, for a test to drive from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.api import Command, Detail, Reply, Row, TranscriptSlice
from backend.clock import Clock
from backend.engine import Engine, Settings, export_records
from backend.settings import SinkConfig, SourceConfig
from tests.support.watchfloor import wait_for


def settings_for(home: Path, *uris: str, sinks: tuple[str, ...] = ()) -> Settings:
    """Settings as the command line would make them."""
    settings = Settings(
        sources=[SourceConfig(uri=uri) for uri in uris], sinks=[SinkConfig(uri=uri) for uri in sinks]
    )
    settings.home = str(home)
    settings.ui.actor = "ann"
    return settings


class Floor:
    """An engine and the questions that tests ask of it."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings

    def do(self, command: Command) -> Reply:
        return self.engine.send(command).result(30)

    def until_idle(self, timeout_s: float = 60.0) -> None:
        wait_for(lambda: self.engine.idle, "the engine is idle", timeout_s)

    def until_rows(self, count: int, state: str) -> None:
        wait_for(
            lambda: sum(row.state == state for row in self.engine.snapshot.rows) == count,
            f"{count} rows are {state}",
        )

    def row(self, alert_id: int) -> Row:
        return next(row for row in self.engine.snapshot.rows if row.id == alert_id)

    def detail(self, alert_id: int) -> Detail:
        wait_for(lambda: self.engine.detail(alert_id) is not None, f"detail of {alert_id}")
        found = self.engine.detail(alert_id)
        assert found is not None
        return found

    def told(self, alert_id: int) -> list[str]:
        """The transcript's events by name."""
        piece: TranscriptSlice = self.engine.transcript(alert_id)
        return [type(event).__name__ for event in piece.events]

    def records(self) -> list[dict[str, object]]:
        return list(export_records(self.settings, 0))


@contextmanager
def running(settings: Settings, clock: Clock | None = None) -> Iterator[Floor]:
    engine = Engine(settings, paced=False, clock=clock)
    engine.start()
    try:
        engine.wait_started(30)
        yield Floor(engine, settings)
    finally:
        engine.stop(10)
