"""Counts per second and per minute over the recent past."""


class Rate:
    """A ring of one-second counters over the last minute."""

    def __init__(self, seconds: int = 60) -> None:
        self._ring = [0] * seconds
        self._second = -1
        self._started = -1.0

    def add(self, now: float, count: int = 1) -> None:
        """Count `count` events at monotonic time `now` (s)."""
        self._turn(now)
        self._ring[self._second % len(self._ring)] += count

    def per_second(self, now: float, over: int = 10) -> float:
        """Events a second over the last `over` whole seconds (fewer just after the start)."""
        self._turn(now)
        over = min(over, len(self._ring) - 1)
        size = len(self._ring)
        total = sum(self._ring[(self._second - i) % size] for i in range(over))
        return total / max(1.0, min(float(over), now - self._started))

    def per_minute(self, now: float) -> float:
        """Events in the last minute, as they came."""
        self._turn(now)
        return float(sum(self._ring))

    def _turn(self, now: float) -> None:
        second = int(now)
        if self._second < 0:
            self._second, self._started = second, now
        for passed in range(self._second + 1, min(second, self._second + len(self._ring)) + 1):
            self._ring[passed % len(self._ring)] = 0
        self._second = max(self._second, second)
