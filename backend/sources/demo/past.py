"""What earlier shifts made of the demo's false alarms, so that history can speak on a first day."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from backend.alerts.model import Head, ParsedAlert
from backend.alerts.recognise import Parser
from backend.sources.demo.timeline import generate

STUDIED_S = 2_400.0
"""So much of the feed shows every kind of its noise on every host it lives on."""
DAYS_MS = 3 * 86_400_000
SHIFTS = 9
"""Three days of three shifts: each saw about what this one will see."""
ACTOR = "earlier shift"


class Past(NamedTuple):
    """One rule on one entity, as it was closed again and again."""

    rule_key: str
    entity_key: str
    seen: int
    verdict: str
    first_ms: int
    last_ms: int


def earlier_shifts(seed: int, now_ms: int, keys: Callable[[Head], tuple[str, str]]) -> Iterator[Past]:
    """The past of every pair that the feed's noise will come back to; `keys` names an alert's pair.

    Pairs that a story touches too are left out: nobody has closed those for good.
    """
    parser = Parser()
    counts: dict[tuple[str, str], list[int]] = {}
    told: set[tuple[str, str]] = set()
    for event in generate(seed, now_ms):
        if event.at_s > STUDIED_S:
            break
        for item in parser.parse(event.data, now_ms):
            if isinstance(item, ParsedAlert):
                pair = keys(item.head)
                if event.story:
                    told.add(pair)
                else:
                    known = counts.setdefault(pair, [0, item.head.severity_id])
                    known[0] += 1
    for pair, (count, severity) in counts.items():
        if pair not in told and all(pair):
            verdict = "False Positive" if severity >= 3 else "Benign"
            last_ms = now_ms - 3_600_000 * (1 + count % 7)
            yield Past(*pair, count * SHIFTS, verdict, now_ms - DAYS_MS, last_ms)
