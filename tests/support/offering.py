"""What doctor asks of a model's server beside an answer: a list of models, TLS, a proxy before it."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Sequence

import trustme

from tests.support.vendors import Script, VendorServer
from tests.support.vendors.http import HttpRequest, Response
from tests.support.vendors.server import Answer

_LISTS = {"anthropic": "/v1/models", "openai": "/v1/models", "ollama": "/api/tags"}


class OfferingServer(VendorServer):
    """A scripted vendor with a list of models: names, or a status that refuses them, or a page's text."""

    def __init__(self, vendor: str, *scripts: Script | Answer, offers: Sequence[str] | int = 404) -> None:
        super().__init__(vendor, *scripts)
        self.asked_at_once = 0
        """The most requests that were being answered side by side."""
        self._answering = 0
        self._offers = offers

    @property
    def port(self) -> int:
        return self._http.port

    async def _answer(self, raw: HttpRequest, response: Response) -> None:
        if raw.method == "GET" and raw.path.partition("?")[0] == _LISTS[self.vendor]:
            await self._list(response)
            return
        self._answering += 1
        self.asked_at_once = max(self.asked_at_once, self._answering)
        try:
            await super()._answer(raw, response)
        finally:
            self._answering -= 1

    async def _list(self, response: Response) -> None:
        kind = {"content-type": "application/json"}
        if isinstance(self._offers, str):
            await response.whole(200, self._offers.encode(), {"content-type": "text/html"})
            return
        if isinstance(self._offers, int):
            refusal = {"error": {"type": "refused", "message": "no list for you"}}
            await response.whole(self._offers, json.dumps(refusal).encode(), kind)
            return
        body: object = {"object": "list", "data": [{"id": one, "object": "model"} for one in self._offers]}
        if self.vendor == "ollama":
            body = {"models": [{"name": one, "model": one} for one in self._offers]}
        await response.whole(200, json.dumps(body).encode(), kind)


async def _pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while block := await source.read(65536):
        to.write(block)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass everything on to a loopback port, both ways, until one end closes."""
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    ways = [
        asyncio.ensure_future(_pump(reader, there_writer)),
        asyncio.ensure_future(_pump(there_reader, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (there_writer, writer):
            end.transport.abort()


@contextlib.asynccontextmanager
async def tls_in_front(port: int, issued: trustme.LeafCert) -> AsyncIterator[int]:
    """A port that speaks TLS and passes on to another."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(context)
    listener = await asyncio.start_server(
        lambda reader, writer: _join(reader, writer, port), "127.0.0.1", 0, ssl=context
    )
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.sleep(0.05)  # the last connections see that their other end has gone


class ConnectProxy:
    """An HTTP proxy that takes every CONNECT to one loopback port, whatever name is asked for."""

    def __init__(self, port: int, *, login: str | None = None, refuses: int | None = None) -> None:
        """`login` is the `Proxy-Authorization` it wants; `refuses` the status it answers instead."""
        self.port = 0
        self.asked: list[str] = []
        """HOST:PORT of each CONNECT that was let through."""
        self._to, self._login, self._refuses = port, login, refuses
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "ConnectProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0.05)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:  # only looked whether somebody listens
            writer.close()
            return
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        wrong = self._login is not None and headers.get("proxy-authorization") != self._login.lower()
        status = 407 if wrong else self._refuses or 200
        writer.write(f"HTTP/1.1 {status} Said\r\n\r\n".encode())
        if status != 200:
            writer.close()
            return
        self.asked.append(lines[0].split()[1])
        await _join(reader, writer, self._to)
