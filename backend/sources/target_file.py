"""`file:///…` as a target of replay: one record a line, appended."""

import asyncio
import os
from collections.abc import Sequence

import msgspec

from backend.sources.base import SourceError
from backend.sources.options import SourceOptions
from backend.sources.uri import Address


class FileTarget:
    """Appends NDJSON to a file; a batch is confirmed when it is on the disk."""

    def __init__(self, address: Address, *, options: SourceOptions | None = None) -> None:
        """Prepare to write; nothing is opened yet."""
        del options
        self._path = address.path
        self._name = address.name
        self._fd: int | None = None

    async def open(self) -> None:
        """Open or create the file. Raises `SourceError` if that can't be done."""
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = await asyncio.to_thread(os.open, self._path, flags, 0o640)
        except OSError as error:
            raise SourceError(f"{self._name}: can't be written: {error.strerror or error}") from error

    async def send(self, records: Sequence[bytes]) -> None:
        """Append a batch. Raises `OSError` if the disk does not take it."""
        block = b"".join(one_line(record) + b"\n" for record in records)
        await asyncio.to_thread(self._write, block)

    async def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, None
        if fd is not None:
            await asyncio.to_thread(os.close, fd)

    def _write(self, block: bytes) -> None:
        if self._fd is None:
            raise SourceError(f"{self._name}: is not open")
        view = memoryview(block)
        while view:
            view = view[os.write(self._fd, view) :]
        os.fsync(self._fd)


def one_line(record: bytes) -> bytes:
    """A record as one line: JSON is written compactly; in anything else a line feed becomes a space."""
    stripped = record.strip(b"\r\n")
    if b"\n" not in stripped:
        return stripped
    try:
        return msgspec.json.format(stripped, indent=-1)
    except msgspec.DecodeError:
        return stripped.replace(b"\r\n", b" ").replace(b"\n", b" ")
