"""The engine as the console needs it: the one port between the screen and everything behind it."""

from concurrent.futures import Future
from typing import Protocol

from backend.api import Command, Detail, OrderView, Reply, Snapshot, TranscriptSlice
from backend.engine import SentView


class EnginePort(Protocol):
    """What a front end may ask of the engine; `backend.engine.Engine` satisfies it.

    No call blocks, except `stop`. Everything handed out is immutable.
    """

    @property
    def snapshot(self) -> Snapshot:
        """The newest published state; its `version` changes when anything in it does."""
        ...

    @property
    def failed(self) -> str:
        """Why the engine could not start or died, one line; empty while it is well."""
        ...

    def start(self) -> None:
        """Start working, on a thread of its own."""
        ...

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop and wait for it, at most `timeout_s` seconds."""
        ...

    def watch(self, alert_id: int) -> None:
        """Keep the alert's detail and transcript published."""
        ...

    def unwatch(self, alert_id: int) -> None:
        """No longer needed."""
        ...

    def detail(self, alert_id: int) -> Detail | None:
        """Everything about a watched alert; None while it loads; another object when anything changed."""
        ...

    def transcript(self, alert_id: int, cursor: int = 0) -> TranscriptSlice:
        """What a watched alert's analysis wrote since `cursor`."""
        ...

    def sent(self, alert_id: int) -> "Future[SentView]":
        """The exact requests that went to models on an alert, and the one that would go next."""
        ...

    def why(self, alert_id: int) -> "Future[OrderView]":
        """Where an alert stands in the scheduler now, and why."""
        ...

    def send(self, command: Command) -> "Future[Reply]":
        """Ask for something to be done; the future is done when it was, or could not be."""
        ...
