"""Many alerts that are one and the same, or differ by what numbers them alone."""

import os
from pathlib import Path

from backend.api import Row
from backend.engine import Engine, Settings
from backend.settings import ModelConfig
from tests.support.engines import eve_alert, running, settings_for, until
from tests.support.vendors import Done, Tokens, VendorServer
from tests.support.vendors.script import Script
from tests.support.vendors.server import ReceivedRequest

MANY = 100_000 if os.environ.get("WATCHFLOOR_TEST_LARGE") else 20_000
"""What the documents promise is 100,000; a fifth of it says the same in a fifth of the time."""

VERDICT = (
    '{"facts":[{"text":"Beacon to a known host, port 443","evidence":["E1"]}],"verdict":"True Positive",'
    '"confidence":0.9,"severity":"High","summary":"A beacon.","actions":[]}\n\nA beacon [E1].'
)


def copies(path: Path, count: int, severity: int) -> None:
    """`count` copies of one alert, byte by byte."""
    path.write_bytes((eve_alert(7, severity) + b"\n") * count)


def renumbered(path: Path, count: int, severity: int) -> None:
    """`count` alerts that differ by id and time alone."""
    with path.open("wb") as file:
        for number in range(count):
            minute, second, milli = number // 60_000 % 60, number // 1000 % 60, number % 1000
            time = f"2026-01-02T03:{minute:02d}:{second:02d}.{milli:03d}000+0000"
            file.write(eve_alert(number, severity, src_port=50_000, timestamp=time) + b"\n")


def settings(server: VendorServer, path: Path, home: Path) -> Settings:
    """One model for every lane, on loopback."""
    config = ModelConfig(
        provider="anthropic",
        model="m",
        base_url=server.base_url,
        usd_per_mtok_input=1.0,
        usd_per_mtok_output=5.0,
    )
    os.environ.setdefault("ANTHROPIC_API_KEY", "test")
    made = settings_for(path, home, {"m": config})
    made.speculation.enabled = False
    return made


def answer(request: ReceivedRequest) -> Script:
    """The verdict; a prompt cache that is being warmed is answered with a word."""
    return (Tokens([VERDICT]), Done())


def asked(server: VendorServer) -> int:
    """Requests that asked for an analysis: not those that keep a cache or a connection warm."""
    return sum(one.body.get("max_tokens", 0) > 1 for one in server.requests)


def played(made: Settings, count: int, timeout_s: float = 240.0) -> tuple[list[Row], Engine]:
    """Read everything and work until nothing is left; the rows at the end."""
    with running(made) as engine:
        until(lambda: engine.snapshot.alerts_total == count and engine.idle, timeout_s)
        until(lambda: all(row.verdict_ms for row in engine.snapshot.rows), 10)
        return list(engine.snapshot.rows), engine
