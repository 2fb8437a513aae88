"""The console over a fake engine, with fixed clocks: for tests and snapshots of the screen."""

import asyncio
from collections.abc import Callable

from textual.pilot import Pilot

from backend.settings import Settings
from console.app import WatchfloorApp
from tests.support import scene
from tests.support.fake_engine import FakeEngine

ACTOR = "jana"


def settings(theme: str = "dark", **keys: str) -> Settings:
    """Settings of one analyst, with remapped keys (`alert__claim="f2"`)."""
    made = Settings()
    made.ui.theme = theme  # type: ignore[assignment]  # one of the three
    made.ui.actor = ACTOR
    made.ui.keys = {name.replace("__", "."): key for name, key in keys.items()}
    return made


def make_app(engine: FakeEngine | None = None, theme: str = "dark", **keys: str) -> WatchfloorApp:
    """The app over the scene of a shift, at its fixed time, on a local terminal."""
    return WatchfloorApp(
        engine or scene.engine(),
        settings(theme, **keys),
        now_ms=lambda: scene.NOW_MS,
        mono=lambda: 0.0,
        environ={},
    )


async def until(condition: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    """Wait until something holds; fail in words where it never does."""
    for _ in range(int(within_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


async def settle(pilot: Pilot[int]) -> None:
    """Wait until what was asked for is drawn."""
    await pilot.pause()
    await asyncio.sleep(0.12)
    await pilot.pause()
