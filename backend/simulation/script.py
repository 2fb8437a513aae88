"""A model by script, in process: how long it takes, what it grants, when it fails, what it costs.

It stands where a vendor's file stands, behind the same `ModelStream` and the same mapping of statuses to
outcomes, so that ladder, breaker, rates, slots and ledger cannot tell it from a vendor.
"""

import math
import random
from collections.abc import AsyncGenerator

import msgspec

from backend.analysis.estimate import estimate_tokens
from backend.analysis.rates import MINUTE_S, Bucket
from backend.clock import Clock
from backend.providers.base import ModelRequest, Outcome, RateLimits, Usage, Window
from backend.providers.outcomes import FailedError, from_status
from backend.providers.stream import ModelStream

FOR_EVER_S = 1e7


class Outage(msgspec.Struct, frozen=True):
    """A time in which the vendor does not answer."""

    from_s: float
    to_s: float
    kind: str = "503"
    """`503` refuses at once; `silence` takes the request and never says a word; `cut` breaks off after the
    first words."""


class Squeeze(msgspec.Struct, frozen=True):
    """A time in which the vendor grants fewer requests a minute than it did."""

    from_s: float
    to_s: float
    requests_per_minute: int


class Script(msgspec.Struct, frozen=True):
    """How a model behaves. Times are seconds of the simulation."""

    first_token_s: float = 0.5
    """Median time to the first text …"""
    spread: float = 0.0
    """… which is spread log-normally by this sigma. Public measurements of cloud models lie near 0.3."""
    tokens_per_s: float = 100.0
    answer_tokens: int = 150
    """Of one analysis: the verdict line and a short narrative. With the values above: 2 s in all."""
    max_concurrency: int = 8
    """Requests beyond it are turned away with 429."""
    requests_per_minute: int | None = None
    failure_share: float = 0.0
    """Of requests that end in a 529, at random."""
    usd_per_mtok_input: float = 3.0
    usd_per_mtok_output: float = 15.0
    outages: tuple[Outage, ...] = ()
    squeezes: tuple[Squeeze, ...] = ()

    @property
    def answer_s(self) -> float:
        """How long an answer takes, in the median."""
        return self.first_token_s + self.answer_tokens / self.tokens_per_s


class ScriptedModel:
    """A `Provider` that follows a script; counts what it was asked."""

    def __init__(self, name: str, script: Script, clock: Clock, rng: random.Random) -> None:
        """`rng` draws its latencies and failures."""
        self.provider = "scripted"
        self.model = name
        self.script = script
        self.clock = clock
        self.rng = rng
        self.busy = 0
        self.requests = 0
        """All that came …"""
        self.turned_away = 0
        """… of these by a rate limit …"""
        self.failed = 0
        """… and of these by an outage or by chance."""
        self.most_busy = 0
        self._bucket: Bucket | None = None

    def stream(self, request: ModelRequest) -> ModelStream:
        """See `Provider.stream`."""
        return ModelStream(_Call(self, request))

    async def close(self) -> None:
        """It has no connections."""

    def outage(self, now: float) -> Outage | None:
        """The outage that is on at `now`."""
        return next((one for one in self.script.outages if one.from_s <= now < one.to_s), None)

    def admitted(self, now: float) -> tuple[bool, RateLimits | None]:
        """Whether a request is granted by the rate limit in force, and what a vendor's headers would say."""
        squeeze = next((one for one in self.script.squeezes if one.from_s <= now < one.to_s), None)
        limit = squeeze.requests_per_minute if squeeze is not None else self.script.requests_per_minute
        if limit is None:
            self._bucket = None
            return True, None
        if self._bucket is None or self._bucket.capacity != limit:
            before, self._bucket = self._bucket, Bucket(float(limit))
            self._bucket.draw(now, 0.0 if before is None else limit / 2)
        if self._bucket.wait_s(now, 1.0) > 0:
            return False, None
        self._bucket.draw(now, 1.0)
        missing = limit - self._left(now, limit)
        window = Window(limit, limit - missing, missing * MINUTE_S / limit)
        return True, RateLimits(requests=window)

    def retry_after_s(self, now: float) -> float:
        """Seconds until the next request would be granted."""
        return self._bucket.wait_s(now, 1.0) if self._bucket is not None else 1.0

    def _left(self, now: float, limit: int) -> int:
        low, high = 0, limit
        while low < high:  # the bucket says only how long an amount would take
            middle = (low + high + 1) // 2
            free = self._bucket is not None and self._bucket.wait_s(now, float(middle)) == 0
            low, high = (middle, high) if free else (low, middle - 1)
        return low


