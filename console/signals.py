"""Ending from outside: SIGTERM, SIGHUP and a terminal that is gone end the console cleanly, once, in time.

Textual installs no handler for them: killed, it would leave the alternate screen on and run no `finally`;
with SIGHUP ignored it would spin on a terminal that is no longer there.
"""

import asyncio
import os
import select
import signal
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType

END_WITHIN_S = 4.5
"""A console that has not ended this long after a signal (a terminal that takes nothing) is ended hard."""

_LEAVE = (
    b"\x1b[?2004l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[0m"
)
"""Bracketed paste, mouse, focus reports, key protocol and alternate screen off; cursor on."""


def terminal_gone(file_number: int = 0) -> bool:
    """Whether the other end of a terminal has hung up; cheap, never blocks."""
    poller = select.poll()
    try:
        poller.register(file_number, 0)
        events = poller.poll(0)
    except (OSError, ValueError):
        return True
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in events)


class EndSignals:
    """From entering to leaving, SIGTERM and SIGHUP ask the app to exit, on its own loop.

    A signal before the loop runs is remembered. Where the app can't end in time (its writer waits for a
    terminal that takes nothing) `last_resort` is called and the process ends, status 0, with the terminal's
    modes put back.
    """

    def __init__(self, last_resort: Callable[[], None], within_s: float = END_WITHIN_S) -> None:
        self._last_resort = last_resort
        self._within_s = within_s
        self._exit: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[int, object] = {}
        self._attributes: list[object] | None = None
        self._timer: threading.Timer | None = None
        self.asked = False
        """A signal came, or the terminal went away."""

    def __enter__(self) -> "EndSignals":
        with suppress(termios.error, OSError):
            self._attributes = termios.tcgetattr(0)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave us

    def attach(self, loop: asyncio.AbstractEventLoop, exit_app: Callable[[], None]) -> None:
        """The app runs on `loop` now and is ended by `exit_app`."""
        self._loop, self._exit = loop, exit_app
        if self.asked:
            loop.call_soon(exit_app)

    def end(self) -> None:
        """Ask the app to exit; the second time nothing more happens."""
        if self.asked:
            return
        self.asked = True
        self._timer = threading.Timer(self._within_s, self._force)
        self._timer.daemon = True
        self._timer.start()
        if self._loop is not None and self._exit is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._exit)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.end()

    def _force(self) -> None:
        with suppress(Exception):
            self._last_resort()
        self._restore_terminal()
        os._exit(0)

    def _restore_terminal(self) -> None:
        with suppress(termios.error, OSError):
            os.set_blocking(2, False)
            os.write(2, _LEAVE)
        if self._attributes is not None:
            with suppress(termios.error, OSError):
                termios.tcsetattr(0, termios.TCSANOW, self._attributes)  # type: ignore[arg-type]  # as it was given
