"""The way to a model's server: certificates, proxies, and requests that would cost money."""

import contextlib
import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from tests.integration.doctor.models import CACHED, FRESH, WELL, look, model, of
from tests.support.doctoring import steps
from tests.support.offering import ConnectProxy, OfferingServer, tls_in_front
from tests.support.ports import free_port

FAR = "https://models.example.com/v1"
"""A server that is nobody's own; the proxy of the tests takes every name to this machine."""
WELL_SECURE = [*WELL[:2], "TLS", *WELL[2:]]


@pytest.fixture(autouse=True)
def no_proxy_but_the_tests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


async def test_a_server_with_a_certificate(tmp_path: Path, authority: trustme.CA, ca_file: str) -> None:
    issued = authority.issue_cert("127.0.0.1")
    async with (
        OfferingServer("anthropic", FRESH, CACHED) as server,
        tls_in_front(server.port, issued) as port,
    ):
        address = f"https://127.0.0.1:{port}"
        found = await look(tmp_path, model("anthropic", address, ca_file=ca_file))
        assert steps(found) == [(step, "ok") for step in WELL_SECURE], found
        assert "certificate verified for 127.0.0.1" in of(found, "TLS").found
        made = len(server.requests)
        unknown = await look(tmp_path, model("anthropic", address))
        assert len(server.requests) == made
    assert steps(unknown)[-1] == ("TLS", "failed")
    assert "ca_file under [models.m1]" in unknown[-1].mend


async def test_certificates_that_will_not_do(tmp_path: Path, authority: trustme.CA, ca_file: str) -> None:
    now = datetime.datetime.now(datetime.UTC)
    late = authority.issue_cert(
        "127.0.0.1", not_before=now - datetime.timedelta(days=9), not_after=now - datetime.timedelta(days=2)
    )
    elsewhere = authority.issue_cert("elsewhere.example")
    async with OfferingServer("openai", FRESH) as server:
        for issued, words, mend in ((late, "expired", "renew"), (elsewhere, "127.0.0.1", "made out to")):
            async with tls_in_front(server.port, issued) as port:
                found = await look(tmp_path, model("openai", f"https://127.0.0.1:{port}/v1", ca_file=ca_file))
            assert steps(found)[-1] == ("TLS", "failed")
            assert words in found[-1].found
            assert mend in found[-1].mend
        plain = await look(tmp_path, model("openai", f"https://127.0.0.1:{server.port}/v1"))
    assert steps(plain)[-1] == ("TLS", "failed")
    assert "speaks TLS" in plain[-1].mend


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "none.pem"
    if content is not None:
        path.write_text(content)
    async with OfferingServer("openai", FRESH) as server:
        found = await look(
            tmp_path, model("openai", f"https://127.0.0.1:{server.port}/v1", ca_file=str(path))
        )
    assert found[-1].state == "failed"
    assert "ca_file" in found[-1].found
    assert "[models.m1]" in found[-1].mend


@contextlib.asynccontextmanager
async def far_server(
    authority: trustme.CA, wire: str = "openai", **proxy: str
) -> AsyncIterator[tuple[OfferingServer, ConnectProxy]]:
    """`FAR`, reached through a proxy alone."""
    issued = authority.issue_cert("models.example.com")
    async with (
        OfferingServer(wire, FRESH, CACHED, offers=["test-model", "other"]) as server,
        tls_in_front(server.port, issued) as port,
        ConnectProxy(port, **proxy) as way,  # type: ignore[arg-type]  # keyword fields pass through
    ):
        yield server, way


async def test_a_server_behind_a_proxy(
    tmp_path: Path, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = {"usd_per_mtok_input": 1.0, "usd_per_mtok_output": 1.0}
    async with far_server(authority) as (server, way):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{way.port}")
        found = await look(tmp_path, model("openai", FAR, ca_file=ca_file, **prices))
        assert len(server.requests) == 2
    assert steps(found) == [(step, "ok") for step in ["settings", "TCP", "proxy", "TLS", *WELL[2:]]], found
    assert f"through the proxy 127.0.0.1:{way.port}" in of(found, "settings").found
    assert set(way.asked) == {"models.example.com:443"}


async def test_a_proxy_that_wants_a_login(
    tmp_path: Path, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with far_server(authority, login="Basic YW5uOnA6dw==") as (_, way):  # ann:p:w
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{way.port}")
        without = await look(tmp_path, model("openai", FAR, ca_file=ca_file))
        monkeypatch.setenv("THE_PROXY", f"http://ann:p%3Aw@127.0.0.1:{way.port}")
        with_it = await look(tmp_path, model("openai", FAR, ca_file=ca_file, proxy_env="THE_PROXY"))
    assert steps(without)[-1] == ("proxy", "failed")
    assert "407" in without[-1].found
    assert of(with_it, "proxy").state == of(with_it, "request").state == "ok"
    assert "p%3Aw" not in repr(with_it)


async def test_proxies_that_do_not_let_through(
    tmp_path: Path, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OfferingServer("openai", FRESH) as server, ConnectProxy(server.port, refuses=403) as way:
        refused = await look(tmp_path, model("openai", FAR, proxy=f"http://127.0.0.1:{way.port}"))
    assert steps(refused)[-1] == ("proxy", "failed")
    assert "HTTP 403" in refused[-1].found
    gone = await look(tmp_path, model("openai", FAR, proxy=f"http://127.0.0.1:{free_port()}"))
    assert steps(gone)[-1] == ("TCP", "failed")
    odd = await look(tmp_path, model("openai", FAR, proxy="ftp://127.0.0.1:1"))
    assert steps(odd) == [("settings", "failed")]
    unset = await look(tmp_path, model("openai", FAR, proxy_env="NO_SUCH_PROXY"))
    assert "NO_SUCH_PROXY" in unset[0].found


async def test_nothing_that_costs_money_unless_it_may(
    tmp_path: Path, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-0123456789")
    async with far_server(authority) as (server, way):
        fields = {"ca_file": ca_file, "proxy": f"http://127.0.0.1:{way.port}", "api_key_env": "MY_KEY"}
        listed = await look(tmp_path, model("openai", FAR, **fields), spend=False)
        near = await look(tmp_path, model("openai", FAR, **{**fields, "model": "test-mode"}), spend=False)
        assert not server.requests
        own = await look(tmp_path, model("openai", server.base_url), spend=False)
        assert len(server.requests) == 2
    assert [(one.check, one.state) for one in listed[-4:]] == [
        ("key", "ok"),
        ("request", "ok"),
        ("model", "ok"),
        ("price", "warn"),
    ]
    assert of(listed, "key").found == "from $MY_KEY; the server takes it"
    assert "usd_per_mtok_input" in of(listed, "price").mend
    assert of(near, "model").state == "warn"
    assert "did you mean test-model?" in of(near, "model").mend
    assert of(own, "request").state == "ok"
