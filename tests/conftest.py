"""What holds for all tests."""

from pathlib import Path

import pytest

REAL = {"integration", "faults", "bench", "widgets", "console"}
"""Folders whose tests wait on real processes, sockets, terminals and clocks."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Such tests are run once more if they fail: a machine may stall for a second."""
    for item in items:
        if REAL & set(Path(item.path).parts):
            item.add_marker(pytest.mark.flaky(reruns=1))
