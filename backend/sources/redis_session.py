"""One Redis stream through its connections: pending entries first, then new ones, stored before acknowledged.

Imported when a Redis source first runs, off the event loop.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from backend.alerts.model import Record
from backend.clock import Clock
from backend.sources.base import Intake
from backend.sources.cancelling import raise_if_cancelled
from backend.sources.delivery import MAX_RECORDS, deliver
from backend.sources.redis_entries import Entry, before, entries, order, record_bytes
from backend.sources.redis_reader import KeyReader
from backend.sources.state import Tally
from backend.sources.uri import Address

BLOCK_MS = 2_000
"""Longest blocking read; well under the socket's timeout, or a quiet stream would look like a dead server."""
DELIVERY_LIMIT = 10
"""Deliveries after which an entry never acknowledged is left alone: it may be what kills its readers."""


class StreamReader(KeyReader):
    """Reads one stream as a consumer of its group."""

    def __init__(
        self,
        address: Address,
        settings: dict[str, Any],
        intake: Intake,
        tally: Tally,
        clock: Clock,
        *,
        claim_idle_s: float,
    ) -> None:
        """See `KeyReader`."""
        super().__init__(address, settings, intake, tally, clock, claim_idle_s=claim_idle_s)
        self._group = address.group
        self._had_group = False
        self._floor: str | None = None
        """Id before the oldest entry that anybody in the group still owes; None before the first look."""
        self._last_read = "0-0"
        self._left_alone: set[str] = set()
        self._claim_at = 0.0

    async def _resume(self) -> None:
        await self._ensure_group()
        await self._own_pending()

    def _impossible(self, answer: str) -> str:
        return f"{self._key} is no stream" if answer.startswith("WRONGTYPE") else ""

    async def _turn(self) -> None:
        now = self._clock.mono()
        try:
            if now >= self._claim_at:
                self._claim_at = now + self._claim_idle_s / 2
                await self._claim()
            if self._due():
                await self._measure()
            block = min(BLOCK_MS, max(1, int((self._measure_at - now) * 1000)))
            reply = await self._read(">", block_ms=block)
            if reply:
                self._last_read = max(self._last_read, reply[-1][0], key=order)
                self._tally.caught_up = False
                await self._store(reply)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._ensure_group()

    async def _read(self, after: str, block_ms: int | None = None) -> list[Entry]:
        reply: Any = await self._redis.xreadgroup(
            self._group, self._consumer, {self._key: after}, count=MAX_RECORDS, block=block_ms
        )
        found = reply.get(self._key.encode(), []) if isinstance(reply, dict) else reply[0][1] if reply else []
        if isinstance(reply, dict) and found:
            found = found[0]
        return entries(found)

    async def _ensure_group(self) -> None:
        """Create the group where it is missing; one that we had and is gone is a possible gap, and said."""
        start = self._floor or await self._intake.position(self._address.name, self._key) or "0"
        try:
            await self._redis.xgroup_create(self._key, self._group, id=str(start), mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        else:
            if self._had_group:
                self._tally.note(
                    f"the group {self._group} was gone (server came back empty, or somebody deleted it):"
                    f" created again after {start}; a gap is possible: entries added after {self._last_read}"
                    " and lost with the server can't be known"
                )
            elif start != "0":
                self._tally.note(
                    f"the group {self._group} did not exist: created after {start}, where the journal stands"
                )
        self._had_group = True
        self._connected()

    async def _own_pending(self) -> None:
        """What an earlier run of this consumer was given and did not acknowledge."""
        after = "0"
        while reply := await self._read(after):
            after = reply[-1][0]
            await self._store(await self._without_poison(reply))

    async def _claim(self) -> None:
        """Take over what consumers that are gone were given and did not acknowledge."""
        cursor = "0-0"
        while True:
            reply = await self._redis.xautoclaim(
                self._key,
                self._group,
                self._consumer,
                min_idle_time=int(self._claim_idle_s * 1000),
                start_id=cursor,
                count=MAX_RECORDS,
            )
            claimed = entries(reply[1])
            if claimed:
                await self._store(await self._without_poison(claimed))
            cursor = reply[0].decode("ascii") if isinstance(reply[0], bytes) else str(reply[0])
            if cursor == "0-0":
                return

    async def _without_poison(self, handed: list[Entry]) -> list[Entry]:
        """Leave out entries handed out too often to be harmless; they stay pending, and are said."""
        details: Any = await self._redis.xpending_range(
            self._key,
            self._group,
            min=handed[0][0],
            max=handed[-1][0],
            count=MAX_RECORDS,
            consumername=self._consumer,
        )
        often = {d["message_id"].decode("ascii") for d in details if d["times_delivered"] > DELIVERY_LIMIT}
        self._left_alone |= often & {ident for ident, _ in handed}
        if self._left_alone:
            self._tally.note(
                f"{len(self._left_alone)} entries were handed out over {DELIVERY_LIMIT} times and never"
                f" acknowledged: left pending, see XPENDING {self._key} {self._group}"
            )
        return [entry for entry in handed if entry[0] not in often]

    async def _store(self, handed: Sequence[Entry]) -> None:
        """Deliver entries, then acknowledge them."""
        if not handed:
            return
        raise_if_cancelled()  # the intake may keep us waiting for long
        now = self._clock.wall_ms()
        records = [
            Record(self._address.name, self._key, ident, record_bytes(fields), now, ident)
            for ident, fields in handed
            if fields
        ]
        idents: list[Any] = [ident for ident, _ in handed]
        if deleted := len(handed) - len(records):
            self._tally.note(f"gap of {deleted} records: the stream was trimmed before they were read")
        delivering = asyncio.create_task(deliver(self._intake, records, self._tally, self._clock))
        try:
            while not (await asyncio.wait({delivering}, timeout=self._claim_idle_s / 3))[0]:
                # Still ours: without this, others would take a patient consumer for a dead one.
                await self._redis.xclaim(self._key, self._group, self._consumer, 0, idents, justid=True)
            await delivering
        finally:
            if not delivering.done():
                delivering.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await delivering
        await self._redis.xack(self._key, self._group, *idents)

    async def _measure(self) -> None:
        """Ask what waits: entries never handed out, and those handed out and still owed."""
        groups: Any = await self._redis.xinfo_groups(self._key)
        group = next((g for g in groups if g["name"] == self._group.encode()), None)
        if group is None:
            await self._ensure_group()
            return
        last = group["last-delivered-id"].decode("ascii")
        pending = int(group["pending"])
        lag = group.get("lag")
        if lag is None:  # Redis before 7, or entries deleted from the middle
            ahead: Any = await self._redis.xrange(self._key, min=f"({last}", count=MAX_RECORDS + 1)
            lag = len(ahead) if len(ahead) <= MAX_RECORDS else None
        summary: Any = await self._redis.xpending(self._key, self._group)
        self._floor = before(summary["min"].decode("ascii")) if pending and summary["min"] else last
        owed = max(0, pending - len(self._left_alone))
        self._tally.lag = None if lag is None else int(lag) + owed
        self._tally.caught_up = lag == 0 and owed == 0
        self._tally.say("live" if self._tally.lag == 0 else "lagging")
