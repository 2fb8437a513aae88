"""One event reported twice: natively and inside another product's envelope. The analyst sees it once."""

from collections import OrderedDict

from backend.alerts.model import Head

REMEMBERED = 50_000
"""Events whose twin is waited for; at 1,000 alerts a second that is nearly a minute."""
TWINNED = frozenset({"suricata_eve", "wazuh"})
"""Formats that carry one another's alerts under the same uid."""


class Twins:
    """Remembers by which format an event was told first. Bounded; forgotten at a restart."""

    def __init__(self, size: int = REMEMBERED) -> None:
        """Remember `size` events."""
        self._size = size
        self._first: OrderedDict[str, str] = OrderedDict()

    def is_second(self, head: Head) -> bool:
        """Whether another format told of this event before. The same format telling it again is not this."""
        if head.format not in TWINNED:
            return False
        first = self._first.get(head.uid)
        if first is not None:
            return first != head.format
        self._first[head.uid] = head.format
        if len(self._first) > self._size:
            self._first.popitem(last=False)
        return False
