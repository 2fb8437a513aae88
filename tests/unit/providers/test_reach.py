"""Proxies, CA files and headers that can't be used, each in one line that says what to do."""

from pathlib import Path

import pytest
import trustme

from backend.clock import SystemClock
from backend.pipeline.models import open_model
from backend.providers.config import ProviderConfig
from backend.providers.reach import environment_proxy, has_password, shown
from backend.providers.registry import open_provider
from backend.settings import ModelConfig, SettingsError


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def complaint(**config: object) -> str:
    """What is said of a model configured so."""
    with pytest.raises(SettingsError) as caught:
        open_model("best", ModelConfig(provider="openai", model="m", **config), SystemClock())  # type: ignore[arg-type]  # keyword fields pass through
    said = str(caught.value)
    assert said.startswith("[models.best]"), said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("proxy.example:3128", "write http://HOST:PORT"),
        ("ftp://proxy.example", "write http://HOST:PORT"),
        ("http://", "write http://HOST:PORT"),
        ("http://proxy.example:99999", "write http://HOST:PORT"),
        ("http://soc:s3cret@proxy.example", "named as proxy_env"),
        ("socks5://proxy.example:1080", "needs the package socksio"),
    ],
)
def test_a_proxy_that_cannot_be_used(proxy: str, says: str) -> None:
    said = complaint(proxy=proxy)
    assert says in said
    assert "s3cret" not in said


def test_a_proxy_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "PROXY_URL is not set" in complaint(proxy_env="PROXY_URL")
    monkeypatch.setenv("PROXY_URL", "nonsense://soc:s3cret@proxy.example")
    said = complaint(proxy_env="PROXY_URL")
    assert "nonsense://***@proxy.example" in said
    assert "s3cret" not in said
    assert "keep one of them" in complaint(proxy="http://a:1", proxy_env="PROXY_URL")


def test_a_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    assert "No such file or directory" in complaint(ca_file=str(tmp_path / "none.pem"))
    assert "can't be read" in complaint(ca_file=str(tmp_path))
    file = tmp_path / "ca.pem"
    file.write_bytes(b"\x30\x82\x01\x0a\xff\x00")
    assert "holds no PEM certificate" in complaint(ca_file=str(file))
    file.write_text("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n")
    assert "holds a broken certificate" in complaint(ca_file=str(file))
    file.write_bytes(b"# our authority, M\xc3\xbcnchen\n" + trustme.CA().cert_pem.bytes())
    open_provider(ProviderConfig("openai", "m", ca_file=str(file)))


def test_headers_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "headers_env X-Key: environment variable GW is not set" in complaint(headers_env={"X-Key": "GW"})
    monkeypatch.setenv("GW", "tok\nen")
    said = complaint(headers_env={"X-Key": "GW"})
    assert "X-Key holds characters" in said
    assert "tok" not in said
    monkeypatch.setenv("GW", "token\n")
    assert "no header name" in complaint(headers_env={"X Key": "GW"})
    config = ModelConfig(provider="openai", model="m", headers_env={"X-Key": "GW"})
    provider = open_model("best", config, SystemClock())
    assert provider.config.headers == {"X-Key": "token"}  # type: ignore[attr-defined]  # the SDK-based have it


def test_an_api_version_that_is_none() -> None:
    assert "2024-10-21" in complaint(api_version="latest?x=1&y")


@pytest.mark.parametrize(
    ("address", "proxy"),
    [
        ("https://api.openai.com/v1", "http://tls:1"),
        ("http://gateway.example", "http://plain:2"),
        ("gateway.example:11434", "http://plain:2"),
        ("https://llm.corp.example", None),
        ("https://corp.example:8443/v1", None),
        ("https://notcorp.example", "http://tls:1"),
    ],
)
def test_which_proxy_the_environment_names(
    address: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://tls:1")
    monkeypatch.setenv("HTTP_PROXY", "plain:2")
    monkeypatch.setenv("NO_PROXY", "localhost, .corp.example")
    monkeypatch.setenv("ALL_PROXY", "http://all:3")
    assert environment_proxy(address) == proxy


def test_what_is_shown_of_a_url() -> None:
    assert shown("http://soc:p@ss@proxy.example:1") == "http://***@proxy.example:1"
    assert shown("http://proxy.example:1") == "http://proxy.example:1"
    assert has_password("http://soc@proxy.example")
    assert not has_password("http://proxy.example/@")
