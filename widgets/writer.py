"""The thread that writes to the terminal, and knows how much has not been taken yet."""

import os
import select
import threading
from collections.abc import Callable
from typing import TextIO

_STOP_WITHIN_S = 2.0
"""Longest wait for a terminal that takes nothing, when the app ends."""


class TerminalWriter(threading.Thread):
    """Takes writes at once, hands them to the terminal as fast as it takes them, and counts frames between.

    A terminal that is gone (`OSError`) swallows the rest: the app goes on without one until told to end.
    """

    def __init__(self, file: TextIO, on_taken: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="terminal-writer")
        self._fd = file.fileno()
        self._encoding = file.encoding or "utf-8"
        self._on_taken = on_taken
        self._ready = threading.Condition()
        self._queue: list[str] = []
        self._queued_frames = 0
        self._writing_frames = 0
        self._ending = False
        self.gone = False
        """The terminal is gone: writes go nowhere."""

    @property
    def in_flight(self) -> int:
        """Frames given that the terminal has not taken yet."""
        return self._queued_frames + self._writing_frames

    def write(self, text: str, *, frame: bool = False) -> None:
        """Queue a write; never blocks."""
        with self._ready:
            if self.gone or self._ending:
                return
            self._queue.append(text)
            self._queued_frames += frame
            self._ready.notify()

    def isatty(self) -> bool:
        """It stands for a terminal."""
        return True

    def fileno(self) -> int:
        """The terminal's file number."""
        return self._fd

    def flush(self) -> None:
        """Nothing to do: nothing is buffered."""

    def run(self) -> None:
        """Write until stopped."""
        while True:
            with self._ready:
                while not self._queue and not self._ending:
                    self._ready.wait()
                if not self._queue:
                    return
                data = "".join(self._queue)
                self._queue.clear()
                self._writing_frames, self._queued_frames = self._queued_frames, 0
            try:
                self._put(data.encode(self._encoding, "replace"))
            except OSError:
                # EIO: the line dropped. EBADF: the terminal was closed under us.
                with self._ready:
                    self.gone = True
                    self._queue.clear()
                    self._queued_frames = 0
            self._writing_frames = 0
            self._on_taken()

    def _put(self, data: bytes) -> None:
        # Past Python's buffered file: its lock, held in a write that never ends, would keep the process from
        # ending too.
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                select.select([], [self._fd], [], 1.0)

    def stop(self) -> None:
        """Write what is left and end; a terminal that takes nothing is left behind after two seconds."""
        with self._ready:
            self._ending = True
            self._ready.notify()
        self.join(_STOP_WITHIN_S)
