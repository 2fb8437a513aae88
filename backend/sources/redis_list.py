"""A Redis list as a reliable queue: moved into a list of our own, stored, then removed.

List items have no ids, so a position is made that survives a crash anywhere: the processing list only grows
at its end and is cut at its beginning, and a counter beside it says how many were cut. Item `i` of the
processing list is therefore record `taken + i`, for ever; cut and counter change in one transaction.
"""

import uuid
from collections.abc import Sequence
from typing import Any, cast

from redis.exceptions import WatchError

from backend.alerts.model import Record
from backend.clock import Clock
from backend.sources.base import Intake
from backend.sources.cancelling import raise_if_cancelled
from backend.sources.delivery import MAX_BYTES, MAX_RECORDS, deliver
from backend.sources.redis_peers import Peers
from backend.sources.redis_reader import Changed, KeyReader
from backend.sources.state import Tally
from backend.sources.uri import Address

BLOCK_S = 2.0
"""Longest blocking move; well under the socket's timeout, or an empty list would look like a dead server."""
FIRST_BATCH = 100
"""Items in the first batch; how large they are decides how many the next one takes."""

_STATE = ["owner", "epoch", "taken"]


class ListReader(KeyReader):
    """Reads one list. Producers that push on the left are read with `take=right`."""

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
        self._end = address.query.get("take", "left").upper()
        self._processing = f"{self._key}:{address.group}:{self._consumer}"
        self._state = f"{self._processing}:state"
        self._peers = Peers(self._redis, address, self._consumer, tally, away_s=claim_idle_s)
        self._token = uuid.uuid4().hex
        self._epoch = ""
        """Names one life of the counter; a new life is a new partition."""
        self._taken = 0
        """Number of the first record in the processing list."""
        self._batch = FIRST_BATCH

    def _impossible(self, answer: str) -> str:
        if "WRONGTYPE" in answer:
            return f"{self._key} is no list"
        return f"lists need Redis 6.2 or newer ({answer})" if "unknown command" in answer else ""

    @property
    def _partition(self) -> str:
        return f"{self._key}/{self._consumer}#{self._epoch}"

    async def _resume(self) -> None:
        """Take our processing list over and store what an earlier run left in it."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(self._state, "owner", self._token)
        pipeline.hmget(self._state, ["epoch", "taken"])
        pipeline.llen(self._processing)
        pipeline.llen(self._key)  # says at once if the key is no list
        _, (epoch, taken), length, _ = await pipeline.execute()
        if epoch is None:
            if self._epoch:
                self._tally.note(
                    f"the counter of {self._key} was gone (the server came back empty, or somebody deleted"
                    f" it): a gap is possible after record {self._taken}"
                )
            await self._begin(0)
        else:
            self._epoch, self._taken = epoch.decode("ascii"), int(taken or 0)
        stored = await self._intake.position(self._address.name, self._partition)
        if isinstance(stored, int) and stored > self._taken + length:
            # The server lost its last moments, so the same numbers would be given to other items.
            self._tally.note(
                f"{self._key}: the server came back with an older state; records near {stored} may come twice"
            )
            await self._begin(0)
            stored = None
        if isinstance(stored, int) and stored > self._taken:  # killed between the journal and the cut
            await self._cut(stored - self._taken)
        await self._peers.join()
        self._connected()
        while left := await self._left_over():
            await self._store(left)

    async def _begin(self, taken: int) -> None:
        self._epoch, self._taken = uuid.uuid4().hex[:16], taken
        await cast("Any", self._redis.hset(self._state, mapping={"epoch": self._epoch, "taken": str(taken)}))

    async def _left_over(self) -> list[bytes]:
        """The first items of the processing list."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hmget(self._state, _STATE)
        pipeline.lrange(self._processing, 0, self._batch - 1)
        state, items = await pipeline.execute()
        self._check(state)
        return list(items)

    async def _turn(self) -> None:
        if self._due():
            await self._measure()
        if items := await self._next():
            self._tally.caught_up = False
            await self._store(items)

    async def _next(self) -> list[bytes]:
        """Move items to the end of the processing list; what is then at its beginning."""
        waiting: int = await cast("Any", self._redis.llen(self._key))
        if not waiting:
            block: Any = min(BLOCK_S, max(0.05, self._measure_at - self._clock.mono()))
            moved: Any = await cast(
                "Any", self._redis.blmove(self._key, self._processing, block, self._end, "RIGHT")
            )
            return [] if moved is None else await self._left_over()
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hmget(self._state, _STATE)
        pipeline.llen(self._processing)
        for _ in range(min(waiting, self._batch)):
            pipeline.lmove(self._key, self._processing, self._end, "RIGHT")
        state, before, *items = await pipeline.execute()
        self._check(state)
        # Something before ours: a worker of the same name moved it there, so what we moved is not the first.
        return await self._left_over() if before else [item for item in items if item is not None]

    def _check(self, state: Sequence[bytes | None]) -> None:
        """See that the processing list is still ours, and numbered as we know it.

        Raises:
            SourceError: another worker owns it now.
            Changed: it was reset, so our numbers are not its numbers.
        """
        owner, epoch, taken = ((value or b"").decode("utf-8", "replace") for value in state)
        if owner and owner != self._token:
            raise self._hopeless(
                f"another worker reads as {self._consumer}; give each worker a consumer= of its own"
            )
        if (epoch, taken) != (self._epoch, str(self._taken)):
            raise Changed("the server lost our counter, or somebody changed it; looking again")

    async def _store(self, items: Sequence[bytes]) -> None:
        """Deliver the first items of the processing list, then cut them off."""
        raise_if_cancelled()  # the intake may keep us waiting for long
        now = self._clock.wall_ms()
        partition, source = self._partition, self._address.name
        records = [
            Record(source, partition, number, data, now, number + 1)
            for number, data in enumerate(items, self._taken)
        ]
        await deliver(self._intake, records, self._tally, self._clock)
        await self._cut(len(items))
        mean = max(1, sum(map(len, items)) // len(items))
        self._batch = max(1, min(MAX_RECORDS, 2 * MAX_BYTES // mean))

    async def _cut(self, count: int) -> None:
        """Remove the first `count` items, if the list is still as we know it (see `_check`)."""
        async with self._redis.pipeline(transaction=True) as opened:
            pipeline: Any = opened
            await pipeline.watch(self._state)
            self._check(await pipeline.hmget(self._state, _STATE))
            pipeline.multi()
            pipeline.ltrim(self._processing, count, -1)
            pipeline.hincrby(self._state, "taken", count)
            try:
                await pipeline.execute()
            except WatchError:
                raise Changed("changed by somebody else") from None
        self._taken += count

    async def _measure(self) -> None:
        """Ask what waits, here and in the processing lists of workers that are gone."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.llen(self._key)
        pipeline.llen(self._processing)
        waiting, ours = await pipeline.execute()
        await self._peers.look()
        self._tally.lag = waiting + ours
        self._tally.caught_up = not self._tally.lag
        self._tally.say("lagging" if self._tally.lag else "live")
