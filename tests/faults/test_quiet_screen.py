"""A screen on which nothing happens writes nothing; one that is told to end leaves the terminal as it was."""

import signal
import sys
from pathlib import Path

import pytest

from tests.support.engines import eve_alert
from tests.support.terminal import Terminal


def console(tmp_path: Path, alerts: bytes) -> Terminal:
    source = tmp_path / "eve.json"
    source.write_bytes(alerts)
    command = [
        sys.executable,
        "-m",
        "console",
        "--source",
        f"file://{source}?follow=true",
        "--model",
        "playbook",
    ]
    return Terminal(
        command, rows=40, columns=120, env={"WATCHFLOOR_HOME": str(tmp_path / "home")}, cwd=tmp_path
    )


def test_an_empty_queue_writes_less_than_a_kilobyte_in_ten_seconds(tmp_path: Path) -> None:
    with console(tmp_path, b"") as terminal:
        assert terminal.wait_for_text("1 of 1 source live", 60), terminal.text()
        terminal.read(4)
        written = terminal.read(10)
        assert len(written) < 1000, f"{len(written)} bytes"
        assert terminal.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly_with_the_terminal_restored(tmp_path: Path, number: signal.Signals) -> None:
    with console(tmp_path, eve_alert() + b"\n") as terminal:
        assert terminal.wait_for_text("TEST MALWARE", 60), terminal.text()
        terminal.signal(number)
        assert terminal.wait(30) == 0
        tail = bytes(terminal.raw[-2000:])
        assert b"\x1b[?1049l" in tail, "the alternate screen is left on"
        assert b"\x1b[?25h" in tail, "the cursor is left hidden"
        assert b"\x1b[?1000l" in tail or b"\x1b[?1003l" in tail, "the mouse is left on"
    again = console(tmp_path, eve_alert() + b"\n")
    with again as terminal:
        assert terminal.wait_for_text("1 open", 60), terminal.text()
