"""A vendor that fails, through the whole engine: a verdict comes in time, marked for what it is."""

from pathlib import Path

import pytest

from tests.integration.providers.asking import VENDORS
from tests.support.faults.answers import ANSWER_FAULTS
from tests.support.faults.triage import play_answer, wrong_answer
from tests.support.vendors.bedrock import ENVIRONMENT, FOREIGN

CELLS = [
    pytest.param(vendor, name, id=f"{vendor}: {name}")
    for name, fault in ANSWER_FAULTS.items()
    for vendor in VENDORS
    if vendor not in fault.none
]


@pytest.fixture(autouse=True)
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("vendor", "name"), CELLS)
async def test_fault(vendor: str, name: str, tmp_path: Path) -> None:
    fault = ANSWER_FAULTS[name]
    assert wrong_answer(vendor, fault, await play_answer(vendor, fault, tmp_path)) == ""
