"""The ingest rate with the console open on a terminal, beside the same pipeline with no screen."""

import asyncio
import fcntl
import os
import pty
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import msgspec

from backend.engine import BenchError, packaged_topic

ROWS, COLUMNS = 40, 120
GIVE_UP_S = 240.0
LOOK_S = 0.02
TARGET = 0.8


class ScreenReport(msgspec.Struct, frozen=True):
    """Alerts stored a second, the medians of the rounds; both with the playbook at work behind."""

    bench: str
    records: int
    rounds: int
    closed_per_s: float
    """`watchfloor worker`: no screen."""
    open_per_s: float
    """`watchfloor` on a terminal of 120x40 that is read all the time."""
    ratio: float
    target_ratio: float

    @property
    def met(self) -> bool:
        """Whether the open console cost little enough."""
        return self.ratio >= self.target_ratio


async def bench_screen(kafka: str | None, *, records: int, rounds: int) -> ScreenReport:
    """Read one topic by turns with the console closed and open.

    Raises:
        BenchError: there is no broker, or a side stored nothing.
    """
    async with packaged_topic(kafka, records) as (bootstrap, topic):
        uri = f"kafka://{bootstrap}/{topic}?group=bench"
        closed: list[float] = []
        opened: list[float] = []
        for _ in range(rounds):
            closed.append(await asyncio.to_thread(_rate, ["worker", "--source", uri], records, screen=False))
            opened.append(await asyncio.to_thread(_rate, ["--source", uri], records, screen=True))
    without, with_screen = statistics.median(closed), statistics.median(opened)
    return ScreenReport(
        bench="ingest with the console open",
        records=records,
        rounds=rounds,
        closed_per_s=round(without),
        open_per_s=round(with_screen),
        ratio=round(with_screen / without, 3),
        target_ratio=TARGET,
    )


def screen_lines(report: ScreenReport) -> list[str]:
    """The report for people."""
    verdict = "reached" if report.ratio >= report.target_ratio else "not reached"
    return [
        f"screen   {report.records:,} alerts with the playbook at work, median of {report.rounds}",
        f"  closed      {report.closed_per_s:>9,.0f}/s  watchfloor worker",
        f"  open        {report.open_per_s:>9,.0f}/s  watchfloor on a terminal of {COLUMNS}x{ROWS}",
        f"  ratio       {report.ratio:>9.2f}    target {report.target_ratio}: {verdict}",
    ]


def _rate(arguments: list[str], records: int, *, screen: bool) -> float:
    """Alerts stored a second by one process, from its first to its last."""
    with tempfile.TemporaryDirectory(prefix="watchfloor-bench-") as folder:
        home = Path(folder)
        number = os.urandom(4).hex()
        arguments = [one.replace("group=bench", f"group=bench-{number}") for one in arguments]
        command = [sys.executable, "-m", "console", *arguments, "--model", "playbook"]
        environment = os.environ | {"WATCHFLOOR_HOME": folder, "TERM": "xterm-256color"}
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.set_blocking(master, False)
        where = slave if screen else subprocess.DEVNULL
        process = subprocess.Popen(  # noqa: S603 - ourselves, with arguments made here
            command, stdin=where, stdout=where, stderr=where, env=environment, start_new_session=True
        )
        os.close(slave)
        try:
            return _watch(process, master, home / "journal.db", records)
        finally:
            process.kill()
            process.wait()
            os.close(master)


def _watch(process: "subprocess.Popen[bytes]", master: int, journal: Path, records: int) -> float:
    give_up = time.monotonic() + GIVE_UP_S
    first, started = 0, 0.0
    while True:
        _drain(master)
        stored = _stored(journal)
        now = time.perf_counter()
        if stored and not first:
            first, started = stored, now
        if stored >= records:
            return (stored - first) / max(1e-9, now - started)
        if process.poll() is not None or time.monotonic() > give_up:
            raise BenchError(f"only {stored} of {records} alerts were stored")
        time.sleep(LOOK_S)


def _drain(master: int) -> None:
    try:
        while os.read(master, 1 << 16):
            pass
    except OSError:  # nothing to read just now, or nobody writes
        return


def _stored(journal: Path) -> int:
    """The newest alert's number; read beside the process that writes it."""
    if not journal.exists():
        return 0
    connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    try:
        newest: int | None = connection.execute("select max(id) from alerts").fetchone()[0]
    except sqlite3.OperationalError:  # its tables are not there yet
        return 0
    finally:
        connection.close()
    return newest or 0
