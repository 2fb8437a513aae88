"""A time limit on each step of a stream that costs next to nothing a step.

`asyncio.timeout` around every step makes and cancels a timer each time, 8 µs, as much as ollama's SDK takes
for half a token. Here one task sleeps until the limit that was set last, and looks again when it wakes; a
step only notes by when it must be done.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from backend.clock import Clock

ItemT = TypeVar("ItemT")


class LimitReachedError(Exception):
    """A step was not done in time; it has been cancelled."""


class Watchdog(Generic[ItemT]):
    """Takes steps of one iterator, each within a limit of its own. For one consumer at a time."""

    def __init__(self, items: AsyncIterator[ItemT], clock: Clock) -> None:
        """Watch over `items`; nothing is started before the first step."""
        self._items = items
        self._clock = clock
        self._due = 0.0
        self._wakes = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._stepping: asyncio.Task[object] | None = None
        self._bitten = False

    async def step(self, seconds: float) -> ItemT:
        """The next item, if it comes within `seconds`.

        Raises `LimitReachedError` otherwise, and what the iterator raises. A cancellation from elsewhere
        stays one, also when it falls together with the limit.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task here
        cancelling = task.cancelling()
        self._due = self._clock.mono() + seconds
        if self._watch is None or self._due < self._wakes:
            self._start()
        self._stepping = task
        try:
            item = await anext(self._items)
        except BaseException as exc:
            if not self._bitten:
                raise
            if task.uncancel() > cancelling and isinstance(exc, asyncio.CancelledError):
                raise
            self._bitten = False
            raise LimitReachedError from exc
        finally:
            self._stepping = None
        if self._bitten:  # the iterator swallowed the cancellation and had an item after all
            self._bitten = False
            task.uncancel()
        return item

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _start(self) -> None:
        self.close()
        self._watch = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while (left := self._due - self._clock.mono()) > 0:
            self._wakes = self._due
            await self._clock.sleep(left)
        self._watch = None
        # Between two steps it is the consumer who takes its time: the next step sets a limit anew.
        if self._stepping is not None:
            self._bitten = True
            self._stepping.cancel()
