"""What holds for all tests."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REAL = {"integration", "faults", "bench", "widgets", "console"}
"""Folders whose tests wait on real processes, sockets, terminals and clocks."""


def _keep_bytecode() -> None:
    """Let this run's processes share compiled modules where PYTHONDONTWRITEBYTECODE is set, as in images.

    Else each of the hundreds of them compiles all it imports: 0.8 s of the 1.1 s of CPU that a start takes.
    What they keep is outside the tree and goes with the run; its workers inherit both settings.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        folder = tempfile.mkdtemp(prefix="watchfloor-bytecode-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
        sys.dont_write_bytecode = False


_keep_bytecode()

# How long an example takes says nothing where four workers share two cores.
settings.register_profile("watchfloor", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchfloor")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Such tests are run once more if they fail: a machine may stall for a second."""
    for item in items:
        if REAL & set(Path(item.path).parts):
            item.add_marker(pytest.mark.flaky(reruns=1))
