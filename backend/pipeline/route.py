"""The second stage: which lane an alert takes, and by when it must have a verdict."""

from backend.alerts.model import Head, ParsedAlert
from backend.journal.stored import Routed
from backend.lanes import LANE_NUMBER, lane_for
from backend.settings import Settings


class Router:
    """Puts a lane and a deadline on each alert. Pure but for its settings."""

    def __init__(self, settings: Settings) -> None:
        """Take the lanes' deadlines from `settings`."""
        self._sla_ms = {lane: int((settings.sla_s(lane) or 0) * 1000) for lane in LANE_NUMBER}

    def route(self, parsed: ParsedAlert, received_ms: int) -> Routed:
        """Lane by severity; the deadline runs from receipt: the event's own time is not ours to trust."""
        lane = self.lane(parsed.head)
        sla_ms = self._sla_ms[lane]
        return Routed(parsed, LANE_NUMBER[lane], received_ms + sla_ms if sla_ms else 0)

    @staticmethod
    def lane(head: Head) -> str:
        """The lane of an alert by its head."""
        return lane_for(head.severity_id, head.suppressed)
