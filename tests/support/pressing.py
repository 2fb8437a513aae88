"""Pressing keys in the console and reading what it said."""

from textual.pilot import Pilot
from textual.widget import Widget

from console.app import WatchfloorApp
from tests.support.console import settle

WIDE = (120, 40)
NARROW = (80, 24)


def toasts(app: WatchfloorApp) -> list[str]:
    return [notification.message for notification in app._notifications]


def has_keys(app: WatchfloorApp, widget: Widget) -> bool:
    return app.focused is widget


def on_main(app: WatchfloorApp) -> bool:
    return app.screen is app.main


async def press(pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)
