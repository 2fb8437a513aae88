"""`kinesis://REGION/STREAM`: connecting, connecting again, and giving up only where waiting can't help."""

from backend.clock import Clock
from backend.sources.backoff import Backoff
from backend.sources.base import Intake, SourceStatus
from backend.sources.kinesis_client import KinesisClient
from backend.sources.kinesis_session import KinesisSession
from backend.sources.options import SourceOptions
from backend.sources.state import Tally
from backend.sources.uri import Address


class KinesisSource:
    """All shards of one stream; the journal is the checkpoint, so no table is needed beside the stream.

    Credentials: username and password of the config (access key id and secret), else where AWS's own tools
    look. One reader per stream: workers do not share a stream's shards.
    """

    def __init__(self, address: Address, *, clock: Clock, options: SourceOptions | None = None) -> None:
        """Prepare to read; nothing is imported or connected yet. Raises `SourceError` for bad settings."""
        self.name = address.name
        self._clock = clock
        self._tally = Tally(self.name, "kinesis", clock)
        self._client = KinesisClient(address, options or SourceOptions())

    def status(self) -> SourceStatus:
        """The state now."""
        return self._tally.snapshot()

    async def run(self, intake: Intake) -> None:
        """Read for ever, through every trouble that passes.

        Raises:
            SourceError: botocore is missing, there is no such stream, or the login is refused.
        """
        backoff = Backoff(base_s=0.5, cap_s=10.0)
        client = self._client
        found = False
        try:
            await client.open()
            while True:
                session = KinesisSession(self.name, client, intake, self._tally, self._clock)
                session.was_live = found
                reason = await session.run()
                if session.was_live:
                    backoff.reset()
                found = session.was_live
                delay = backoff.next_s()
                self._tally.caught_up = False
                self._tally.say("reconnecting", f"{reason}; trying again in {delay:.1f} s")
                await self._clock.sleep(delay)
        finally:
            client.close()
