"""One call to one model: admitted by breaker, time and budget, limited, entered in the ledger, and judged."""

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from backend.alerts.model import DataClass
from backend.analysis.accounting import COUNTED, counted, most_tokens, most_usd, used_tokens
from backend.analysis.breaker import Breaker, Permit
from backend.analysis.budget import Allowance
from backend.analysis.entry import SHORT, UNASKED
from backend.analysis.estimate import overlong
from backend.analysis.ledger import CallKind, Ledger, LedgerEntry
from backend.analysis.prompts import SYSTEM
from backend.analysis.rates import Gate
from backend.clock import Clock
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Provider, Usage
from backend.providers.limits import Limits
from backend.providers.prices import Price, cost_usd, saved_usd
from backend.providers.sending import watched

MIN_CALL_S = 1.0
"""With less of the lane's time left no call is begun: no model answers in that. Nor with less than the model
usually takes: under a load it can't carry, each call would be cut off just before its end, for nothing."""
HAND_OVER_S = 0.25
"""Kept of the lane's time for the playbook, which needs a few milliseconds."""
MAX_WAIT_S = 10.0
"""Longest wait for a slot, for a rate limit's next free place, or that a vendor may ask for."""
LAST_WAIT_S = 60.0
"""The same for a slot of the last model in a chain, below critical: behind it there is the playbook alone."""
WAIT_SHARE = 0.25
"""Share of the lane's time left that such a wait may take."""
SLOW_SHARE = 0.2
"""Of a model's time for its first token: silence of at least so long is held against a model that another one
outran. Whoever has the next one started sooner, by `hedge_after_s`, is in a hurry; the model is not slow."""

STOPPED = Outcome("cancelled", "reading on was pointless")
_CANCELLED = Outcome("cancelled", "cancelled")


Audit = Callable[[LedgerEntry, ModelRequest, str, bytes], None]
"""Keeps what was sent: the call's entry, the request, the host, and the body as it went over the wire."""


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
    gate: Gate = field(default_factory=Gate)
    """Its rate limits and retry budget, shared by all lanes."""
    last: bool = False
    """No model stands behind it."""
    system: str = SYSTEM
    """The system prompt that it is given."""
    privacy: DataClass = "cloud-ok"
    """What it may be told: everything (`local-only`: one's own), names in clear, or pseudonyms."""

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
    data: DataClass = "cloud-ok"
    """What may be done with what is asked about."""


class CallResult(msgspec.Struct, frozen=True, gc=False):
    """How a call ended, or why it was not made."""

    outcome: Outcome = _CANCELLED
    usage: Usage = Usage()
    cost_usd: float = 0.0
    saved_usd: float = 0.0
    passed_over: str = ""
    """Why the call was not made at all; empty when it was."""
    retry_in_s: float | None = None
    """The same model may be asked once more after so many seconds; None: it is not worth it."""

    @property
    def words(self) -> str:
        """The ending in one line for people; may quote the vendor."""
        if self.passed_over:
            return self.passed_over
        head = self.outcome.error_class or self.outcome.kind
        return f"{head}: {self.outcome.detail}" if self.outcome.detail else head


def kept_here(rule: DataClass, data: DataClass, *, hidden: bool) -> str:
    """Why a request may not go to a model under `rule`; empty where it may.

    The last gate before anything leaves, whoever made the request: data that must stay goes to one's own
    models alone, and a model that gets pseudonyms gets no request whose names were not `hidden`.
    """
    if rule == "local-only":
        return ""
    if data == "local-only":
        return "not asked: this alert's data stays here, and the model is not your own"
    if "pseudonymise" in (rule, data) and not hidden:
        return "not asked: names in the request are in clear"
    return ""


