"""A whole engine for tests: settings in memory, a file of alerts as its source, a home of its own."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from backend.api import Row, TranscriptSlice
from backend.engine import Engine, Settings
from backend.settings import LaneConfig, ModelConfig, SourceConfig


def eve_alert(number: int = 0, severity: int = 1, **changes: object) -> bytes:
    """One Suricata alert, one line of JSON."""
    return msgspec.json.encode(
        {
            "timestamp": "2026-01-02T03:04:05.678901+0000",
            "flow_id": 1000 + number,
            "event_type": "alert",
            "src_ip": "10.4.2.17",
            "src_port": 50_000 + number % 10_000,
            "dest_ip": "203.0.113.9",
            "dest_port": 443,
            "proto": "TCP",
            "alert": {
                "action": "allowed",
                "gid": 1,
                "signature_id": 9_000_001,
                "rev": 1,
                "signature": "TEST MALWARE Beacon to known host",
                "category": "Malware Command and Control Activity Detected",
                "severity": severity,
            },
            "host": "web-01",
        }
        | changes
    )


def settings_for(path: Path, home: Path, models: dict[str, ModelConfig] | None = None) -> Settings:
    """Settings with one file source and a chain of `models` for every lane, in their order."""
    settings = Settings(sources=[SourceConfig(uri=f"file://{path}")], models=models or {}, home=str(home))
    for lane in ("critical", "high", "medium", "low", "raw"):
        settings.lanes[lane] = LaneConfig(models=list(models or {}))
    settings.ui.actor = "analyst"
    return settings


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Engine]:
    """An engine that is started, and ended afterwards."""
    engine = Engine(settings, paced=False)
    engine.start()
    try:
        engine.wait_started()
        yield engine
    finally:
        engine.stop(10)


def until(true: Callable[[], object], timeout_s: float = 40.0) -> None:
    """Wait for something to become true; fails the test if it does not."""
    give_up = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)


def only_row(engine: Engine) -> Row:
    """The one row of an engine with one alert."""
    (row,) = engine.snapshot.rows
    return row


def written(piece: TranscriptSlice) -> str:
    """All text of a transcript, in order."""
    return "".join(str(getattr(event, "text", "")) for event in piece.events)
