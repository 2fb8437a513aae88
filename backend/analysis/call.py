"""One call to one model: admitted by breaker, time and budget, limited, entered in the ledger, and judged."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

import msgspec

from backend.analysis.breaker import Breaker, Permit
from backend.analysis.budget import Allowance
from backend.analysis.ledger import CallKind, Ledger, LedgerEntry, estimate_tokens
from backend.clock import Clock
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Provider, Usage
from backend.providers.limits import Limits
from backend.providers.prices import Price, cost_usd, saved_usd

MIN_CALL_S = 1.0
"""With less of the lane's time left no call is begun: no model answers in that."""
HAND_OVER_S = 0.25
"""Kept of the lane's time for the playbook, which needs a few milliseconds."""
MAX_WAIT_S = 10.0
"""Longest wait for a slot, or that a rate limit may ask for."""
WAIT_SHARE = 0.25
"""Share of the lane's time left that such a wait may take."""

STOPPED = Outcome("cancelled", "reading on was pointless")
_CANCELLED = Outcome("cancelled", "cancelled")
_COUNTED = ("complete", "length", "filtered")
_UNSENT = frozenset(
    {"rate_limited", "overloaded", "auth", "not_found", "too_long", "bad_request", "unavailable"}
)


class Slots(Protocol):
    """What limits how many calls a model gets at once; an `asyncio.Semaphore` is one."""

    async def acquire(self) -> bool:
        """Wait for a slot."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class OpenStream(Protocol):
    """`backend.providers.limits.limited`, or in tests something that keeps its promises."""

    def __call__(
        self, provider: Provider, request: ModelRequest, *, limits: Limits, clock: Clock
    ) -> AsyncGenerator[Chunk, None]:
        """Ask within limits: chunks, the last of them exactly one `Ended`."""
        ...


@dataclass(frozen=True, eq=False)
class Rung:
    """One model of a fallback chain with everything that guards it. Lanes share rungs of the same model."""

    name: str
    """Its name in the config."""
    provider: Provider
    limits: Limits
    price: Price
    slots: Slots
    breaker: Breaker
    max_tokens: int = 1024

    @property
    def spec(self) -> str:
        """provider:model"""
        return f"{self.provider.provider}:{self.provider.model}"


class Purpose(msgspec.Struct, frozen=True, gc=False):
    """What a call is for: where its dollars are booked and until when it may take."""

    alert_id: int
    lane: str
    deadline_mono: float | None
    """None: no deadline but the rung's own limits."""
    kind: CallKind = "analysis"
    """Why the call is made."""


class CallResult(msgspec.Struct, frozen=True, gc=False):
    """How a call ended, or why it was not made."""

    outcome: Outcome = _CANCELLED
    usage: Usage = Usage()
    cost_usd: float = 0.0
    saved_usd: float = 0.0
    passed_over: str = ""
    """Why the call was not made at all; empty when it was."""

    @property
    def words(self) -> str:
        """The ending in one line for people; may quote the vendor."""
        if self.passed_over:
            return self.passed_over
        head = self.outcome.error_class or self.outcome.kind
        return f"{head}: {self.outcome.detail}" if self.outcome.detail else head


