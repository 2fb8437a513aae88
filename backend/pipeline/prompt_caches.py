"""The models' prompt caches, warmed while alerts are enriched."""

from collections.abc import Awaitable, Callable, Mapping

from backend.analysis.entry import LedgerEntry
from backend.analysis.warming import CacheWarmer
from backend.lanes import LANES


class PromptCaches:
    """Knows which model each lane asks first and how many calls are about to start at once."""

    def __init__(self, warmers: Mapping[str, tuple[CacheWarmer, int]], at_work: Callable[[str], int]) -> None:
        """`warmers`: by lane, its first model's warmer and how many calls that model takes at once.

        `at_work`: how many alerts of a lane wait or are being worked on. A lane whose first model has no
        cache to be warmed is left out.
        """
        self._warmers = warmers
        self._at_work = at_work

    def begin(self, lane: str) -> Callable[[], Awaitable[None]] | None:
        """An alert of a lane is about to be enriched: warm its model's cache if that pays.

        What comes back is to be called and awaited before the model is asked; None where nothing is to be
        waited for. Critical alerts wait for nothing: a miss costs them less than a second does.
        """
        known = self._warmers.get(lane)
        if known is None:
            return None
        warmer, slots = known
        waiting = sum(self._at_work(other) for other in LANES if self._same_model(other, warmer))
        warmer.begin(lane, min(slots, waiting))
        return None if lane == "critical" else warmer.ready

    def booked(self, entry: LedgerEntry) -> None:
        """A call was entered in the ledger, or has settled."""
        for warmer in self._each():
            warmer.booked(entry)

    async def close(self) -> None:
        """Break off what is being warmed."""
        for warmer in self._each():
            await warmer.close()

    def _same_model(self, lane: str, warmer: CacheWarmer) -> bool:
        known = self._warmers.get(lane)
        return known is not None and known[0] is warmer

    def _each(self) -> set[CacheWarmer]:
        return {warmer for warmer, _ in self._warmers.values()}
