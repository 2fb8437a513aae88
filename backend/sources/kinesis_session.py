"""A Kinesis stream's shards: found, read side by side, and children only after their parents."""

import asyncio
from typing import Any

from backend.alerts.text import safe
from backend.clock import Clock
from backend.journal import JournalError
from backend.sources.base import Intake, SourceError
from backend.sources.kinesis_client import KinesisClient, KinesisError
from backend.sources.kinesis_shard import Shard
from backend.sources.state import Tally

DISCOVER_EVERY_S = 20.0
"""Between two looks for new shards; a shard that ends is followed by one at once."""
LOOK_S = 0.25


class KinesisSession:
    """Reads all shards of a stream until something breaks for good."""

    def __init__(
        self, source: str, client: KinesisClient, intake: Intake, tally: Tally, clock: Clock
    ) -> None:
        self.was_live = False
        """The stream was found, so the next failure is a new one."""
        self._source = source
        self._client = client
        self._intake = intake
        self._tally = tally
        self._clock = clock
        self._shards: dict[str, Shard] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._discover_at = 0.0
        self._discovery: KinesisError | None = None
        """Why the last look for shards failed."""

    async def run(self) -> str:
        """Read until that can't go on; returns why, in words.

        Raises:
            SourceError: there is no such stream, or Kinesis refuses the login.
        """
        try:
            await self._discover()
            self.was_live = True
            while True:
                self._start()
                self._say()
                await self._wait()
                if self._clock.mono() >= self._discover_at:
                    await self._discover()
        except KinesisError as error:
            words = self._words(error)
            if self.was_live or error.meaning in ("throttled", "away"):
                return words
            raise SourceError(safe(f"{self._source}: {words}")) from error
        except JournalError as error:
            return f"the journal can't tell where to go on: {error}"
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _discover(self) -> None:
        """List the shards. Raises `KinesisError`, once the stream was found only for what can't pass."""
        self._discover_at = self._clock.mono() + DISCOVER_EVERY_S
        try:
            listed = await self._list()
        except KinesisError as error:
            if not self.was_live or error.meaning not in ("throttled", "away"):
                raise
            self._discovery = error
            self._discover_at = self._clock.mono() + 1.0
            return
        self._discovery = None
        for ident in self._shards.keys() - listed.keys():  # older than the stream keeps
            if ident not in self._tasks:
                del self._shards[ident]
        for ident, (parents, closed) in listed.items():
            if ident not in self._shards:
                self._shards[ident] = Shard(
                    ident,
                    parents,
                    source=self._source,
                    client=self._client,
                    intake=self._intake,
                    tally=self._tally,
                    clock=self._clock,
                )
            self._shards[ident].closed = closed

    async def _list(self) -> dict[str, tuple[frozenset[str], bool]]:
        """Every shard that still has records or may get some: its parents, and whether it is closed."""
        found: dict[str, tuple[frozenset[str], bool]] = {}
        arguments: dict[str, Any] = {"StreamName": self._client.stream}
        while True:
            answer = await self._client.call("list_shards", **arguments)
            for shard in answer["Shards"]:
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
                found[shard["ShardId"]] = frozenset(parent for parent in parents if parent), closed
            if not answer.get("NextToken"):
                return found
            arguments = {"NextToken": answer["NextToken"]}

    def _start(self) -> None:
        """Begin with every shard whose parents are read to their ends: so the order of a key holds."""
        for ident, shard in self._shards.items():
            if ident in self._tasks or shard.done:
                continue
            if all(self._shards[p].done for p in shard.parents if p in self._shards):
                self._tasks[ident] = asyncio.create_task(shard.run(), name=ident)

    async def _wait(self) -> None:
        if not self._tasks:
            await self._clock.sleep(LOOK_S)
            return
        await asyncio.wait(self._tasks.values(), timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        for ident in [ident for ident, task in self._tasks.items() if task.done()]:
            task = self._tasks.pop(ident)
            self._discover_at = 0.0  # its children, if any, can be read now
            try:
                task.result()
            except KinesisError as error:
                if error.meaning != "missing":
                    raise
                await self._gone(ident, error)

    async def _gone(self, ident: str, error: KinesisError) -> None:
        """A shard was not found: it aged out of the stream, or the stream itself is gone."""
        if ident in await self._list():
            raise error
        self._shards[ident].done = True
        self._tally.note(f"{ident} is older than the stream keeps: a gap is possible at its end")

    def _say(self) -> None:
        shards = [shard for shard in self._shards.values() if not shard.done]
        troubles = [shard.trouble for shard in shards if shard.trouble is not None]
        troubles += [self._discovery] if self._discovery is not None else []
        behind = [shard.behind_ms for shard in shards]
        tip = all(ms == 0 for ms in behind) and all(shard.ident in self._tasks for shard in shards)
        self._tally.caught_up = tip and not troubles
        self._tally.lag = 0 if tip else None
        away = next((trouble for trouble in troubles if trouble.meaning == "away"), None)
        if away is not None:
            self._tally.say("reconnecting", f"{away}; trying again")
        elif troubles:
            self._tally.say("lagging", f"Kinesis throttles us ({troubles[0]}); reading on more slowly")
        elif tip:
            self._tally.say("live")
        else:
            oldest = max((ms for ms in behind if ms is not None), default=0)
            self._tally.say("lagging", f"{oldest / 1000:.0f} s behind the tip" if oldest else "")

    def _words(self, error: KinesisError) -> str:
        if error.meaning == "missing":
            return f"no stream {self._client.stream} there ({error}); create it, or mend region and name"
        if error.meaning == "refused":
            return f"Kinesis refuses the login ({error})"
        return str(error)
