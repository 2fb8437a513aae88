"""Endings for which there is no server: `test_fault_table` has those that a server brings about."""

import pytest

from tests.integration.providers.asking import VENDORS, ask, provider_for
from tests.support.vendors import Done, VendorServer


@pytest.mark.parametrize("vendor", VENDORS)
async def test_nobody_listens(vendor: str) -> None:
    async with VendorServer(vendor, [Done()]) as server:
        address = server.base_url
    provider = provider_for(vendor, address)
    heard = await ask(provider)
    await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class, heard.outcome.retryable) == (
        "error",
        "network",
        True,
    )


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_address_that_is_none(vendor: str) -> None:
    provider = provider_for(vendor, "ftp://127.0.0.1:1/v1")
    heard = await ask(provider)
    await provider.close()
    assert (heard.outcome.kind, heard.outcome.error_class) == ("error", "bad_request")
    assert "base_url" in heard.outcome.detail
    assert not heard.texts
