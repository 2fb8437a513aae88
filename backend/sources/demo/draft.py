"""What a story or the noise asks for: a draft of one event, rendered into a vendor's bytes when it is due."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple, Protocol

import msgspec

from backend.alerts.model import SEVERITY_NAMES

Attacks = tuple[str, ...]
"""ATT&CK pairs, technique then tactic: `T1190/TA0001`."""


class Moment(NamedTuple):
    """When an event happens, and the dice for what is random in it and in no other (flow id, port, pid)."""

    when_ms: int
    rng: Random


class Draft(Protocol):
    """One event, not yet written."""

    @property
    def severity(self) -> int:
        """OCSF severity_id it is meant to be read as; -1 for telemetry that is no alert."""
        ...

    def render(self, moment: Moment) -> bytes:
        """The event in its vendor's shape, one line without its end."""
        ...


class Beat(NamedTuple):
    """A draft and its place in a story, in seconds from the story's start."""

    at_s: float
    draft: Draft


class Rule(NamedTuple):
    """A product's detection rule."""

    uid: str
    title: str
    severity: int
    """OCSF severity_id."""
    attacks: Attacks = ()
    about: str = ""
    """The product's own description, or the category of a network signature."""

    @property
    def severity_name(self) -> str:
        """OCSF caption of the severity."""
        return SEVERITY_NAMES[self.severity]

    def techniques(self) -> list[str]:
        """ATT&CK technique ids, each once."""
        return list(dict.fromkeys(pair.split("/")[0] for pair in self.attacks))

    def tactics(self) -> list[str]:
        """ATT&CK tactic ids, each once."""
        return list(dict.fromkeys(pair.split("/")[1] for pair in self.attacks))


def encode(event: Mapping[str, object]) -> bytes:
    """`event` as one line of JSON, marked as demonstration data by its first key."""
    return msgspec.json.encode({"demo": True, **event})


def repeated(draft: Draft, first_s: float, every_s: float, count: int) -> Iterator[Beat]:
    """The same draft `count` times, `every_s` apart: what a product that does not fold would send."""
    return (Beat(first_s + index * every_s, draft) for index in range(count))
