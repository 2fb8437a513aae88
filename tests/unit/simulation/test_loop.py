import asyncio
import time

import pytest

from backend.clock import LoopClock
from backend.simulation.loop import StandstillError, run_virtual


def test_a_day_passes_at_once() -> None:
    async def main() -> tuple[float, float]:
        clock = LoopClock(asyncio.get_running_loop())
        await asyncio.gather(clock.sleep(86_400), asyncio.sleep(3_600))
        return clock.mono(), clock.wall_ms() / 1000

    began = time.monotonic()
    mono, wall_s = run_virtual(main)
    assert mono == pytest.approx(86_400)
    assert wall_s == pytest.approx(1_767_225_600 + 86_400)
    assert time.monotonic() - began < 5


def test_timers_go_off_in_their_order_at_their_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []

        async def after(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, round(loop.time(), 9)))

        await asyncio.gather(after("c", 3), after("a", 0.1), after("b", 0.1), after("d", 2.5))
        return seen

    assert run_virtual(main) == [("a", 0.1), ("b", 0.1), ("d", 2.5), ("c", 3.0)]


def test_a_timeout_is_on_the_same_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(60)
        return asyncio.get_running_loop().time()

    assert run_virtual(main) == pytest.approx(30)


def test_what_would_go_to_a_thread_runs_where_it_stands() -> None:
    async def main() -> tuple[bool, str]:
        import threading

        here = threading.get_ident()
        there = await asyncio.to_thread(threading.get_ident)
        with pytest.raises(ValueError, match="no"):
            await asyncio.to_thread(int, "no")
        return here == there, "done"

    assert run_virtual(main) == (True, "done")


def test_a_world_in_which_nothing_can_happen_is_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(StandstillError, match="stands still"):
        run_virtual(main)
