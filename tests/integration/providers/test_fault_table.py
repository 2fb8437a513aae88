"""Every fault of a call over every vendor's wire: the right outcome, inside its time."""

from collections.abc import AsyncIterator

import pytest

from backend.providers.registry import warm
from tests.integration.providers.asking import VENDORS
from tests.support.faults.cells import play_stream, wrong_stream
from tests.support.faults.streams import STREAM_FAULTS

CELLS = [
    pytest.param(vendor, name, id=f"{vendor}: {name}")
    for name, fault in STREAM_FAULTS.items()
    for vendor in VENDORS
    if vendor not in fault.none
]


@pytest.fixture(autouse=True)
async def warmed() -> AsyncIterator[None]:
    """What the engine does at its start: without it the first call's time goes into imports."""
    await warm(VENDORS)
    yield


@pytest.mark.parametrize(("vendor", "name"), CELLS)
async def test_fault(vendor: str, name: str) -> None:
    fault = STREAM_FAULTS[name]
    assert wrong_stream(vendor, fault, await play_stream(vendor, fault)) == ""
