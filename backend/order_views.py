"""Where an alert stands in the scheduler, and what lets it go on or keeps it back: plain values, all safe."""

from typing import Literal

import msgspec

from backend.alerts.text import SafeText

Standing = Literal["asked", "waits", "stored", "forming", "formed", "works", "none"]
"""asked: a person wants it, it goes first · waits: in its lane's queue · stored: in the journal, behind what
the queue holds in memory · forming, formed: in a batch that fills, or that waits for a worker · works: a
worker has it · none: the scheduler owes it nothing (it has its verdict, or another alert stands for it)."""

Why = Literal["asked", "lane", "sooner", "forward", "pressing"]
"""Why one goes before another: a person waits for it · its lane does · it is due sooner in the same lane · it
is likely to be opened next · it would else be too late, though its lane is lower."""


class AheadView(msgspec.Struct, frozen=True, gc=False):
    """Alerts that go before this one, of one lane and for one reason."""

    lane: str
    count: int
    why: Why
    title: SafeText = SafeText("")
    """Of the first of them, where it is in memory …"""
    deadline_ms: int = 0
    """… and when that one is due; 0: its lane has no deadline."""


class LimitView(msgspec.Struct, frozen=True, gc=False):
    """One rate limit of a model."""

    what: Literal["requests", "tokens"]
    by: Literal["vendor", "config"]
    """Who says so: the vendor's headers, or the configuration."""
    left: int
    of: int
    per_s: float
    """How fast it fills again."""


class RoomView(msgspec.Struct, frozen=True, gc=False):
    """What one model has room for."""

    name: str
    """Its name in the config."""
    state: Literal["ready", "cooling", "failed"]
    detail: str
    """Why it is not ready."""
    slots: int
    busy: int
    kept: int
    """Of the slots, those that only critical alerts may take."""
    held: tuple[tuple[str, int], ...]
    """Who holds the busy ones: lanes, `made up` (for a stand-in's verdict), `ahead` (nobody asked)."""
    waiting: int
    """Calls that wait for a slot."""
    limits: tuple[LimitView, ...]
    pause_s: float
    """Until its rate limits let a call of this lane go; 0: now."""
    answer_s: float | None
    """How long an answer has taken, the last ten counting most; None: none has been timed yet."""


class TogetherView(msgspec.Struct, frozen=True, gc=False):
    """The batch that an alert is in."""

    alerts: int
    size: int
    """Alerts that close it."""
    left_s: float
    """Until it closes by itself; 0 where it has."""


class OrderView(msgspec.Struct, frozen=True, gc=False):
    """One alert in the scheduler, at one moment."""

    alert_id: int
    standing: Standing = "none"
    lane: str = ""
    now_ms: int = 0
    came_ms: int = 0
    deadline_ms: int = 0
    place: int = 0
    """In its lane, from 1; 0 where it does not wait, or waits in the journal."""
    of: int = 0
    """Alerts of its lane that wait, in memory and in the journal."""
    ahead: tuple[AheadView, ...] = ()
    """What goes before it, first first."""
    admitted: bool = True
    """Its lane's models have room; else it is kept in the queue until they have, or it is nearly due."""
    rooms: tuple[RoomView, ...] = ()
    """Its lane's models, best first; none: the built-in analyst answers at once."""
    starts_in_s: float | None = None
    """Expected, if nothing more urgent comes; None where nothing is known to tell it from."""
    together: TogetherView | None = None
    preempted: int = 0
    """How often it gave way to a critical alert."""
    tries: int = 0
    """Tries that failed."""
    note: str = ""
    """Why nothing can be said."""

    @property
    def in_front(self) -> int:
        """Alerts that go before it."""
        return sum(one.count for one in self.ahead)
