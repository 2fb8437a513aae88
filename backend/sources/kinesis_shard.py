"""One Kinesis shard, from where the journal stands to its end, if it has one."""

from typing import Any

from backend.alerts.model import Record
from backend.clock import Clock
from backend.sources.backoff import Backoff
from backend.sources.base import Intake
from backend.sources.delivery import deliver
from backend.sources.kinesis_client import KinesisClient, KinesisError
from backend.sources.state import Tally

LIMIT = 1_000
"""Records a call; of large ones Kinesis gives at most 10 MB."""
BUSY_S = 0.2
"""Between two calls that bring records: a shard answers five a second."""
IDLE_S = 0.5
"""Between two calls that bring nothing; the rest of the five a second is for others who read the stream."""


class Shard:
    """Reads one shard. Partition is the shard's id, offset the sequence number, which is unique in it."""

    def __init__(
        self,
        ident: str,
        parents: frozenset[str],
        *,
        source: str,
        client: KinesisClient,
        intake: Intake,
        tally: Tally,
        clock: Clock,
    ) -> None:
        self.ident = ident
        self.parents = parents
        """Shards it was split or merged from: their records come first."""
        self.closed = False
        """The stream says that nothing will be added to it."""
        self.done = False
        """It is closed, and the journal holds all of it."""
        self.behind_ms: int | None = None
        """How old the next record is, as Kinesis says; 0 at the tip, None before the first answer."""
        self.trouble: KinesisError | None = None
        """Why the last call failed, while it is tried again."""
        self._source = source
        self._client = client
        self._intake = intake
        self._tally = tally
        self._clock = clock
        self._last: str | None = None
        """Sequence number of the last record that the journal holds."""

    async def run(self) -> None:
        """Read to the end of a closed shard, or for ever.

        Raises:
            KinesisError: asking again can't help.
            JournalError: the journal can't tell where to go on.
        """
        position = await self._intake.position(self._source, self.ident)
        self._last = None if position is None else str(position)
        iterator = await self._iterator()
        while iterator is not None:
            began, closed = self._clock.mono(), self.closed
            try:
                answer = await self._ask("get_records", ShardIterator=iterator, Limit=LIMIT)
            except KinesisError as error:
                if error.meaning != "expired":
                    raise
                # Five minutes without room: the place is ours to remember, not the iterator's.
                iterator = await self._iterator()
                continue
            if answer["Records"]:
                await self._store(answer["Records"])
            self.behind_ms = answer.get("MillisBehindLatest", 0)
            iterator = answer.get("NextShardIterator")
            if closed and not answer["Records"] and self.behind_ms == 0:
                break  # Kinesis says so by giving no next iterator; not all that speak its protocol do
            pause = BUSY_S if answer["Records"] else IDLE_S
            if iterator is not None:
                await self._clock.sleep(max(0.0, pause - (self._clock.mono() - began)))
        self.done = True

    async def _store(self, found: list[dict[str, Any]]) -> None:
        self._tally.caught_up = False
        now = self._clock.wall_ms()
        records = [
            Record(
                self._source,
                self.ident,
                record["SequenceNumber"],
                record["Data"],
                now,
                record["SequenceNumber"],
                record["PartitionKey"].encode("utf-8", "surrogatepass"),
            )
            for record in found
        ]
        await deliver(self._intake, records, self._tally, self._clock)
        self._last = found[-1]["SequenceNumber"]

    async def _iterator(self) -> str | None:
        """A place to read from: after the last stored record, else the oldest that the stream keeps."""
        where: dict[str, str] = {"StreamName": self._client.stream, "ShardId": self.ident}
        if self._last is not None:
            after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._last}
            try:
                return self._named(await self._ask("get_shard_iterator", **where, **after))
            except KinesisError as error:
                if error.meaning != "invalid":
                    raise
                self._tally.note(
                    f"{self.ident}: the stream does not know record {self._last} (was it created anew?):"
                    " read from its beginning; a gap is possible"
                )
        return self._named(await self._ask("get_shard_iterator", **where, ShardIteratorType="TRIM_HORIZON"))

    @staticmethod
    def _named(answer: dict[str, Any]) -> str | None:
        found: str | None = answer.get("ShardIterator")
        return found

    async def _ask(self, operation: str, **arguments: object) -> dict[str, Any]:
        """Call until there is an answer. Raises `KinesisError` for what time does not mend."""
        backoff = Backoff(base_s=0.4, cap_s=10.0)
        while True:
            try:
                answer = await self._client.call(operation, **arguments)
            except KinesisError as error:
                if error.meaning not in ("throttled", "away"):
                    self.trouble = None
                    raise
                self.trouble = error
                await self._clock.sleep(backoff.next_s())
            else:
                self.trouble = None
                return answer
