"""A model's server, and the way to it: itself, or through a proxy as the vendors' SDKs go."""

import asyncio
import base64
import functools
import ssl
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from backend.doctor.network import Host, handshake, place, reach
from backend.doctor.report import Report, without_credentials
from backend.doctor.threads import in_thread
from backend.providers import anthropic, ollama, openai
from backend.providers.reach import environment, environment_proxy, proxy_problem, shown, trust
from backend.settings import ModelConfig

OLLAMA_PORT = 11434
HEAD_BYTES = 16 * 1024
"""Longest answer of a proxy that is read."""
_AS = "; write base_url as http(s)://HOST[:PORT]/PATH"
_PORTS = {"http": 80, "https": 443}
_VENDORS = {"anthropic": anthropic.BASE_URL, "openai": openai.BASE_URL}


class Server(msgspec.Struct, frozen=True):
    """Where a model is asked."""

    url: str
    """As it may be shown, without credentials."""
    host: Host
    secure: bool
    """Whether it is spoken to over TLS."""
    proxy: str | None = None
    """URL of the proxy on the way; may hold credentials, so it is never shown."""

    @property
    def proxy_host(self) -> Host:
        """The proxy's own host and port."""
        parts = urlsplit(self.proxy or "")
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 1080)


def server_of(config: ModelConfig) -> Server | None:
    """The server of a model; None where the vendor's SDK alone knows it.

    Raises `ValueError`: what is wrong with an address; how to mend it.
    """
    named = config.base_url or _VENDORS.get(config.provider)
    default_port = None
    if config.provider == "ollama":
        named = config.base_url or environment("OLLAMA_HOST") or ollama.BASE_URL
        if "//" not in named:  # as Ollama's own tools read it
            named, default_port = f"http://{named}", OLLAMA_PORT
    if config.provider == "bedrock" and named is None:
        region = config.region or environment("AWS_REGION") or environment("AWS_DEFAULT_REGION")
        named = f"https://bedrock-runtime.{region}.amazonaws.com" if region else None
    if named is None:
        return None
    parts = _parts(named)
    host = parts.hostname or ("127.0.0.1" if config.provider == "ollama" else "")
    if not host:
        raise ValueError(f"{without_credentials(named)!r} names no host{_AS}")
    port = parts.port or default_port or _PORTS[parts.scheme]
    chosen = _configured_proxy(config) or environment_proxy(named)
    if chosen and (problem := proxy_problem(chosen)):
        raise ValueError(f"proxy {shown(chosen)}: {problem}")
    return Server(without_credentials(named), (host, port), parts.scheme == "https", chosen)


def _configured_proxy(config: ModelConfig) -> str | None:
    if config.proxy_env and not environment(config.proxy_env):
        raise ValueError(
            f"environment variable {config.proxy_env} (proxy_env) is not set; export it or leave it out"
        )
    return environment(config.proxy_env or "") or config.proxy


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{without_credentials(url)!r} is no address: {error}{_AS}") from None
    if parts.scheme not in _PORTS:
        raise ValueError(f"{without_credentials(url)!r} does not begin with http:// or https://{_AS}")
    return parts


async def reach_server(report: Report, server: Server, config: ModelConfig, name: str) -> None:
    """Say whether name, port and certificate of the server, or of the proxy before it, are in order."""
    parts = urlsplit(server.proxy or "")
    await reach(report, [server.proxy_host if server.proxy else server.host])
    if not server.secure:
        return
    if parts.scheme not in ("", "http"):
        report.ok("TLS", f"looked at with the request: a {parts.scheme} proxy stands before the server")
        return
    context = await in_thread(lambda: _trust(report, config, name))
    connect = None
    if server.proxy:
        await _through(report, server)

        connect = functools.partial(_secured, server, context)
    await handshake(report, server.host, context, connect=connect, under=f"[models.{name}]")


def _trust(report: Report, config: ModelConfig, name: str) -> ssl.SSLContext:
    """What the vendor's SDK trusts: its HTTP library's authorities, and those of the config besides."""
    import httpx  # both take long, so they are imported here, in a thread
    import httpx2

    try:
        context: ssl.SSLContext = (httpx if config.provider == "ollama" else httpx2).create_ssl_context()
        if config.ca_file:
            trust(context, config.ca_file)
    except ValueError as error:
        report.fail("TLS", error, f"name a PEM file with certificates as ca_file under [models.{name}]")
    except OSError as error:  # `ssl.SSLError` is one
        report.fail("TLS", f"SSL_CERT_FILE can't be used: {error}", "name a PEM file with certificates in it")
    return context


async def _through(report: Report, server: Server) -> None:
    """Say whether the proxy connects to the server."""
    proxy = server.proxy_host
    writer: asyncio.StreamWriter | None = None
    try:
        async with report.within(
            "proxy", f"no answer from the proxy {place(proxy)}", "see that this is the port of an HTTP proxy"
        ):
            writer, status = await _tunnel(server)
    except (OSError, ValueError, EOFError) as error:
        report.fail(
            "proxy",
            f"the proxy {place(proxy)} gives no answer a proxy would: {str(error) or 'it hung up'}",
            "see that HTTPS_PROXY, or proxy under this model, names an HTTP proxy",
        )
    finally:
        if writer is not None:
            writer.transport.abort()
    if status == 407:
        report.fail(
            "proxy",
            f"the proxy {place(proxy)} wants a login (407)",
            "put it into the proxy's address: http://USER:PASSWORD@HOST:PORT",
        )
    if status != 200:
        report.fail(
            "proxy",
            f"the proxy {place(proxy)} does not connect to {place(server.host)} (HTTP {status})",
            f"have the proxy allow {place(server.host)}, or name it in NO_PROXY",
        )
    report.ok("proxy", f"{place(proxy)} connects to {place(server.host)}")


async def _secured(server: Server, context: ssl.SSLContext) -> asyncio.StreamWriter:
    """TLS with the server, through the proxy. Raises `OSError` (so also `ssl.SSLError`)."""
    writer, status = await _tunnel(server)
    try:
        if status != 200:
            raise ConnectionError(f"the proxy answers {status}")
        await writer.start_tls(context, server_hostname=server.host[0])
    except BaseException:
        writer.transport.abort()
        raise
    return writer


async def _tunnel(server: Server) -> tuple[asyncio.StreamWriter, int]:
    """Ask the proxy for a way to the server; the status it answers with. Within the caller's time limit.

    Raises `OSError`, `EOFError` or `ValueError` where what answers is no HTTP proxy.
    """
    parts = urlsplit(server.proxy or "")
    reader, writer = await asyncio.open_connection(*server.proxy_host, limit=HEAD_BYTES)
    try:
        target = place(server.host)
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login).decode()}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        status = _status(await _head(reader))
    except BaseException:
        writer.transport.abort()
        raise
    return writer, status


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ValueError("its answer does not end") from error


def _status(head: bytes) -> int:
    words = head.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("its answer is no HTTP")
    return int(words[1][:3])
