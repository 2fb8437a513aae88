"""Latency histograms: logarithmic buckets in a plain list, a ring of them for "the last minutes"."""

import itertools
import math
from collections import deque

_PER_LOG = 31.7
"""Buckets per unit of natural logarithm: neighbours differ by 3.2 %, so a reading errs by at most 1.6 %."""
_BUCKETS = int(math.log(3_600_000_000) * _PER_LOG) + 2
"""One microsecond up to an hour; what is longer counts as an hour."""


class Histogram:
    """Counts durations in milliseconds, from a microsecond to an hour."""

    __slots__ = ("_counts", "count", "max_ms", "total_ms")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        self.total_ms = 0.0
        self.max_ms = 0.0

    def record(self, ms: float, times: int = 1) -> None:
        """Count a duration, `times` times."""
        micros = ms * 1000.0
        index = int(math.log(micros) * _PER_LOG) + 1 if micros > 1.0 else 0
        self._counts[index if index < _BUCKETS else _BUCKETS - 1] += times
        self.count += times
        self.total_ms += ms * times
        self.max_ms = max(self.max_ms, ms)

    def quantile(self, q: float) -> float | None:
        """The duration in ms that a share `q` (0 to 1) of those counted does not exceed; None if none was."""
        if not self.count:
            return None
        wanted = max(1, math.ceil(q * self.count))
        for index, seen in enumerate(itertools.accumulate(self._counts)):
            if seen >= wanted:
                middle = math.exp((index - 0.5) / _PER_LOG) / 1000.0 if index else 0.001
                return min(middle, self.max_ms)
        return self.max_ms

    def subtract(self, other: "Histogram") -> None:
        """Forget what `other` counted; the maximum stays."""
        if other.count:
            self._counts = [mine - its for mine, its in zip(self._counts, other._counts, strict=True)]
            self.count -= other.count
            self.total_ms -= other.total_ms


class Window:
    """A histogram over the recent past: a ring of short ones, the oldest of which is forgotten."""

    def __init__(self, *, step_s: float = 10.0, steps: int = 12) -> None:
        """Remember `steps` spans of `step_s` seconds: two minutes unless told otherwise."""
        self._step_s = step_s
        self._ring = [Histogram() for _ in range(steps)]
        self._all = Histogram()
        self._trend: deque[float] = deque([0.0] * steps, maxlen=steps)
        self._span = -1

    def record(self, now: float, ms: float, times: int = 1) -> None:
        """Count a duration at monotonic time `now` (s)."""
        self._turn(now)
        self._ring[self._span % len(self._ring)].record(ms, times)
        self._all.record(ms, times)

    def quantile(self, now: float, q: float) -> float | None:
        """The quantile of what is remembered at `now`, in ms."""
        self._turn(now)
        return self._all.quantile(q)

    def count(self, now: float) -> int:
        """How many durations are remembered."""
        self._turn(now)
        return self._all.count

    def trend(self, now: float) -> tuple[float, ...]:
        """p99 of each finished span, oldest first, 0 where there was nothing."""
        self._turn(now)
        return tuple(self._trend)

    def _turn(self, now: float) -> None:
        span = int(now / self._step_s)
        if span <= self._span:
            return
        size = len(self._ring)
        if self._span < 0:
            self._span = span
            return
        for passed in range(self._span, min(span, self._span + size)):
            self._trend.append(self._ring[passed % size].quantile(0.99) or 0.0)
            self._all.subtract(self._ring[(passed + 1) % size])
            self._ring[(passed + 1) % size] = Histogram()
        self._all.max_ms = max(h.max_ms for h in self._ring)
        self._span = span
