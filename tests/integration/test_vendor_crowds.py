"""What takes more than one alert, over every wire: a vendor's death with 200 in flight, a budget's end."""

from pathlib import Path

import pytest

from tests.integration.providers.asking import VENDORS
from tests.support.faults.crowds import CROWD_FAULTS
from tests.support.vendors.bedrock import ENVIRONMENT, FOREIGN


@pytest.fixture(autouse=True)
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("name", CROWD_FAULTS)
async def test_fault(name: str, vendor: str, tmp_path: Path) -> None:
    assert (await CROWD_FAULTS[name](vendor, tmp_path)).wrong == ""