class Caller:
    """Makes calls; holds what is common to all of them."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        budget: Allowance,
        open_stream: OpenStream,
        audit: Audit | None = None,
    ) -> None:
        """`audit` gets the bytes that each call puts on the wire."""
        self._audit = audit
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
        on_settled: Callable[[CallResult], None] | None = None,
        outrun: Callable[[], bool] | None = None,
    ) -> CallResult:
        """Make one call, waiting first for a slot and a place in its rate limit.

        After a rate limit that names a short time it is made once more, as far as the model's retry budget
        goes. `on_start` is called when it is sent. `on_text` gets each piece and says whether to read on.
        `on_settled` gets what each call that was sent came to, also when this task is cancelled: then the
        call is closed, its slot and permit given back, and what it cost is booked. `outrun` tells whether
        such a cancellation came because another model had answered: the breaker hears of it where this one
        had been silent for long.
        """
        reason = self._refusal(rung, request, purpose)
        if reason:
            return CallResult(passed_over=reason)
        if not await self._slot(rung, self._slot_patience(rung, purpose)):
            return CallResult(passed_over="busy: no slot became free in time")
        told = _Told(on_start, on_text, on_settled, outrun)
        try:
            result = await self._once(rung, request, purpose, told, may_retry=True)
            if result.retry_in_s is not None:
                await self._clock.sleep(result.retry_in_s)
                again = await self._once(rung, request, purpose, told, may_retry=False)
                result = result if again.passed_over else again
            return result
        finally:
            rung.slots.release()

    def would(self, rung: Rung, request: ModelRequest, purpose: Purpose) -> bool:
        """Whether a call would be let through now, as far as privacy, time, breaker and money go."""
        return not self._refusal(rung, request, purpose)

    def _refusal(self, rung: Rung, request: ModelRequest, purpose: Purpose) -> str:
        private = kept_here(rung.privacy, purpose.data, hidden=request.hidden)
        if private:
            return private
        left = self._left(purpose)
        if left is not None and left < max(MIN_CALL_S, rung.gate.pace.enough_s):
            return "no time left in the lane"
        if rung.breaker.blocked():
            return f"{rung.breaker.state}: {rung.breaker.detail}"
        most = most_usd(rung.price, request)
        allowed, why = self._budget.allows(purpose.lane, most, model=rung.spec, kind=purpose.kind)
        return "" if allowed else why

    async def _slot(self, rung: Rung, patience_s: float) -> bool:
        try:
            async with self._clock.timeout(patience_s):
                await rung.slots.acquire()
        except TimeoutError:
            return False
        return True

    async def _place(self, rung: Rung, tokens: int, purpose: Purpose) -> str:
        """Wait for a place in the model's rate limits; why not, where it would take too long."""
        now = self._clock.mono()
        urgent = purpose.lane == "critical" and purpose.kind not in UNASKED
        wait = rung.gate.wait_s(now, tokens, urgent=urgent)
        if wait > self._patience(purpose):
            return f"rate limit: the next call is free in {wait:.0f} s"
        rung.gate.draw(now, tokens)
        if wait > 0:
            try:
                await self._clock.sleep(wait)
            except BaseException:
                rung.gate.undo(self._clock.mono(), tokens)
                raise
        return ""

    def _left(self, purpose: Purpose) -> float | None:
        if purpose.deadline_mono is None:
            return None
        return purpose.deadline_mono - self._clock.mono() - HAND_OVER_S

    def _slot_patience(self, rung: Rung, purpose: Purpose) -> float:
        if not rung.last or purpose.lane == "critical":
            return self._patience(purpose)
        left = self._left(purpose)
        return LAST_WAIT_S if left is None else min(LAST_WAIT_S, left * WAIT_SHARE)

    def _patience(self, purpose: Purpose) -> float:
        left = self._left(purpose)
        return MAX_WAIT_S if left is None else min(MAX_WAIT_S, left * WAIT_SHARE)

    async def _once(
        self, rung: Rung, request: ModelRequest, purpose: Purpose, told: "_Told", *, may_retry: bool
    ) -> CallResult:
        tokens = most_tokens(request)
        late = await self._place(rung, tokens, purpose)
        if late:
            return CallResult(passed_over=late)
        # From here to `send` nothing waits, so two calls cannot both pass on the same last dollar.
        reason = self._refusal(rung, request, purpose)
        permit = None if reason else rung.breaker.permit()
        if permit is None:
            rung.gate.undo(self._clock.mono(), tokens)
            return CallResult(passed_over=reason or f"{rung.breaker.state}: {rung.breaker.detail}")
        entry = self._ledger.send(
            alert_id=purpose.alert_id,
            lane=purpose.lane,
            model=rung.spec,
            estimate_usd=most_usd(rung.price, request),
            kind=purpose.kind,
        )
        if may_retry and purpose.kind != "repair":
            rung.gate.retries.earn()
            rung.gate.repairs.earn()
        limits = self._limits(rung, purpose)
        end, chars = Ended(_CANCELLED), 0
        result, begun = CallResult(), self._clock.mono()
        try:
            told.on_start()
            seen = watched(functools.partial(self._audit, entry, request) if self._audit else None)
            async with (
                seen,
                aclosing(self._open(rung.provider, request, limits=limits, clock=self._clock)) as chunks,
            ):
                async for chunk in chunks:
                    if isinstance(chunk, Ended):
                        end = chunk
                        break
                    chars += len(chunk.text)
                    if not told.on_text(chunk.text) or overlong(request, chars):
                        end = Ended(STOPPED)
                        break
        finally:
            pause = self._pause(rung, end.outcome, purpose) if may_retry else None
            cut = limits.total_s < rung.limits.total_s
            if end.outcome is _CANCELLED and not chars and told.lost():
                self._outrun(permit, rung, self._clock.mono() - begun)
            self._judge(permit, end.outcome, lane_cut=cut, retried=pause is not None)
            if end.outcome.kind == "complete" and purpose.kind not in SHORT:
                rung.gate.pace.took(self._clock.mono() - begun)
            result = self._book(rung, request, entry, end, chars)
            result = msgspec.structs.replace(result, retry_in_s=pause)
            if told.on_settled is not None:
                told.on_settled(result)
        return result

    def _limits(self, rung: Rung, purpose: Purpose) -> Limits:
        left = self._left(purpose)
        own = rung.limits
        if left is None or left >= own.total_s:
            return own
        return Limits(min(own.first_token_s, left), own.idle_s, left)

    def _pause(self, rung: Rung, outcome: Outcome, purpose: Purpose) -> float | None:
        """How long to wait before the same model is asked again; None where it is not.

        Only where it named a time that fits the lane, and its retry budget has one left, which this spends.
        Everybody else's next call waits as long: what they would get is known.
        """
        asked = outcome.retry_after_s
        if outcome.error_class != "rate_limited" or asked is None or asked > self._patience(purpose):
            return None
        if not rung.gate.retries.spend():
            return None
        pause = max(asked, 0.05)
        rung.gate.hold(self._clock.mono(), pause)
        return pause

    @staticmethod
    def _outrun(permit: Permit, rung: Rung, silent_s: float) -> None:
        """Another model answered while this one was silent: where that was long, it counts."""
        if silent_s >= SLOW_SHARE * rung.limits.first_token_s:
            permit.slow(f"silent for {silent_s:.0f} s while another model answered")

    @staticmethod
    def _judge(permit: Permit, outcome: Outcome, *, lane_cut: bool, retried: bool) -> None:
        """Tell the breaker what the ending says about the model, and nothing where it says nothing."""
        words = CallResult(outcome).words[:120]
        if outcome is STOPPED or outcome.kind in COUNTED:
            permit.succeeded()
        elif outcome.kind == "cancelled" or outcome.error_class == "too_long":
            permit.dropped()
        elif outcome.kind == "deadline" and lane_cut:
            permit.dropped()  # the lane ran out of time, not the model
        elif outcome.error_class in ("auth", "not_found"):
            permit.refused(words)
        elif retried:
            permit.dropped()
        else:
            named = outcome.error_class == "rate_limited" and outcome.retry_after_s is not None
            at_once = named or outcome.error_class == "overloaded"
            permit.failed(words, at_once=at_once, cool_off_s=outcome.retry_after_s)

    def _book(
        self,
        rung: Rung,
        request: ModelRequest,
        entry: LedgerEntry,
        end: Ended,
        chars: int,
    ) -> CallResult:
        outcome = end.outcome
        usage, estimated = counted(request, outcome, end.usage, chars)
        drawn = most_tokens(request)
        rung.gate.settle(self._clock.mono(), drawn=drawn, used=used_tokens(usage), limits=end.limits)
        settled = self._ledger.settle(
            entry,
            usage=usage,
            usd=cost_usd(rung.price, usage),
            saved_usd=saved_usd(rung.price, usage),
            estimated=estimated,
            outcome=outcome.kind,
        )
        return CallResult(outcome, usage, settled.usd, settled.saved_usd)


class _Told(msgspec.Struct, frozen=True, gc=False):
    """Who is told of a call's course."""

    on_start: Callable[[], None]
    on_text: Callable[[str], bool]
    on_settled: Callable[[CallResult], None] | None
    outrun: Callable[[], bool] | None

    def lost(self) -> bool:
        """Whether another model has answered first."""
        return self.outrun is not None and self.outrun()
