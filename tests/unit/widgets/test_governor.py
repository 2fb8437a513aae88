"""The app on a real pty: what a slow, a stuck and an idle terminal see."""

import signal
import sys
import time
from pathlib import Path

from tests.support.terminal import Terminal

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "tests.unit.widgets.wall"]


def _wall(**env: str) -> Terminal:
    return Terminal(COMMAND, rows=50, columns=160, cwd=ROOT, env=env)


def test_nothing_is_written_while_nothing_changes() -> None:
    with _wall() as terminal:
        assert terminal.wait_for_text("READY")
        terminal.read(1.0)
        assert terminal.read(3.0) == b""
        terminal.send("j")
        step = terminal.read_until(b"\x1b") + terminal.read(1.0)
        assert 0 < len(step) < 2000
        terminal.send("q")
        assert terminal.wait() == 0
        assert b"\x1b[?1049l" in terminal.raw


def test_a_slow_terminal_gets_fewer_frames_and_then_the_last_state() -> None:
    with _wall() as terminal:
        assert terminal.wait_for_text("READY")
        terminal.read(0.5)
        terminal.send("b")
        slow = 0
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            # about 20 kB/s, where the app would draw several hundred
            slow += len(terminal.read(0.05, most=1000))
            time.sleep(0.05)
        terminal.send("e")
        assert terminal.wait_for_text("END held=")
        terminal.read(1.0)
        text = terminal.text()
        held = int(text.split("held=")[1].split()[0])
        assert held > 0
        assert "replaced=0" in text
        assert "Alert0 0" in text
        assert "Alert1 " not in text
        terminal.send("q")
        assert terminal.wait() == 0


def test_keys_wait_behind_at_most_two_frames() -> None:
    with _wall() as terminal:
        assert terminal.wait_for_text("READY")
        terminal.read(0.5)
        terminal.send("b")
        # The terminal is stuck: the app must go on and must not pile frames up.
        time.sleep(1.5)
        terminal.send("e")
        time.sleep(0.5)
        before = len(terminal.raw)
        assert terminal.wait_for_text("END held=")
        behind = len(terminal.raw) - before
        # Two frames on their way, what the pty itself holds, and the last state: not thirty frames of 15 kB.
        assert behind < 100_000
        terminal.send("q")
        assert terminal.wait() == 0


def test_the_screen_is_whole_again_after_a_suspension() -> None:
    with _wall() as terminal:
        assert terminal.wait_for_text("READY")
        terminal.read(0.5)
        terminal.signal(signal.SIGTSTP)
        assert b"\x1b[?1049l" in terminal.read_until(b"\x1b[?1049l")
        terminal.signal(signal.SIGCONT)
        back = terminal.read_until(b"\x1b[?1049h")
        assert b"\x1b[?1049h" in back
        back += terminal.read_until(b"enrich") + terminal.read(0.5)
        for part in ("READY", "Alert0 0", "True Positive", "enrich"):
            assert part.encode() in back
        terminal.send("q")
        assert terminal.wait() == 0


def test_it_ends_although_the_terminal_takes_nothing() -> None:
    with _wall() as terminal:
        assert terminal.wait_for_text("READY")
        terminal.send("b")
        time.sleep(1.0)
        terminal.send("q")
        assert terminal.process.wait(20.0) == 0


def test_frames_keep_to_the_interval_of_a_remote_terminal() -> None:
    with _wall(WALL_INTERVAL_S="0.25") as terminal:
        assert terminal.wait_for_text("READY")
        terminal.read(1.0)
        terminal.send("b")
        terminal.read(2.0)
        terminal.send("e")
        assert terminal.wait_for_text("END held=")
        terminal.read(1.0)
        text = terminal.text()
        # Textual's own clock would have drawn 120 frames in two seconds.
        assert int(text.split("written=")[1].split()[0]) <= 32
        assert "Alert0 0" in text
        assert "Alert1 " not in text
        terminal.send("q")
        assert terminal.wait() == 0


def test_only_what_a_frame_may_hold_reaches_the_terminal() -> None:
    with _wall() as terminal:
        assert terminal.wait_for_text("READY")
        terminal.send("q")
        assert terminal.wait() == 0
        raw = bytes(terminal.raw).decode().replace("\x1b]22;default\x07", "")
        assert "\x1b]" not in raw
        assert "■ CRIT" in raw
