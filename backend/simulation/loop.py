"""An asyncio event loop whose time is virtual: when nothing is ready, it jumps to the next timer.

Everything that runs on it, `asyncio.sleep` and `asyncio.timeout` included, takes no real time beyond its own
computing. There are no threads and no I/O: what would go to a thread is run where it stands, and a loop on
which nothing can ever happen again is an error instead of a hang. With the same inputs it takes the same
course each time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")

RESOLUTION_S = 1e-9
"""Timers within this of one another fall together; the same on every machine."""


class StandstillError(RuntimeError):
    """Every task waits, and no timer is set: nothing could ever happen again."""


class _Selector(selectors.BaseSelector):
    """Waits for nothing real: a wait moves the loop's time forward."""

    def __init__(self) -> None:
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self.now = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - as in the base class
        """Take note of a file; it is never ready."""
        key = selectors.SelectorKey(fileobj, int(fileobj), events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - as in the base class
        """Forget a file."""
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let `timeout` seconds pass at once.

        Raises:
            StandstillError: it would wait for ever.
        """
        if timeout is None:
            raise StandstillError("the simulation stands still: every task waits and no timer is set")
        self.now += max(0.0, timeout)
        return []

    def get_map(self) -> Any:  # noqa: ANN401 - as in the base class
        """The files that were registered."""
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its time begins at 0 and is its own."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual.now

    def run_in_executor(  # type: ignore[override]  # the base class promises less than a future
        self,
        executor: Executor | None,
        func: Callable[..., T],
        *args: Any,  # noqa: ANN401 - as in the base class
    ) -> "asyncio.Future[T]":
        """Run `func` here and now: a thread would make the course of things depend on the machine."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # it belongs to whoever awaits the future
            future.set_exception(error)
        return future

    def _write_to_self(self) -> None:
        """Nothing sleeps in this loop, so nobody has to be woken."""


def run_virtual(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main()` to its end on a loop of its own.

    Raises what it raises, and `StandstillError` where it would wait for ever.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
