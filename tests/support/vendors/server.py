"""A scripted vendor on loopback."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from backend.providers.base import Usage
from tests.support.vendors.bedrock import BedrockWire, ConverseWire, unsigned
from tests.support.vendors.http import HttpRequest, HttpServer, Response
from tests.support.vendors.script import (
    Binary,
    Cut,
    Done,
    End,
    Error,
    Hang,
    Page,
    Pings,
    Refusal,
    Rubbish,
    Script,
    Status,
    Step,
    Thinking,
    Tokens,
    ToolUse,
    Wait,
)
from tests.support.vendors.wires import WIRES, OpenAIWire, Wire

_AWS_WIRES: dict[str, type[BedrockWire] | type[ConverseWire]] = {
    "bedrock": BedrockWire,
    "converse": ConverseWire,
}


@dataclass(frozen=True)
class ReceivedRequest:
    """One request a client made; header names are lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


Answer = Callable[[ReceivedRequest], Script]


class VendorServer:
    """Speaks one vendor's wire on a free port and answers by script.

    The first request gets the first script, the next one the next; the last repeats. A callable in place of a
    script is asked for one, so that an answer may depend on the request. A script that ends with no ending
    step of its own ends the body cleanly. Use as an async context manager.
    """

    def __init__(self, vendor: str, *scripts: Script | Answer) -> None:
        if not scripts:
            raise ValueError("at least one script")
        self.vendor = vendor
        self.requests: list[ReceivedRequest] = []
        self.headers: dict[str, str] = {}
        """Sent with every stream, for example what is left of a rate limit."""
        self._scripts = scripts
        self._http = HttpServer(self._answer)

    @property
    def base_url(self) -> str:
        """The address to give to a provider."""
        suffix = "/v1" if self.vendor == "openai" else ""
        return f"http://127.0.0.1:{self._http.port}{suffix}"

    @property
    def open_connections(self) -> int:
        """Connections that neither side has closed, idle ones kept for reuse among them."""
        return self._http.open_connections

    @property
    def accepted(self) -> int:
        """Connections that were ever opened."""
        return self._http.accepted

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return self._http.port

    def hang_up(self) -> None:
        """Close every connection now, as a server does with those that lie idle too long."""
        self._http.hang_up()

    async def until_open(self, count: int, timeout_s: float = 20.0) -> None:
        """Wait until exactly `count` connections are open. Raises `TimeoutError`."""
        await self._http.until_open(count, timeout_s)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, exc, trace)

    async def _answer(self, raw: HttpRequest, response: Response) -> None:
        wire_class = _AWS_WIRES.get(self.vendor) or WIRES[self.vendor]
        if not re.fullmatch(wire_class.path.replace("{}", "[^/]+"), raw.path):
            await response.whole(
                404, b'{"error": {"type": "not_found_error", "message": "no such path"}}', {}
            )
            return
        if self.vendor in _AWS_WIRES and (wrong := unsigned(raw)):
            kind = {"x-amzn-errortype": "InvalidSignatureException:"}
            await response.whole(403, json.dumps({"message": wrong}).encode(), kind)
            return
        request = ReceivedRequest(raw.path, raw.headers, json.loads(raw.body))
        chosen = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
        self.requests.append(request)
        script = chosen(request) if callable(chosen) else chosen
        usage = next((step.usage for step in script if isinstance(step, Done)), Usage(input_tokens=10))
        wire = wire_class(str(request.body.get("model", "")), usage)
        if isinstance(wire, OpenAIWire):
            wire.counts = bool((request.body.get("stream_options") or {}).get("include_usage"))
        await _play(script, wire, response, self.headers)


async def _play(script: Script, wire: Wire, response: Response, headers: Mapping[str, str]) -> None:
    match script[0] if script else None:
        case Status(code, body, own):
            text = body if isinstance(body, str) else json.dumps(body)
            kind = "application/json" if not isinstance(body, str) else "text/html"
            await response.whole(code, text.encode(), {"content-type": kind, **headers, **own})
            return
        case Page(html):
            await response.whole(200, html.encode(), {"content-type": "text/html; charset=utf-8"})
            return
        case Binary(data):
            await response.whole(200, data, {"content-type": wire.content_type})
            return
        case Cut(reset):  # before the status line
            response.cut(reset=reset)
        case Hang():  # before the status line
            await response.pause(None)
    await response.begin(wire.content_type, headers)
    if opening := wire.opening():
        await response.chunk(opening)
    for step in script:
        await _step(step, wire, response)
    await response.end()


async def _step(step: Step, wire: Wire, response: Response) -> None:
    match step:
        case Tokens():
            for piece in step.pieces:
                if step.every_s:
                    await response.pause(step.every_s)
                await response.chunk(wire.token(piece))
        case Pings(every_s, count):
            sent = 0
            while count is None or sent < count:
                await response.pause(every_s)
                await response.chunk(wire.ping())
                sent += 1
        case Wait(seconds):
            await response.pause(seconds)
        case Hang():
            await response.pause(None)
        case Cut(reset):
            # What was sent before must reach the client first: a reset may overtake it.
            await response.pause(0.05)
            response.cut(reset=reset)
        case Rubbish(data):
            await response.chunk(data)
        case End():
            pass
        case _:
            await response.chunk(_event(step, wire))


def _event(step: Step, wire: Wire) -> bytes:
    match step:
        case Thinking():
            return wire.thinking(step)
        case ToolUse():
            return wire.tool_use(step)
        case Refusal():
            return wire.refusal(step)
        case Error():
            return wire.error(step)
        case Done():
            return wire.done(step)
    raise ValueError(f"{step} may only stand first")
