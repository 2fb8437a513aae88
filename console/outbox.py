"""Commands on their way to the engine: sent without waiting, answered back on the screen's own loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from backend.api import Command, Reply
from console.port import EnginePort

Answered = Callable[[Command, Reply], None]


class Outbox:
    """Sends commands and hands each reply to a callback on the loop that sent it, never on another thread."""

    def __init__(self, engine: EnginePort, answered: Answered) -> None:
        self._engine = engine
        self._answered = answered

    def send(self, command: Command) -> None:
        """Ask for something; returns at once. Call it on the screen's loop."""
        loop = asyncio.get_running_loop()

        def done(future: "Future[Reply]") -> None:
            reply = reply_of(future)
            if not loop.is_closed():
                # The engine's thread ends here; the screen's loop takes over.
                loop.call_soon_threadsafe(self._answered, command, reply)

        self._engine.send(command).add_done_callback(done)


def reply_of(future: "Future[Reply]") -> Reply:
    """The reply of a finished future; what went wrong in words where there is none."""
    if future.cancelled():
        return Reply(False, "the engine stopped before it was done")
    error = future.exception()
    if error is not None:
        return Reply(False, f"not done: {error or type(error).__name__}")
    return future.result()