class Caller:
    """Makes calls; holds what is common to all of them."""

    def __init__(self, clock: Clock, ledger: Ledger, budget: Allowance, open_stream: OpenStream) -> None:
        self._clock = clock
        self._ledger = ledger
        self._budget = budget
        self._open = open_stream

    async def call(
        self,
        rung: Rung,
        request: ModelRequest,
        purpose: Purpose,
        *,
        on_start: Callable[[], None],
        on_text: Callable[[str], bool],
    ) -> CallResult:
        """Make one call, waiting first for a slot and at most once for a short rate limit.

        `on_start` is called when it is sent. `on_text` gets each piece and says whether to read on. When this
        task is cancelled the call is closed, its slot and permit given back, and what it cost is booked.
        """
        reason = self._refusal(rung, request, purpose)
        if reason:
            return CallResult(passed_over=reason)
        if not await self._slot(rung, self._patience(purpose)):
            return CallResult(passed_over="busy: no slot became free in time")
        try:
            result = await self._once(rung, request, purpose, on_start, on_text)
            pause = self._worth_waiting(result.outcome, purpose)
            if pause is not None:
                await self._clock.sleep(pause)
                again = await self._once(rung, request, purpose, on_start, on_text)
                result = result if again.passed_over else again
            return result
        finally:
            rung.slots.release()

    def _refusal(self, rung: Rung, request: ModelRequest, purpose: Purpose) -> str:
        left = self._left(purpose)
        if left is not None and left < MIN_CALL_S:
            return "no time left in the lane"
        if rung.breaker.blocked():
            return f"{rung.breaker.state}: {rung.breaker.detail}"
        allowed, why = self._budget.allows(purpose.lane, _estimate(rung, request))
        return "" if allowed else why

    async def _slot(self, rung: Rung, patience_s: float) -> bool:
        try:
            async with self._clock.timeout(patience_s):
                await rung.slots.acquire()
        except TimeoutError:
            return False
        return True

    def _left(self, purpose: Purpose) -> float | None:
        if purpose.deadline_mono is None:
            return None
        return purpose.deadline_mono - self._clock.mono() - HAND_OVER_S

    def _patience(self, purpose: Purpose) -> float:
        left = self._left(purpose)
        return MAX_WAIT_S if left is None else min(MAX_WAIT_S, left * WAIT_SHARE)

    def _worth_waiting(self, outcome: Outcome, purpose: Purpose) -> float | None:
        """How long to wait before the same model is asked again, where it named a time that fits the lane."""
        asked = outcome.retry_after_s
        if outcome.error_class != "rate_limited" or asked is None or asked > self._patience(purpose):
            return None
        return max(asked, 0.05)

    async def _once(
        self,
        rung: Rung,
        request: ModelRequest,
        purpose: Purpose,
        on_start: Callable[[], None],
        on_text: Callable[[str], bool],
    ) -> CallResult:
        # From here to `send` nothing waits, so two calls cannot both pass on the same last dollar.
        reason = self._refusal(rung, request, purpose)
        permit = None if reason else rung.breaker.permit()
        if permit is None:
            return CallResult(passed_over=reason or f"{rung.breaker.state}: {rung.breaker.detail}")
        entry = self._ledger.send(
            alert_id=purpose.alert_id,
            lane=purpose.lane,
            model=rung.spec,
            estimate_usd=_estimate(rung, request),
            kind=purpose.kind,
        )
        limits = self._limits(rung, purpose)
        outcome, usage, chars = _CANCELLED, Usage(), 0
        result = CallResult()
        try:
            on_start()
            async with aclosing(
                self._open(rung.provider, request, limits=limits, clock=self._clock)
            ) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, Ended):
                        outcome, usage = chunk.outcome, chunk.usage
                        break
                    chars += len(chunk.text)
                    if not on_text(chunk.text):
                        outcome = STOPPED
                        break
        finally:
            self._judge(permit, outcome, lane_cut=limits.total_s < rung.limits.total_s, purpose=purpose)
            result = self._book(rung, request, entry, Ended(outcome, usage), chars)
        return result

    def _limits(self, rung: Rung, purpose: Purpose) -> Limits:
        left = self._left(purpose)
        own = rung.limits
        if left is None or left >= own.total_s:
            return own
        return Limits(min(own.first_token_s, left), own.idle_s, left)

    def _judge(self, permit: Permit, outcome: Outcome, *, lane_cut: bool, purpose: Purpose) -> None:
        """Tell the breaker what the ending says about the model, and nothing where it says nothing."""
        words = CallResult(outcome).words[:120]
        if outcome is STOPPED or outcome.kind in _COUNTED:
            permit.succeeded()
        elif outcome.kind == "cancelled" or outcome.error_class == "too_long":
            permit.dropped()
        elif outcome.kind == "deadline" and lane_cut:
            permit.dropped()  # the lane ran out of time, not the model
        elif outcome.error_class in ("auth", "not_found"):
            permit.refused(words)
        elif outcome.error_class == "rate_limited" and self._worth_waiting(outcome, purpose) is not None:
            permit.dropped()
        else:
            named = outcome.error_class == "rate_limited" and outcome.retry_after_s is not None
            at_once = named or outcome.error_class == "overloaded"
            permit.failed(words, at_once=at_once, cool_off_s=outcome.retry_after_s)

    def _book(
        self, rung: Rung, request: ModelRequest, entry: LedgerEntry, end: Ended, chars: int
    ) -> CallResult:
        outcome = end.outcome
        usage, estimated = _counted(request, outcome, end.usage, chars)
        settled = self._ledger.settle(
            entry,
            usage=usage,
            usd=cost_usd(rung.price, usage),
            saved_usd=saved_usd(rung.price, usage),
            estimated=estimated,
            outcome=outcome.kind,
        )
        return CallResult(outcome, usage, settled.usd, settled.saved_usd)


def _request_tokens(request: ModelRequest) -> int:
    return estimate_tokens(len(request.system) + sum(len(message.text) for message in request.messages))


def _estimate(rung: Rung, request: ModelRequest) -> float:
    """The most that the call can cost: all input fresh, the longest answer."""
    return cost_usd(rung.price, Usage(_request_tokens(request), request.max_tokens))


def _counted(request: ModelRequest, outcome: Outcome, usage: Usage, chars: int) -> tuple[Usage, bool]:
    """The vendor's count where it stands, else the text's length says it; True where any is a guess."""
    asked = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    if outcome.kind in _COUNTED and asked and (usage.output_tokens or not chars):
        return usage, False
    turned_away = outcome.error_class in _UNSENT or (outcome.status or 0) >= 400
    if turned_away and not chars and not asked:
        return usage, False  # no work was done, so none is billed
    guess = msgspec.structs.replace(
        usage,
        input_tokens=usage.input_tokens if asked else _request_tokens(request),
        output_tokens=max(usage.output_tokens, estimate_tokens(chars)),
    )
    return guess, guess != usage
