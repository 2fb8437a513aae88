"""The `watchfloor` command as a process of its own, with a home of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

COMMAND = (sys.executable, "-c", "from console.cli import main; main()")
ROOT = Path(__file__).resolve().parents[2]


def environment(home: Path) -> dict[str, str]:
    """This process's environment, without its configuration and keys."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WATCHFLOOR_", "OPENAI_", "ANTHROPIC_", "OLLAMA_"))
    }
    return kept | {
        "WATCHFLOOR_HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PYTHONPATH": str(ROOT),
    }


def run(
    home: Path, *arguments: str, stdin: bytes = b"", timeout_s: float = 90.0
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        cwd=_folder(home),
        env=environment(home),
        check=False,
    )


def start(home: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a command; the caller ends it."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_folder(home),
        env=environment(home),
    )


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Return once `condition` holds. Raises `TimeoutError` naming `what`."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


def text_of(result: "subprocess.CompletedProcess[bytes]") -> Sequence[str]:
    """What was said on standard error, line by line."""
    return result.stderr.decode().splitlines()


def _folder(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    return home
