"""`kinesis://…` as a target of replay."""

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from backend.alerts.text import safe
from backend.clock import SystemClock
from backend.sources.backoff import Backoff
from backend.sources.base import SourceError
from backend.sources.kinesis_client import KinesisClient, KinesisError
from backend.sources.options import SourceOptions
from backend.sources.record_key import key_at
from backend.sources.uri import Address

MAX_RECORDS = 500
MAX_BYTES = 4_500_000
"""Limits of one PutRecords call (500 records, 5 MiB with keys), with room to spare."""
MAX_KEY = 256
SEND_TIMEOUT_S = 120.0
"""How long a batch is tried, in seconds."""


class KinesisTarget:
    """Puts records; `key=FIELD` (a dotted path) sends records with the same value to the same shard.

    Of a call that succeeds in part, what failed is sent again, so it may come after later records of its key.
    A call that got no answer is sent again whole: its records may then be there twice.
    """

    def __init__(self, address: Address, *, options: SourceOptions | None = None) -> None:
        """Prepare to send; nothing is imported or connected yet. Raises `SourceError` for bad settings."""
        self._name = address.name
        self._key_path = address.query.get("key", "").split(".") if "key" in address.query else []
        self._client = KinesisClient(address, options or SourceOptions())
        self._clock = SystemClock()

    async def open(self) -> None:
        """Connect. Raises `SourceError` if Kinesis can't be reached or has no such stream."""
        try:
            await self._client.open()
            await self._client.call("describe_stream_summary", StreamName=self._client.stream)
        except (SourceError, KinesisError) as error:
            self._client.close()
            raise SourceError(safe(f"{self._name}: {error}")) from error

    async def send(self, records: Sequence[bytes]) -> None:
        """Put a batch, and again what was not taken. Raises `SourceError` if that does not end well."""
        for entries in _calls([self._entry(record) for record in records]):
            await self._put(entries)

    async def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def _entry(self, record: bytes) -> dict[str, Any]:
        key = key_at(record, self._key_path)
        text = uuid.uuid4().hex if not key else key.decode("utf-8", "replace")[:MAX_KEY]
        return {"Data": record, "PartitionKey": text}

    async def _put(self, entries: list[dict[str, Any]]) -> None:
        backoff = Backoff(base_s=0.2, cap_s=5.0)
        due = time.monotonic() + SEND_TIMEOUT_S
        while True:
            try:
                answer = await self._client.call(
                    "put_records", StreamName=self._client.stream, Records=entries
                )
            except KinesisError as error:
                if error.meaning not in ("throttled", "away"):
                    raise SourceError(safe(f"{self._name} refuses: {error}")) from error
                reason = str(error)
            else:
                results = answer["Records"]
                failed = [result for result in results if result.get("ErrorCode")]
                if not failed:
                    return
                entries = [e for e, result in zip(entries, results, strict=True) if result.get("ErrorCode")]
                reason = f"{failed[0]['ErrorCode']}: {failed[0].get('ErrorMessage', '')}"
            delay = backoff.next_s()
            if time.monotonic() + delay > due:
                raise SourceError(safe(f"{self._name} did not take {len(entries)} records: {reason}"))
            await self._clock.sleep(delay)


def _calls(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut a batch into what one call may hold, in order."""
    call: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        length = len(entry["Data"]) + len(entry["PartitionKey"].encode())
        if call and (len(call) >= MAX_RECORDS or size + length > MAX_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += length
    if call:
        yield call
