"""The frame governor: draws as fast as the terminal takes it, and no faster.

Textual queues thirty frames. On a line that takes 100 kB/s a key's answer then waits seconds behind frames
that nobody needs any more. Here at most two frames are on their way: while they are, repaints are held back,
and what is drawn next is the newest state.
"""

import os
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from textual import events, on
from textual.app import App, ReturnType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from widgets.outgoing import clean, is_clean, is_control
from widgets.writer import TerminalWriter

MOST_IN_FLIGHT = 2
"""Frames on their way to the terminal at which repaints are held back."""


@dataclass(frozen=True, slots=True)
class FrameStats:
    """What went to the terminal since start."""

    written: int = 0
    """Frames."""
    held: int = 0
    """Times that repaints were held back because the terminal had not taken what was written."""
    bytes: int = 0
    """Characters of frames; for text beyond ASCII a little less than bytes."""
    replaced: int = 0
    """Pieces that the last filter had to replace: anything but 0 is a bug elsewhere."""
    in_flight: int = 0
    """Frames the terminal has not taken yet."""


class GovernedDriver(LinuxDriver):
    """Textual's driver for a terminal, with a writer that can be asked and the last filter in front of it."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        self._writer: TerminalWriter | None = None
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._written = 0
        self._bytes = 0
        self._replaced = 0
        self._held = 0
        self._holding = False

    @property  # type: ignore[override]  # Textual's attribute, taken over: it makes its own thread at start
    def _writer_thread(self) -> TerminalWriter | None:
        return self._writer

    @_writer_thread.setter
    def _writer_thread(self, thread: object) -> None:
        # Textual's thread is not started yet when it is put here; ours takes its place before that.
        terminal = sys.__stderr__
        self._writer = TerminalWriter(terminal, self._taken) if thread is not None and terminal else None

    @property
    def writer(self) -> TerminalWriter | None:
        """The writer, while the app has the terminal."""
        return self._writer

    @property
    def stats(self) -> FrameStats:
        """What went to the terminal since start."""
        writer = self.writer
        in_flight = writer.in_flight if writer is not None else 0
        return FrameStats(self._written, self._held, self._bytes, self._replaced, in_flight)

    def write(self, data: str) -> None:
        """Filter a write and hand it on; a frame that fills the line holds further repaints back."""
        writer = self.writer
        if writer is None or not data:
            return
        if is_control(data):
            writer.write(data)
            return
        if not is_clean(data):
            data, replaced = clean(data)
            self._replaced += replaced
        self._written += 1
        self._bytes += len(data)
        writer.write(data, frame=True)
        if writer.in_flight >= MOST_IN_FLIGHT and not self._holding and not writer.gone:
            self._hold(writer)

    def _hold(self, writer: TerminalWriter) -> None:
        # The flag is set before the second look: if the writer is done in between, it either sees the flag
        # and lets go, or we see that it is done.
        self._holding = True
        if writer.in_flight < MOST_IN_FLIGHT or writer.gone:
            self._holding = False
            return
        self._held += 1
        self._app._begin_batch()

    def _taken(self) -> None:
        """On the writer's thread: the terminal has taken what was written."""
        if self._holding and not self._loop.is_closed():
            self.send_message(events.Callback(callback=self._let_go))

    async def _let_go(self) -> None:
        """On the app's loop: repaint with the state as it is now."""
        writer = self.writer
        if self._holding and (writer is None or writer.in_flight < MOST_IN_FLIGHT):
            self._holding = False
            resume(self._app)

    def close(self) -> None:
        """End the writer and let the app draw nothing more."""
        super().close()
        if self._holding:
            self._holding = False
            self._app._end_batch()


def resume(app: App[Any]) -> None:
    """End a hold: nothing that was asked for meanwhile is lost."""
    app._end_batch()
    if app._batch_count or not app._screen_stack:
        return
    if not isinstance(app, GovernedApp) or app.take_missed():
        app.screen.refresh()
    app.screen.check_idle()


class GovernedApp(App[ReturnType]):
    """An app that notices frames dropped while held back, and can keep to a slower clock.

    Textual throws a frame away that is made while updates are held back (a layout does that) and forgets
    what was to be repainted; so the whole screen is painted once when the hold ends.
    """

    frame_interval_s: float = 0.0
    """Least time between frames; 0 leaves it to Textual (60 a second). 0.1 suits a remote terminal."""

    _missed = False
    _pausing = False

    def take_missed(self) -> bool:
        """Whether a frame was thrown away since the last call."""
        missed, self._missed = self._missed, False
        return missed

    def frame_stats(self) -> FrameStats:
        """What went to the terminal since start; zeros where there is none."""
        driver = self._driver
        return driver.stats if isinstance(driver, GovernedDriver) else FrameStats()

    @on(Driver.SignalResume)
    def _repaint_after_suspension(self) -> None:
        """Textual repaints nothing after ctrl-z and fg, but the alternate screen comes back empty."""
        self.screen.refresh()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if self._batch_count and renderable is not None:
            self._missed = True
        super()._display(screen, renderable)
        if self.frame_interval_s and not self._batch_count and not self._pausing and self._running:
            self._pausing = True
            self._begin_batch()
            self.set_timer(self.frame_interval_s, self._end_pause)

    def _end_pause(self) -> None:
        self._pausing = False
        resume(self)


def drives_terminal() -> bool:
    """Whether standard input and error are a terminal, so that `GovernedDriver` can be used."""
    return os.isatty(0) and os.isatty(2)