class _Call:
    """One request under way: a `VendorCall`."""

    def __init__(self, model: ScriptedModel, request: ModelRequest) -> None:
        self._model = model
        self._request = request
        self._whole = False
        self.usage = Usage()
        self.started = False
        self.secret: str | None = None
        self.limits: RateLimits | None = None

    async def texts(self) -> AsyncGenerator[str, None]:
        model, script, clock = self._model, self._model.script, self._model.clock
        model.requests += 1
        outage = model.outage(clock.mono())
        self._admit(outage)
        model.busy += 1
        model.most_busy = max(model.most_busy, model.busy)
        try:
            if outage is not None and outage.kind == "silence":
                model.failed += 1
                await clock.sleep(FOR_EVER_S)
            first_s = script.first_token_s * math.exp(model.rng.gauss(0.0, script.spread))
            await clock.sleep(first_s)
            self.started = True
            asked = estimate_tokens(sum(len(m.text) for m in self._request.messages))
            system = estimate_tokens(len(self._request.system))
            self.usage = Usage(asked + system, 1)
            pieces = answer(self._request)
            length = script.answer_tokens if pieces[0] is VERDICT else LINE_TOKENS * len(pieces)
            for number, piece in enumerate(pieces, start=1):
                written = length * number // len(pieces)
                await clock.sleep((written - self.usage.output_tokens) / script.tokens_per_s)
                self.usage = msgspec.structs.replace(self.usage, output_tokens=written)
                yield piece
                if outage is not None and outage.kind == "cut":
                    model.failed += 1
                    raise ConnectionResetError("the scripted vendor cut the line")
            self._whole = True
        finally:
            model.busy -= 1

    def ending(self) -> Outcome | None:
        return Outcome("complete") if self._whole else None

    def failure(self, exc: Exception) -> Outcome | None:
        return None

    def _admit(self, outage: Outage | None) -> None:
        """Raise what the vendor would answer instead of a stream."""
        model, now = self._model, self._model.clock.mono()
        if outage is not None and outage.kind == "503":
            model.failed += 1
            raise _refused(503, "the scripted vendor is down", model, None)
        granted, self.limits = model.admitted(now)
        if not granted or model.busy >= model.script.max_concurrency:
            model.turned_away += 1
            wait_s = model.retry_after_s(now)
            raise _refused(429, "the scripted vendor grants no more", model, wait_s)
        if model.script.failure_share and model.rng.random() < model.script.failure_share:
            model.failed += 1
            raise _refused(529, "the scripted vendor is overloaded", model, None)


def _refused(status: int, words: str, model: ScriptedModel, wait_s: float | None) -> FailedError:
    headers = {} if wait_s is None else {"retry-after": f"{wait_s:.3f}"}
    body = {"error": {"message": words}}
    return FailedError(from_status(status, body, headers, model.clock.wall_ms()))


VERDICT = (
    '{"facts":[{"text":"The activity is what the rule was written for","evidence":["E1"]}],'
    '"verdict":"Suspicious","confidence":0.7,"severity":"Medium",'
    '"summary":"The activity fits the rule and has no known reason yet.","actions":[]}\n\n'
)
LINE = VERDICT.rstrip()[:-1] + ',"why":"The rule says so [E1]; nothing proves or excuses it yet."'
LINE_TOKENS = 100
"""Of one line in the answer to a batch."""
ASKED = "in this order: "
"""What stands before the tags that a batch is asked about."""
STORY = "**What happened.** The product saw what its rule describes [E1]. Nothing proves or excuses it yet."


def answer(request: ModelRequest) -> tuple[str, ...]:
    """What the model writes: a verdict line and a narrative; to a batch, a line for each of its tags."""
    _, batch, tags = request.messages[-1].text.rpartition(ASKED)
    if not batch:
        return VERDICT, STORY
    return tuple(f'{LINE},"alert":"{tag.strip()}"}}\n' for tag in tags.split(","))
