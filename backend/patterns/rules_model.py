"""A rule as the rest of the stage sees it, so that pySigma is imported only where rules are configured."""

from collections.abc import Sequence
from typing import Protocol

from backend.patterns.event import Event
from backend.patterns.likely import Needy
from backend.patterns.logsource import Sourced


class Matched(Sourced, Needy, Protocol):
    """A rule that can be tried on events; the texts are as its author wrote them."""

    uid: str
    title: str
    description: str
    level: str
    severity_id: int
    techniques: list[str]
    tactics: list[str]

    def match(self, event: Event) -> bool:
        """Whether the event is one of those it looks for."""
        ...

    def evidence(self, event: Event) -> dict[str, str]:
        """By which fields and values."""
        ...


class RuleSet(Protocol):
    """Rules from files."""

    @property
    def rules(self) -> Sequence[Matched]:
        """Those that can be tried."""
        ...

    @property
    def problems(self) -> Sequence[object]:
        """Those left out, each with its file and the reason when made a string."""
        ...
