"""How fast one model may be called: its own limits, what its vendor still grants, and how often to ask again.

Everything here counts on the time it is handed (seconds of `Clock.mono`) and waits for nothing itself, so one
gate serves every lane and a simulation alike. aiolimiter does the same on the event loop's own time, which is
not ours to bend.
"""

from typing import Literal, NamedTuple

from backend.providers.base import RateLimits, Window

MINUTE_S = 60.0
RESERVE = 0.1
"""Share of a limit that only the critical lane may draw: as with slots, the last of it is for the urgent."""
RETRY_SHARE = 0.1
"""Retries a call earns: a vendor in trouble is asked at most a tenth more often than one that is well."""
RETRY_FLOOR = 3.0
"""Retries a model starts with, so that the first calls of a day may be tried again too."""
REPAIR_SHARE = 0.25
"""Repairs a call earns. A model that never keeps to the form so costs a quarter more, not twice as much."""
REPAIR_FLOOR = 10.0
PACE_WEIGHT = 0.1
PACE_MOST_S = 10.0
"""A lane with more time left than this always asks: else one slow hour could close a model to it for good."""
HOLD_MAX_S = 60.0
"""Longest time a vendor's word alone holds calls back; after it one call finds out anew."""


class Bucket:
    """A token bucket as vendors keep them: full at first, filling evenly, drawn down by each call.

    It may be drawn below nothing: the debt is the time the call has to wait, and later calls wait behind it.
    """

    def __init__(self, capacity: float, period_s: float = MINUTE_S) -> None:
        """`capacity` is what may be drawn at once and what `period_s` seconds bring back."""
        self.capacity = capacity
        self._rate = capacity / period_s
        self._level = capacity
        self._at = 0.0

    def wait_s(self, now: float, amount: float, *, keep: float = 0.0) -> float:
        """Seconds until `amount` can be drawn with a share `keep` of the capacity left behind.

        More than the bucket ever holds is taken for all that it holds.
        """
        self._fill(now)
        needed = min(amount + keep * self.capacity, self.capacity)
        return max(0.0, (needed - self._level) / self._rate) if needed > self._level else 0.0

    def left(self, now: float) -> tuple[float, float]:
        """What could be drawn at once, and what a second brings back."""
        self._fill(now)
        return max(0.0, self._level), self._rate

    def draw(self, now: float, amount: float) -> None:
        """Take `amount`; a negative one gives back."""
        self._fill(now)
        self._level = min(self.capacity, self._level - min(amount, self.capacity))

    def tell(self, now: float, window: Window) -> None:
        """Take over what the vendor says is left, how much there is, and when it is full again."""
        self._fill(now)
        if window.limit > 0:
            self.capacity = float(window.limit)
        self._level = float(min(window.remaining, self.capacity))
        missing = self.capacity - self._level
        if window.reset_s > 0 and missing > 0:
            self._rate = missing / min(window.reset_s, MINUTE_S * 60)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self.capacity, self._level + (now - self._at) * self._rate)
            self._at = now


What = Literal["requests", "tokens"]
By = Literal["config", "vendor"]


class Left(NamedTuple):
    """One limit as it stands: of what, who says so, what is left, what a second brings back, the whole."""

    what: What
    by: By
    left: float
    per_s: float
    of: float


class Earned:
    """Extra calls that ordinary ones earn: a share of them, and a floor to begin with."""

    def __init__(self, share: float, floor: float) -> None:
        """Each call earns `share`; `floor` is there from the start and the most that is saved up."""
        self._share = share
        self._most = self._left = floor

    def earn(self) -> None:
        """An ordinary call was made."""
        self._left = min(self._most, self._left + self._share)

    @property
    def left(self) -> bool:
        """One may be spent."""
        return self._left > 1.0 - 1e-9  # ten tenths are one

    def spend(self) -> bool:
        """Spend one; False where none is left."""
        if not self.left:
            return False
        self._left -= 1.0
        return True


