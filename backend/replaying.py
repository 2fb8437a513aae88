"""Sending alerts from a file into a stream: for tests, trainings and demonstrations."""

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from backend.alerts.framing import Framer
from backend.alerts.model import ParsedAlert
from backend.alerts.recognise import Parser
from backend.journal.store import open_reader
from backend.sources.base import SourceError
from backend.sources.registry import SourceOptions, open_target

BLOCK = 1 << 20
BATCH = 500
MAX_GAP_S = 3600.0
"""Longest wait between two alerts in their own timing; longer gaps (nights, clock errors) are cut to it."""


class ReplayError(Exception):
    """The replay can't be done; the message says what, where and how to mend it, in one line."""


def documents(path: Path) -> Iterator[bytes]:
    """Every record of a file (gzip too), whole, in order.

    Raises:
        ReplayError: the file can't be read.
    """
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            handle = cast(BinaryIO, gzip.GzipFile(fileobj=plain)) if zipped else plain
            framer = Framer()
            while block := handle.read(BLOCK):
                for frame in framer.feed(block):
                    yield frame.data
            for frame in framer.finish():
                yield frame.data
    except (OSError, EOFError) as error:
        raise ReplayError(f"{path}: can't be read: {error}") from error


def dead_documents(home: Path, since_ms: int = 0) -> Iterator[bytes]:
    """The bytes of every dead letter in the journal, oldest first.

    Raises:
        JournalError: there is no journal.
    """
    reader = open_reader(home / "journal.db")
    try:
        for letter in reader.dead_letters(since_ms):
            yield letter.raw
    finally:
        reader.close()


async def replay(
    read: Callable[[], Iterator[bytes]],
    uri: str,
    *,
    rate: float | None = None,
    speed: float | None = None,
    loop: bool = False,
    options: SourceOptions | None = None,
    sent: Callable[[int], None] | None = None,
) -> int:
    """Send the records that `read` gives to `uri`, in order; returns how many the other side has confirmed.

    `rate` is records a second; `speed` a multiple of the alerts' own timing; neither sends as fast as it can.
    `sent` is told the count as it grows.

    Raises:
        ReplayError: file, address or connection can't be used.
    """
    try:
        target = open_target(uri, options=options)
        await target.open()
    except SourceError as error:
        raise ReplayError(str(error)) from error
    count = 0
    try:
        while True:
            before = count
            for batch, due_s in _batches(read, rate, speed):
                await _until(due_s)
                await target.send(batch)
                count += len(batch)
                if sent is not None:
                    sent(count)
            if not loop or count == before:
                return count
    except SourceError as error:
        raise ReplayError(f"after {count} records: {error}") from error
    finally:
        await target.close()


async def _until(due: float) -> None:
    wait = due - time.monotonic()
    if wait > 0:
        await asyncio.sleep(wait)


def _batches(
    read: Callable[[], Iterator[bytes]], rate: float | None, speed: float | None
) -> Iterator[tuple[list[bytes], float]]:
    """Records in batches, each with the monotonic time at which it is due."""
    start = time.monotonic()
    if speed is not None:
        yield from _in_own_time(read(), speed, start)
        return
    size = BATCH if rate is None else max(1, min(BATCH, int(rate / 20)))
    batch: list[bytes] = []
    done = 0
    for document in read():
        batch.append(document)
        if len(batch) >= size:
            yield batch, start + done / rate if rate is not None else start
            done += len(batch)
            batch = []
    if batch:
        yield batch, start + done / rate if rate is not None else start


def _in_own_time(records: Iterator[bytes], speed: float, start: float) -> Iterator[tuple[list[bytes], float]]:
    parser = Parser()
    due, last_ms = start, None
    for document in records:
        times = [p.head.time_ms for p in parser.parse(document, 0) if isinstance(p, ParsedAlert)]
        if times:
            if last_ms is not None:
                due += min(MAX_GAP_S, max(0, times[0] - last_ms) / 1000) / speed
            last_ms = max(times[0], last_ms or times[0])
        yield [document], due
