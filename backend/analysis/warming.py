"""Warming a model's prompt cache, where that costs less than letting every call write it.

The rule. A cold cache is written by each call that starts before the first of them has begun to answer. With
`n` calls about to start at once, writing at `w` and reading at `r` (Anthropic: 1.25 and 0.1 of the price of
fresh input), the prefix costs n·w as they are, and w + n·r with a warm-up of one token first that the others
wait for. So it pays from n = 2 on (2.5 against 1.45), and the more the better; for one call it never does,
and neither when the calls come one after the other, since the first then warms it for the next.
"""

import asyncio

from backend.analysis.call import Caller, Purpose, Rung
from backend.analysis.entry import LedgerEntry
from backend.clock import Clock
from backend.providers.base import Message, ModelRequest, Usage
from backend.providers.prices import cost_usd
from backend.providers.prompt_cache import TTL_S

WAIT_S = 2.0
"""Longest that a call waits for a warm-up: its first token comes in 0.5 to 1.5 s, and a miss is no harm."""
MARGIN_S = 15.0
"""Nearer than this to its end an entry counts as gone: the call it is for has yet to be sent."""
AGAIN_S = 30.0
"""Pause after a warm-up that came to nothing."""
_REQUEST = "ok"
_OVERHEAD = Usage(input_tokens=12, output_tokens=1)
"""What a warm-up costs beside the prefix: one word and what stands around it, and one token of answer."""


class CacheWarmer:
    """One model's prompt cache: whether it is warm, and one warm-up at a time. Used on one loop only."""

    def __init__(self, rung: Rung, caller: Caller, clock: Clock, prefix_tokens: int) -> None:
        """`rung` asks the model and holds the prefix (`system`), which is `prefix_tokens` long."""
        self._rung = rung
        self._caller = caller
        self._clock = clock
        self._tokens = prefix_tokens
        self._used: float | None = None
        self._not_before = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def warm(self) -> bool:
        """Whether the vendor still holds the prefix."""
        return self._used is not None and self._clock.mono() - self._used < TTL_S - MARGIN_S

    def booked(self, entry: LedgerEntry) -> None:
        """A call was settled: where it read or wrote the cache, the entry lives on from when it was sent."""
        if entry.model != self._rung.spec or not entry.settled:
            return
        if entry.usage.cache_read_tokens or entry.usage.cache_write_tokens:
            ago_s = max(0, self._clock.wall_ms() - entry.started_ms) / 1000
            self._used = max(self._used or 0.0, self._clock.mono() - ago_s)

    def pays(self, at_once: int) -> bool:
        """Whether a warm-up costs less than `at_once` calls that all write the prefix."""
        price = self._rung.price
        writing = cost_usd(price, Usage(cache_write_tokens=self._tokens))
        reading = cost_usd(price, Usage(cache_read_tokens=self._tokens))
        return writing + at_once * reading + cost_usd(price, _OVERHEAD) < at_once * writing

    def begin(self, lane: str, at_once: int) -> None:
        """Warm the cache if it is cold, nobody is at it, and it pays for `at_once` calls; returns at once."""
        if self._task is not None or self.warm or self._clock.mono() < self._not_before:
            return
        if self.pays(at_once):
            self._task = asyncio.get_running_loop().create_task(self._warm(lane), name="warm-cache")

    async def ready(self) -> None:
        """Wait for a warm-up that is under way, at most `WAIT_S`."""
        if self._task is None:
            return
        try:
            async with self._clock.timeout(WAIT_S):
                await asyncio.wait([self._task])
        except TimeoutError:
            return

    async def close(self) -> None:
        """Break off a warm-up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _warm(self, lane: str) -> None:
        request = ModelRequest(self._rung.system, (Message("user", _REQUEST),), max_tokens=1, hidden=True)
        purpose = Purpose(0, lane, None, "warm")
        began = self._clock.mono()
        try:
            result = await self._caller.call(
                self._rung, request, purpose, on_start=lambda: None, on_text=lambda _text: True
            )
            if result.usage.cache_read_tokens or result.usage.cache_write_tokens:
                self._used = began
            else:
                self._not_before = self._clock.mono() + AGAIN_S
        finally:
            self._task = None