class Pace:
    """How long a model usually takes for a whole answer: a mean in which the last ten count most."""

    def __init__(self) -> None:
        self._mean_s = 0.0

    def took(self, seconds: float) -> None:
        """A call was answered in full after so long."""
        self._mean_s = seconds if not self._mean_s else self._mean_s + PACE_WEIGHT * (seconds - self._mean_s)

    @property
    def mean_s(self) -> float | None:
        """Seconds of an answer; None where none was timed yet."""
        return self._mean_s or None

    @property
    def enough_s(self) -> float:
        """With less time than this expect no answer: a tenth over the mean, at most `PACE_MOST_S`."""
        return min(self._mean_s * 1.1, PACE_MOST_S)


class Gate:
    """What stands before one model's calls, shared by all lanes."""

    def __init__(
        self, *, requests_per_minute: int | None = None, tokens_per_minute: int | None = None
    ) -> None:
        """The configured limits; None is none. Vendors' own are learned from their answers."""
        self._requests = [Bucket(requests_per_minute)] if requests_per_minute else []
        self._tokens = [Bucket(tokens_per_minute)] if tokens_per_minute else []
        self._vendor_requests: Bucket | None = None
        self._vendor_tokens: Bucket | None = None
        self._held_until = 0.0
        self.pace = Pace()
        self.retries = Earned(RETRY_SHARE, RETRY_FLOOR)
        self.repairs = Earned(REPAIR_SHARE, REPAIR_FLOOR)

    def wait_s(self, now: float, tokens: int, *, urgent: bool) -> float:
        """Seconds until a call of about `tokens` may be sent; 0 is now. `urgent` ones may use the reserve."""
        keep = 0.0 if urgent else RESERVE
        waits = [bucket.wait_s(now, 1.0, keep=keep) for bucket in self._all_requests()]
        waits += [bucket.wait_s(now, tokens, keep=keep) for bucket in self._all_tokens()]
        return max([0.0, self._held_until - now, *waits])

    def draw(self, now: float, tokens: int) -> None:
        """A call of about `tokens` takes its turn, now or after the wait that was asked for."""
        for bucket in self._all_requests():
            bucket.draw(now, 1.0)
        for bucket in self._all_tokens():
            bucket.draw(now, tokens)

    def undo(self, now: float, tokens: int) -> None:
        """The call was not made after all."""
        for bucket in self._all_requests():
            bucket.draw(now, -1.0)
        for bucket in self._all_tokens():
            bucket.draw(now, -tokens)

    def settle(self, now: float, *, drawn: int, used: int, limits: RateLimits | None) -> None:
        """The call has ended: it used `used` tokens, and the vendor may have said what is left."""
        for bucket in self._tokens:
            bucket.draw(now, used - drawn)
        if limits is None:
            return
        self._vendor_requests = _told(self._vendor_requests, now, limits.requests)
        self._vendor_tokens = _told(self._vendor_tokens, now, limits.tokens)

    def left(self, now: float) -> list[Left]:
        """All its limits as they stand."""
        buckets: list[tuple[What, By, Bucket | None]] = [
            *(("requests", "config", one) for one in self._requests),
            *(("tokens", "config", one) for one in self._tokens),
            ("requests", "vendor", self._vendor_requests),
            ("tokens", "vendor", self._vendor_tokens),
        ]
        return [
            Left(what, by, *bucket.left(now), bucket.capacity)
            for what, by, bucket in buckets
            if bucket is not None
        ]

    def hold(self, now: float, seconds: float) -> None:
        """The vendor asked for a pause: nobody calls before it is over."""
        self._held_until = max(self._held_until, now + min(seconds, HOLD_MAX_S))

    def _all_requests(self) -> list[Bucket]:
        return self._requests if self._vendor_requests is None else [*self._requests, self._vendor_requests]

    def _all_tokens(self) -> list[Bucket]:
        return self._tokens if self._vendor_tokens is None else [*self._tokens, self._vendor_tokens]


def _told(bucket: Bucket | None, now: float, window: Window | None) -> Bucket | None:
    if window is None or (window.limit <= 0 and bucket is None):
        return bucket
    if bucket is None:
        bucket = Bucket(float(window.limit))
    bucket.tell(now, window)
    return bucket
