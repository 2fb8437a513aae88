"""`watchfloor bench` in a process of its own, with the measurements' own sizes cut down."""

import json
import subprocess
import sys

_PROGRAM = """
import importlib, json, sys
for name, value in json.loads(sys.argv.pop(1)).items():
    module, _, constant = name.rpartition(".")
    owner = importlib.import_module(module)
    assert hasattr(owner, constant), name
    setattr(owner, constant, value)
from console.cli import main
main(["bench", *sys.argv[1:]])
"""


def bench(
    *arguments: str, sizes: dict[str, float] | None = None, timeout_s: float = 200.0
) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end.

    `sizes` are constants of the measurements by their full name ("console.bench_paint.WARM_UP_S"): what is
    right for a figure is too long for a test, which asks only whether it is measured.
    """
    command = [sys.executable, "-c", _PROGRAM, json.dumps(sizes or {}), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
