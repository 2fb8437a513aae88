"""A scripted model server in a process of its own, which writes the vendors' wires over loopback.

Run as `python -m backend.bench.stream_server`: the port stands on the first line of its output, and the end
of its input ends it. The model's name says what is wanted: `scripted-TOKENS-RATE`, a rate of 0 being as fast
as the socket takes it. `STREAM-NNN` anywhere in a request numbers the stream and has its tokens marked.
`GET /sent` tells when each token of the numbered streams was written, on the machine's monotonic clock.
"""

import asyncio
import contextlib
import re
import sys
import time

import msgspec

from backend.bench.stream_wire import WIRES, Wire, answer_tokens

MOST_STREAMS = 1_000
MOST_TOKENS = 20_000
_MODEL = re.compile(rb'"model":\s*"scripted-(\d{1,5})-(\d{1,4})"')
_STREAM = re.compile(rb"STREAM-(\d{3})")
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_NO_MODELS = b'{"data":[],"models":[]}'


class Sent(msgspec.Struct):
    """One numbered stream's tokens, each with the moment it was handed to the socket (`time.monotonic`)."""

    at: list[float]


class ModelServer:
    """Answers every request as its model's name says."""

    def __init__(self) -> None:
        self.sent: dict[int, Sent] = {}

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, kept alive between its requests."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                await self._answer(head.split(b" ", 2)[1].decode(), body, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # the client is done, or we are
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        wire = WIRES.get(path)
        if wire is None:
            told = {str(number): sent.at for number, sent in self.sent.items()}
            document = msgspec.json.encode(told) if path == "/sent" else _NO_MODELS
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(document), document)
            )
            await writer.drain()
            return
        asked, marked = _MODEL.search(body), _STREAM.search(body)
        count, rate = (int(asked[1]), int(asked[2])) if asked else (100, 0)
        stream = int(marked[1]) if marked else None
        tokens = answer_tokens(min(count, MOST_TOKENS), stream)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
            % wire.content_type.encode()
        )
        if wire.opening:
            writer.write(_chunk(wire.opening))
        if rate:
            await self._paced(wire, tokens, rate, stream, writer)
        else:
            writer.write(b"".join(_chunk(wire.token(text)) for text in tokens))
        writer.write(_chunk(wire.closing(len(tokens))) + b"0\r\n\r\n")
        await writer.drain()

    async def _paced(
        self, wire: Wire, tokens: list[str], rate: int, stream: int | None, writer: asyncio.StreamWriter
    ) -> None:
        """Each token when it is due, counted from the first, so that no delay adds up."""
        sent = Sent([])
        if stream is not None and (stream in self.sent or len(self.sent) < MOST_STREAMS):
            self.sent[stream] = sent
        begun = time.monotonic()
        for place, text in enumerate(tokens):
            wait = begun + place / rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            sent.at.append(time.monotonic())
            writer.write(_chunk(wire.token(text)))
            await writer.drain()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def serve() -> None:
    """Serve until the input ends."""
    server = await asyncio.start_server(ModelServer().connection, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await asyncio.to_thread(sys.stdin.read)
        sys.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve())
