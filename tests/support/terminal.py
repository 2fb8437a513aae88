"""A real terminal for tests: a command on a pty, with what it wrote as bytes and as the screen they make."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte


class Terminal:
    """Runs a command on a pty of a given size and plays the terminal: reads, renders, answers keys.

    Use as a context manager. Nothing is read unless a method reads, so that a slow or stuck terminal can be
    played too.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        rows: int = 24,
        columns: int = 80,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.raw = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._master, False)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={
                # Where these are set, as by some test runners, programs believe them and not the terminal.
                **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                **(env or {}),
            },
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, seconds: float, *, most: int | None = None) -> bytes:
        """Read what comes within `seconds`, at most `most` bytes; feeds the screen and returns the bytes."""
        end = time.monotonic() + seconds
        got = bytearray()
        while most is None or len(got) < most:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._master], [], [], left)[0]:
                break
            try:
                data = os.read(self._master, min(65536, most - len(got)) if most is not None else 65536)
            except OSError:  # EIO: the other side is closed
                break
            if not data:
                break
            got += data
        self.raw += got
        # pyte 0.8 does not know the Kitty keyboard sequences and would show their ends as text.
        self._stream.feed(bytes(got).replace(b"\x1b[>25u", b"").replace(b"\x1b[<u", b""))
        return bytes(got)

    def wait_for(self, condition: Callable[[str], bool], seconds: float = 30.0) -> bool:
        """Read until the screen's text meets a condition; False when it does not in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            if condition(self.text()):
                return True
        return False

    def read_until(self, data: bytes, seconds: float = 30.0) -> bytes:
        """Read until what comes holds `data`, at most for so long; returns all that came."""
        end = time.monotonic() + seconds
        got = b""
        while data not in got and time.monotonic() < end:
            got += self.read(0.05)
        return got

    def wait_for_text(self, text: str, seconds: float = 30.0) -> bool:
        """Read until the screen shows a text, and then what the same frame still brings.

        A frame can reach the pty in parts; a screen looked at between two of them is half of each.
        """
        if not self.wait_for(lambda screen: text in screen, seconds):
            return False
        end = time.monotonic() + 1.0
        while time.monotonic() < end and self.read(0.15, most=65536):
            pass
        return True

    def text(self) -> str:
        """The screen's lines, right blanks cut."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def screen(self) -> pyte.Screen:
        """The rendered screen, with colours."""
        return self._screen

    def send(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size as a terminal does."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)
        self.signal(signal.SIGWINCH)

    def signal(self, number: int) -> None:
        """Send a signal to the command."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int | None:
        """The exit status, reading meanwhile; None when it has not ended in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            if self.process.poll() is not None:
                self.read(0.1)
                return self.process.returncode
        return None

    def close(self) -> None:
        """End the command, if it has not ended, and let go of the pty."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
