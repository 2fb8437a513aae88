"""The console on a real pseudo-terminal, over the real engine: quiet when idle, ended cleanly."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path
from backend.settings import Settings, SourceConfig
from console.run import run_console
made = Settings(sources=[SourceConfig(uri="file://" + sys.argv[1] + "?follow=true")])
made.home, made.ui.actor = sys.argv[2], "jana"
sys.exit(run_console(made))
"""
ROOT = Path(__file__).resolve().parents[3]


class Console:
    """A console in a session of its own, whose controlling terminal is a pty that this test holds."""

    def __init__(self, folder: Path) -> None:
        source = folder / "empty.json"
        source.touch()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ.update(TERM="xterm-256color", PYTHONPATH=str(ROOT), LINES="40", COLUMNS="120")
            arguments = [sys.executable, "-c", SCRIPT, str(source), str(folder / "home")]
            os.execv(sys.executable, arguments)  # noqa: S606 - a shell would stand between us and its signals
        termios.tcsetwinsize(self.master, (40, 120))

    def read(self, seconds: float, until: bytes = b"") -> bytes:
        """What it writes within `seconds`, or until it wrote `until`."""
        data, end = b"", time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in data):
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    data += os.read(self.master, 65536)
                except OSError:
                    break
        return data

    def wait(self, seconds: float, read: bool = True) -> tuple[int | None, bytes]:
        """Its exit status, None if it is still running after `seconds`; and what it wrote meanwhile."""
        data, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status), data
            if read:
                data += self.read(0.05)
            else:
                time.sleep(0.05)
        return None, data


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    shown = made.read(40, until=b"source live") + made.read(0.5)
    assert b"source live" in shown
    yield made
    try:
        os.kill(made.pid, signal.SIGKILL)
        os.waitpid(made.pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def test_an_idle_console_writes_next_to_nothing_and_ends_on_sigterm(console: Console) -> None:
    console.read(1.5)
    idle = console.read(5.0)
    assert len(idle) < 1000, idle[:300]
    before = termios.tcgetattr(console.master)
    assert not before[3] & termios.ECHO
    os.kill(console.pid, signal.SIGTERM)
    status, tail = console.wait(20)
    assert status == 0
    assert b"\x1b[?1049l" in tail
    assert b"\x1b[?25h" in tail
    assert termios.tcgetattr(console.master)[3] & termios.ECHO


def test_a_terminal_that_goes_away_ends_it(console: Console) -> None:
    os.close(console.master)
    status, _ = console.wait(20, read=False)
    assert status == 0


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_without_a_terminal_it_says_what_to_use(term: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "x"), str(tmp_path / "home")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "TERM": term, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert len(done.stderr.strip().splitlines()) == 1
    assert b"watchfloor triage" in done.stderr
    assert b"\x1b" not in done.stderr
