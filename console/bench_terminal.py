"""A console on a pty for `watchfloor bench stream`: fed with alerts at an even rate, read all the time."""

import fcntl
import os
import pty
import re
import select
import sqlite3
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from backend.engine import BenchError, suricata_alerts

TICK_S = 0.005
DIFFERENT = 2_000
"""Alerts made ahead; each is sent again and again under another flow's number and time."""
CARRY = 64
"""Bytes kept from one read to the next, for a mark may be cut in two."""
_ESCAPE = re.compile(rb"\x1b\[[0-9;:?<>=]*[ -/]*[@-~]|\x1b[()][0-9A-Za-z]|\x1b[=>78cDEHM]")
_MARK = re.compile(rb"tk(\d{3})(\d{5})")

Marks = dict[tuple[int, int], float]
"""(stream, token) to the moment it was first on the terminal, on the machine's monotonic clock."""


class BenchTerminal:
    """Runs `python -m MODULE ARGUMENTS…` and notes when each marked token is on its screen.

    Use as a context manager; `run_for` and `run_until` feed and read meanwhile.
    """

    def __init__(
        self, command: tuple[str, ...], home: Path, feed: Path, *, size: tuple[int, int], rate: int
    ) -> None:
        """`feed` is the file that the console follows, `size` columns and rows, `rate` alerts a second."""
        self.marks: Marks = {}
        self.alerts = 0
        """Sent so far."""
        self._carry = b""
        self._rate = rate
        self._bodies = [data.partition(b',"in_iface"')[2] for data in suricata_alerts(DIFFERENT)]
        self._journal = home / "journal.db"
        self._feed: BinaryIO = feed.open("ab", buffering=0)
        self._feed.write(self._alert(0, _stamp()))  # tells when the console is at work
        self._master, slave = pty.openpty()
        columns, rows = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._master, False)
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self._process = subprocess.Popen(  # noqa: S603 - ourselves, with arguments made here
            [sys.executable, "-m", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=kept | {"WATCHFLOOR_HOME": str(home), "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)
        self._begun: float | None = None

    def __enter__(self) -> "BenchTerminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)
        self._feed.close()

    @property
    def streams(self) -> set[int]:
        """Streams of which a token was seen."""
        return {stream for stream, _ in self.marks}

    @property
    def stored(self) -> int:
        """The newest alert's number in the journal; read beside the process that writes it."""
        if not self._journal.exists():
            return 0
        connection = sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True)
        try:
            newest: int | None = connection.execute("select max(id) from alerts").fetchone()[0]
        except sqlite3.OperationalError:  # its tables are not there yet
            return 0
        finally:
            connection.close()
        return newest or 0

    @property
    def others_cpu_s(self) -> float:
        """CPU seconds that everything on the machine but this and the console has used; 0 where not known."""
        try:
            fields = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
            own = Path(f"/proc/{self._process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            return 0.0
        user, nice, system, _, _, irq, soft = (int(field) for field in fields[1:8])
        busy = user + nice + system + irq + soft - int(own[11]) - int(own[12])
        return busy / os.sysconf("SC_CLK_TCK") - time.process_time()

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def pour(self) -> None:
        """Begin to send alerts."""
        self._begun = time.monotonic()

    def run_until(self, true: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Feed and read until something is so.

        Raises:
            BenchError: it was not in time, or the console ended: `otherwise`, in words.
        """
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end or self._process.poll() is not None:
                raise BenchError(f"{otherwise} within {seconds:.0f} s")
            self.run_for(0.1)

    def run_for(self, seconds: float) -> None:
        """Feed and read for so long."""
        now = time.monotonic()
        end, tick = now + seconds, now
        while (now := time.monotonic()) < end:
            if now >= tick:
                self._pour(now)
                tick = now + TICK_S
            if select.select([self._master], [], [], max(0.0, min(tick, end) - time.monotonic()))[0]:
                self._read()

    def _pour(self, now: float) -> None:
        """Write the alerts that are due."""
        if self._begun is None:
            return
        due = int((now - self._begun) * self._rate)
        stamp = _stamp()
        self._feed.write(b"".join(self._alert(number + 1, stamp) for number in range(self.alerts, due)))
        self.alerts = max(self.alerts, due)

    def _alert(self, number: int, stamp: bytes) -> bytes:
        body = self._bodies[number % DIFFERENT]
        return b'{"timestamp":"%b","flow_id":%d,"in_iface"%b\n' % (stamp, 2_000_000_000_000 + number, body)

    def _read(self) -> None:
        """Take what the console wrote and note the marks that are new in it."""
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # nobody writes any more
            return
        now = time.monotonic()
        data = self._carry + data
        for mark in marks_in(data):
            self.marks.setdefault(mark, now)
        self._carry = data[-CARRY:]


def _stamp() -> bytes:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000").encode()


def marks_in(data: bytes) -> Iterator[tuple[int, int]]:
    """The marked tokens in what a terminal is sent: (stream, token)."""
    for match in _MARK.finditer(_ESCAPE.sub(b"", data)):
        yield int(match[1]), int(match[2])
