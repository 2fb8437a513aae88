"""One alert on its way through the stages."""

import msgspec

from backend.alerts.model import DataClass, Head
from backend.analysis.model import Attempt


class Job(msgspec.Struct, gc=False):
    """What the scheduler orders and the workers carry; its times are this process's own."""

    alert_id: int
    head: Head
    lane: str
    received_ms: int
    deadline_ms: int
    """Wall clock by which the lane wants a verdict, 0 where it has no deadline."""
    queued_mono: float
    ingest_ms: float = 0.0
    route_ms: float = 0.0
    tries: int = 0
    preempted: int = 0
    """How often its stream was ended for a critical alert."""
    broken_off: tuple[Attempt, ...] = ()
    """The attempts that were ended so."""
    asked_for: bool = False
    """A person wants it now: it goes ahead of every lane."""
    raw: bytes = b""
    """As received, until it has been held against the alerts before it; empty from then on."""
    data: DataClass = "cloud-ok"
    """What its source allows; alerts of different classes never stand for one another."""
