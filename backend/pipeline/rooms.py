"""What one model has room for: its slots, its rate limits and its breaker, read and put into plain values."""

from backend.alerts.text import safe
from backend.analysis.breaker import Breaker
from backend.analysis.rates import Gate
from backend.order_views import LimitView, RoomView
from backend.pipeline.slots import ModelSlots

TYPICAL_TOKENS = 2_000
"""Of a triage call, asked and answered, by which it is told whether a token limit has room for one."""


def room(name: str, lane: str, parts: tuple[ModelSlots, Gate, Breaker], now: float) -> RoomView:
    """A model as calls of a lane find it. Reads only; `now` is `Clock.mono`."""
    slots, gate, breaker = parts
    kept = 1 if slots.size > 1 else 0
    return RoomView(
        name=name,
        state=breaker.state,
        detail=str(safe(breaker.detail, 160)),
        slots=slots.size,
        busy=slots.busy,
        kept=kept,
        held=tuple(slots.held.items()),
        waiting=slots.waiting,
        limits=tuple(
            LimitView(one.what, one.by, int(one.left), int(one.of), one.per_s) for one in gate.left(now)
        ),
        pause_s=gate.wait_s(now, TYPICAL_TOKENS, urgent=lane == "critical"),
        answer_s=gate.pace.mean_s,
    )
