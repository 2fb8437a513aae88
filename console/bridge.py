"""The bridge from the engine to the screen: a clock that looks whether anything is new, never an event.

From 1,000 to 10,000 events a second a key's answer then costs the same, and when nothing happens nothing is
drawn.
"""

from collections.abc import Callable
from typing import Protocol

from backend.api import Snapshot
from console.port import EnginePort

POLL_S = 0.1
FRAME_S = 1 / 30
"""What is being written is taken this often: a token waits 17 ms for its frame in the mean, 33 at most."""


class BridgeView(Protocol):
    """What the bridge tells."""

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """The engine published another state."""
        ...

    def second(self) -> None:
        """A second has passed."""
        ...

    def pump(self) -> None:
        """Take what the open alert's analysis wrote."""
        ...


class Bridge:
    """Compares versions ten times a second and hands on what changed."""

    def __init__(self, engine: EnginePort, view: BridgeView, mono: Callable[[], float]) -> None:
        self._engine = engine
        self._view = view
        self._mono = mono
        self._version: int | None = None
        self._failed = ""
        self._second = int(mono())

    def poll(self) -> None:
        """One tick of the clock."""
        snapshot = self._engine.snapshot
        failed = self._engine.failed
        second = int(self._mono())
        if snapshot.version != self._version or failed != self._failed:
            self._version, self._failed = snapshot.version, failed
            self._view.show_snapshot(snapshot)
        if second != self._second:
            self._second = second
            self._view.second()
        self._view.pump()
