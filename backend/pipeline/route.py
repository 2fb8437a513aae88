"""The second stage: which lane an alert takes, and by when it must have a verdict."""

from backend.alerts.model import Head
from backend.lanes import LANE_NUMBER, LANES, lane_for
from backend.settings import Settings


class Router:
    """Puts a lane and a deadline on each alert. Pure but for its settings."""

    def __init__(self, settings: Settings) -> None:
        """Take the lanes' deadlines from `settings`."""
        self._sla_ms = [int((settings.sla_s(lane) or 0) * 1000) for lane in LANES]

    def route(self, head: Head, received_ms: int) -> tuple[int, int]:
        """Lane number by severity, and the deadline: it runs from receipt, for the event's own time is not
        ours to trust. 0 where the lane has none.
        """
        lane = LANE_NUMBER[lane_for(head.severity_id, head.suppressed)]
        sla_ms = self._sla_ms[lane]
        return lane, received_ms + sla_ms if sla_ms else 0

    @staticmethod
    def lane(head: Head) -> str:
        """The lane of an alert by its head."""
        return lane_for(head.severity_id, head.suppressed)
