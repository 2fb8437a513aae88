"""How a provider reaches its server: proxy, certificates, extra headers, time limits of the socket."""

import importlib.util
import os
import re
import ssl
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backend.providers.config import (
    CONNECT_TIMEOUT_S,
    POOL_TIMEOUT_S,
    WRITE_TIMEOUT_S,
    ProviderConfig,
)
from backend.providers.outcomes import failed
from backend.providers.renewing import RenewingTransport

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2: a token
_API_VERSION = re.compile(r"[0-9A-Za-z.-]+")


def check_reach(config: ProviderConfig) -> None:
    """Raise `ValueError`, one line, when proxy, CA file, headers or API version can't be used."""
    if config.proxy is not None and (problem := proxy_problem(config.proxy)):
        raise ValueError(f"proxy {shown(config.proxy)}: {problem}")
    if config.ca_file is not None:
        trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), config.ca_file)
    for name, value in config.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"header {name!r} is no header name: letters, digits and dashes")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"the value for header {name} holds characters that no HTTP header can carry")
    if config.api_version is not None and not _API_VERSION.fullmatch(config.api_version):
        raise ValueError(f"api_version {config.api_version!r} is none: write a date, as in 2024-10-21")


def transport(http: Any, config: ProviderConfig, address: str) -> RenewingTransport:  # noqa: ANN401 - a module
    """The transport to `address` for `http`, the module httpx or httpx2. For a thread: it reads certificates.

    Without a configured proxy the environment decides as it does for the SDKs' own clients. Raises
    `FailedError` when the proxy or the CA file can't be used.
    """
    proxy = config.proxy or environment_proxy(address)
    try:
        context = http.create_ssl_context()
        if config.ca_file is not None:
            trust(context, config.ca_file)
        if proxy and (problem := proxy_problem(proxy)):
            raise ValueError(f"proxy {shown(proxy)}: {problem}")
        to_proxy = None
        if proxy:
            to_proxy = http.Proxy(proxy, ssl_context=context if proxy.startswith("https:") else None)
        return RenewingTransport(http, verify=context, proxy=to_proxy)
    except (ValueError, OSError) as exc:
        raise failed("bad_request", str(exc)) from None


def timeout(http: Any, config: ProviderConfig) -> Any:  # noqa: ANN401 - of httpx or httpx2
    """The socket's own limits; those on the content are laid around the stream."""
    return http.Timeout(
        connect=CONNECT_TIMEOUT_S, read=config.read_timeout_s, write=WRITE_TIMEOUT_S, pool=POOL_TIMEOUT_S
    )


def trust(context: ssl.SSLContext, ca_file: str) -> None:
    """Let `context` trust the authorities in a PEM file too. Raises `ValueError` that says what is wrong."""
    path = Path(ca_file).expanduser()
    try:
        text = path.read_bytes()
    except OSError as exc:
        raise ValueError(f"ca_file {ca_file} can't be read: {exc.strerror or exc}") from None
    if b"-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError(f"ca_file {ca_file} holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
    try:
        context.load_verify_locations(cadata=text.decode("ascii", "ignore"))
    except ssl.SSLError as exc:
        raise ValueError(f"ca_file {ca_file} holds a broken certificate: {exc.reason or exc}") from None


def environment_proxy(address: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (or the system) name for `address`."""
    parts = urlsplit(address if "//" in address else f"//{address}", scheme="http")
    host = parts.netloc.rpartition("@")[2]
    if not host or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def proxy_problem(proxy: str) -> str:
    """What is wrong with a proxy's URL and what would do; empty when it can be used."""
    parts = urlsplit(proxy)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        return f"{exc}; write http://HOST:PORT"
    if parts.scheme not in _PROXY_SCHEMES or not host:
        return f"not the URL of a proxy; write http://HOST:PORT ({', '.join(_PROXY_SCHEMES)} are known)"
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return "SOCKS needs the package socksio; install it or use an HTTP proxy"
    return ""


def has_password(url: str) -> bool:
    """Whether a URL holds credentials."""
    return "@" in urlsplit(url).netloc


def shown(url: str) -> str:
    """A URL for people, without the credentials in it."""
    head, separator, rest = url.rpartition("@")
    if not separator:
        return url
    scheme = head.partition("://")[0] + "://" if "://" in head else ""
    return f"{scheme}***@{rest}"


def environment(name: str) -> str | None:
    """An environment variable, None when it is unset or blank."""
    return os.environ.get(name, "").strip() or None
