"""Gateways with certificates of their own, and proxies, for every vendor: real TLS, a real proxy."""

import ssl
from pathlib import Path

import pytest
import trustme

from backend.providers.config import ProviderConfig
from backend.providers.registry import open_provider
from tests.integration.providers.asking import ask, provider_for
from tests.support.gateway import ForwardProxy, TlsFront
from tests.support.ports import free_port
from tests.support.vendors import Done, Script, Tokens, VendorServer

VENDORS = ("anthropic", "openai", "azure", "ollama", "bedrock", "converse")
OK: Script = [Tokens("ok"), Done()]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Gateway:
    """An authority of our own, and what it vouches for."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self.issued = authority.issue_cert("localhost", "llm.example.test")

    def front(self, server: VendorServer) -> TlsFront:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.issued.configure_cert(context)
        return TlsFront(context, server.port)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_gateway_with_an_authority_of_its_own(vendor: str, gateway: Gateway) -> None:
    async with VendorServer(vendor, OK) as server, gateway.front(server) as front:
        trusting = provider_for(vendor, front.url, ca_file=gateway.ca_file)
        assert (await ask(trusting)).text == "ok"
        assert (await ask(trusting)).text == "ok"
        assert server.accepted == 1, "kept connections hold over TLS too"
        await trusting.close()
        strict = provider_for(vendor, front.url)
        outcome = (await ask(strict)).outcome
        await strict.close()
    assert (outcome.kind, outcome.error_class) == ("error", "network")
    assert "certificate is not trusted" in outcome.detail
    assert "ca_file" in outcome.detail


@pytest.mark.parametrize("vendor", VENDORS)
async def test_tls_through_a_proxy(vendor: str, gateway: Gateway) -> None:
    """The name exists at the proxy alone: what arrives can only have gone through it."""
    async with (
        VendorServer(vendor, OK) as server,
        gateway.front(server) as front,
        ForwardProxy(hosts={"llm.example.test": "127.0.0.1"}) as proxy,
    ):
        address = f"https://llm.example.test:{front.port}"
        provider = provider_for(vendor, address, ca_file=gateway.ca_file, proxy=proxy.url)
        assert (await ask(provider)).text == "ok"
        await provider.close()
    assert proxy.asked == [f"CONNECT llm.example.test:{front.port} HTTP/1.1"]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_plain_http_through_a_proxy(vendor: str) -> None:
    async with (
        VendorServer(vendor, OK) as server,
        ForwardProxy(hosts={"llm.example.test": "127.0.0.1"}) as proxy,
    ):
        provider = provider_for(vendor, f"http://llm.example.test:{server.port}", proxy=proxy.url)
        assert (await ask(provider)).text == "ok"
        await provider.close()
    assert len(proxy.asked) == 1
    assert proxy.asked[0].startswith(f"POST http://llm.example.test:{server.port}/")


@pytest.mark.parametrize("vendor", VENDORS)
async def test_the_environments_proxy_and_its_exceptions(
    vendor: str, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        VendorServer(vendor, OK) as server,
        gateway.front(server) as front,
        ForwardProxy(login="soc:s3cret") as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//soc:s3cret@"))
        through = provider_for(vendor, front.url, ca_file=gateway.ca_file)
        assert (await ask(through)).text == "ok"
        await through.close()
        assert len(proxy.asked) == 1
        monkeypatch.setenv("NO_PROXY", "localhost,.corp.example")
        straight = provider_for(vendor, front.url, ca_file=gateway.ca_file)
        assert (await ask(straight)).text == "ok"
        await straight.close()
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_proxy_that_wants_a_login(vendor: str, gateway: Gateway) -> None:
    async with (
        VendorServer(vendor, OK) as server,
        gateway.front(server) as front,
        ForwardProxy(login="soc:s3cret") as proxy,
    ):
        wrong = proxy.url.replace("//", "//soc:gue55@")
        provider = provider_for(vendor, front.url, ca_file=gateway.ca_file, proxy=wrong)
        outcome = (await ask(provider)).outcome
        await provider.close()
        assert server.requests == []
    assert (outcome.kind, outcome.error_class) == ("error", "network")
    assert "the proxy did not pass the request on" in outcome.detail
    assert "407" in outcome.detail
    assert "gue55" not in outcome.detail


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_proxy_that_is_not_there(vendor: str) -> None:
    async with VendorServer(vendor, OK) as server:
        provider = provider_for(vendor, server.base_url, proxy=f"http://127.0.0.1:{free_port()}")
        outcome = (await ask(provider)).outcome
        await provider.close()
        assert server.requests == []
    assert (outcome.kind, outcome.error_class, outcome.retryable) == ("error", "network", True)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_environment_proxy_that_is_none(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://soc:s3cret@proxy.example:70")
    provider = provider_for(vendor, "http://llm.example.test:1")
    outcome = (await ask(provider)).outcome
    await provider.close()
    assert (outcome.kind, outcome.error_class) == ("error", "bad_request")
    assert "proxy gopher://***@proxy.example:70" in outcome.detail
    assert "s3cret" not in outcome.detail


async def test_a_ca_file_that_went_away_after_the_start(gateway: Gateway) -> None:
    provider = open_provider(ProviderConfig("openai", "m", api_key="k", ca_file=gateway.ca_file))
    Path(gateway.ca_file).unlink()
    outcome = (await ask(provider)).outcome
    await provider.close()
    assert (outcome.kind, outcome.error_class) == ("error", "bad_request")
    assert "No such file" in outcome.detail
