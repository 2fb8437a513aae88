"""A model server on loopback that answers at a steady pace, over the OpenAI wire, as a cloud model does."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import msgspec

PIECE = 4
"""Characters of a token, by the usual rule of thumb."""
HEAD_LIMIT = 64 * 1024
VERDICT = (
    '{"facts":[{"text":"The alert shows activity that its rule was written for","evidence":["E1"]},'
    '{"text":"Nothing in the data says that it was blocked","evidence":["E1"]}],'
    '"verdict":"Suspicious","confidence":0.7,"severity":"Medium",'
    '"summary":"The activity fits the rule and has no known reason yet.","actions":[]}\n\n'
)
STORY = (
    "**What happened.** The sensor saw what its rule describes, and the record names both ends [E1]. "
    "**Why this verdict.** Nothing in the evidence explains it as planned work, and nothing proves harm. "
    "**What speaks against it.** The same rule has fired on routine work before. "
) * 4
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Pace(msgspec.Struct, frozen=True):
    """How fast the server answers."""

    first_token_s: float = 1.5
    tokens_per_s: float = 50.0


class PacedVendor:
    """Gives every request the same answer; counts requests, and those that the client broke off."""

    def __init__(self, pace: Pace) -> None:
        """Answer at `pace`."""
        self.pace = pace
        """May be changed at any time; an answer that is being written goes on at its own."""
        self.down = False
        """Every request is refused, as by a vendor that is overloaded."""
        self.requests = 0
        self.broken_off = 0
        self.base_url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["PacedVendor"]:
        """Listen on a free port of the loopback for as long as the context lasts."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101  # a connection is served in a task
            tasks.add(task)
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await self._answer(reader, writer)
            tasks.discard(task)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
        self.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        body = await reader.readexactly(length)
        if not head.startswith(b"post "):  # a connection is warmed by asking for something small
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return await writer.drain()
        self.requests += 1
        if self.down:
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
            return await writer.drain()
        try:
            await self._write(writer, len(body) // PIECE)
        except ConnectionError:
            self.broken_off += 1
            raise

    async def _write(self, writer: asyncio.StreamWriter, prompt_tokens: int) -> None:
        pace = self.pace
        writer.write(_HEAD)
        await asyncio.sleep(pace.first_token_s)
        text = VERDICT + STORY
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        for piece in pieces:
            await _send(writer, _chunk({"content": piece}, None))
            await asyncio.sleep(1 / pace.tokens_per_s)
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(pieces)}
        await _send(writer, _chunk({}, "stop"))
        counted = {**_BASE, "choices": [], "usage": usage | {"total_tokens": sum(usage.values())}}
        await _send(writer, counted)
        await _send_raw(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


_BASE: dict[str, object] = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "paced"}


def _chunk(delta: dict[str, str], finish: str | None) -> dict[str, object]:
    return {**_BASE, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None}


async def _send(writer: asyncio.StreamWriter, event: dict[str, object]) -> None:
    await _send_raw(writer, b"data: " + json.dumps(event).encode() + b"\n\n")


async def _send_raw(writer: asyncio.StreamWriter, data: bytes) -> None:
    if writer.transport.is_closing():
        raise ConnectionResetError
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))
    await writer.drain()
