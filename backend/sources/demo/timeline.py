"""The shift: stories, noise and telemetry laid on one endless line of time, event after event.

Times are seconds from the moment the analyst sits down; what lies before 0 is the backlog found on arrival.
The plan holds what is running now and nothing more, so memory stays flat however long the shift is. Planning
is apart from rendering: a resumed feed skips what was sent without writing it again.
"""

import heapq
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from backend.sources.demo import noise, telemetry
from backend.sources.demo.draft import Beat, Draft, Moment
from backend.sources.demo.stories import STORIES
from backend.sources.demo.world import World, dice

OPENING_S = (-250.0, -70.0, -8.0)
"""Starts of the first stories: the first is over when the analyst sits down, the next two are under way."""
STORY_EVERY_S = 62.0
"""With 13 criticals in a round of ten stories, a critical about every 48 s."""
BACKLOG_S = 300.0
"""How far back the backlog reaches."""

_BACKLOG_GAP_S = 14.0
_ALERT_GAP_S = 1.75
_TELEMETRY_GAP_S = 2.1
_LOUD_GAP_S = 58.0
_SCAN_GAP_S = 540.0
_TORN_GAP_S = 260.0


Opening = tuple[float, str, list[Beat]]
"""Something that begins: when, the story's name (empty for noise), and its beats in seconds of the shift."""


class DemoEvent(NamedTuple):
    """One event of the feed."""

    at_s: float
    """When it is due, in seconds from the start; what is negative was there before."""
    data: bytes
    story: str = ""
    """The story it belongs to, `name#number`; empty for noise."""
    last: bool = False
    """It ends its story."""


class Planned(NamedTuple):
    """One event that is not yet written."""

    n: int
    """Its number, from 0: the feed's offset."""
    at_s: float
    draft: Draft
    story: str = ""
    last: bool = False


class _Entry(NamedTuple):
    at_s: float
    order: int
    draft: Draft
    story: str
    last: bool


def plan(world: World) -> Iterator[Planned]:
    """Every event of the shift in order of time, for ever."""
    heap: list[_Entry] = []
    order = n = 0
    for at_s, story, beats in _openings(world):
        while heap and heap[0].at_s < at_s:
            entry = heapq.heappop(heap)
            yield Planned(n, entry.at_s, entry.draft, entry.story, entry.last)
            n += 1
        final = max(beat.at_s for beat in beats)
        for beat in beats:
            heapq.heappush(
                heap, _Entry(beat.at_s, order, beat.draft, story, bool(story) and beat.at_s == final)
            )
            order += 1


def write(world: World, planned: Planned, start_ms: int, speed: float = 1.0) -> DemoEvent:
    """The planned event as bytes.

    Its times are `start_ms` plus its place in the shift; what comes after the start is squeezed by `speed`.
    """
    at_s = planned.at_s if planned.at_s < 0 else planned.at_s / speed
    moment = Moment(start_ms + int(at_s * 1000), _moment_dice(world, planned.n))
    return DemoEvent(at_s, planned.draft.render(moment), planned.story, planned.last)


def generate(seed: int, start_ms: int, *, speed: float = 1.0) -> Iterator[DemoEvent]:
    """The feed of `seed` for a shift that starts at `start_ms` (wall clock, ms), for ever.

    The n-th event is the same for the same seed but for its times, which follow the start.
    """
    world = World(seed)
    return (write(world, planned, start_ms, speed) for planned in plan(world))


def _moment_dice(world: World, n: int) -> Random:
    return Random((world.seed << 40) ^ n)  # noqa: S311  scenery, never a secret; cheaper than seeding from text


def _openings(world: World) -> Iterator[Opening]:
    """What begins, in order of time: a story with all its beats, or a piece of noise."""
    return heapq.merge(_stories(world), _noise(world), key=lambda opening: opening[0])


def _stories(world: World) -> Iterator[Opening]:
    rng = dice("stories", world.seed)
    names = list(STORIES)
    number, start = 0, 0.0
    while True:
        for name in names:
            if number < len(OPENING_S):
                start = OPENING_S[number]
            else:
                start += STORY_EVERY_S + rng.uniform(-6, 6)
            beats = STORIES[name](world, dice("story", world.seed, number))
            yield (
                start,
                f"{name}#{number}",
                [Beat(start + at_s + rng.uniform(0, 0.9), draft) for at_s, draft in beats],
            )
            number += 1
        rng.shuffle(names)


def _noise(world: World) -> Iterator[Opening]:
    streams = (_everyday(world), _telemetry(world), _loud(world), _scans(world), _torn(world))
    return heapq.merge(*streams, key=lambda opening: opening[0])


def _everyday(world: World) -> Iterator[Opening]:
    rng = dice("everyday", world.seed)
    at_s = -BACKLOG_S
    while True:
        at_s += _gap(rng, _BACKLOG_GAP_S if at_s < -_BACKLOG_GAP_S else _ALERT_GAP_S)
        yield at_s, "", list(noise.everyday(world, rng, at_s))


def _telemetry(world: World) -> Iterator[Opening]:
    rng = dice("telemetry", world.seed)
    at_s = -20.0
    while True:
        at_s += _gap(rng, _TELEMETRY_GAP_S)
        yield at_s, "", [Beat(at_s, telemetry.ordinary(world, rng))]


def _loud(world: World) -> Iterator[Opening]:
    rng = dice("loud", world.seed)
    at_s = 4.0
    while True:
        yield at_s, "", list(noise.loud(world, rng, at_s))
        at_s += _gap(rng, _LOUD_GAP_S)


def _scans(world: World) -> Iterator[Opening]:
    rng = dice("scans", world.seed)
    at_s = 75.0
    while True:
        yield at_s, "", list(noise.scan_window(world, rng, at_s))
        at_s += _gap(rng, _SCAN_GAP_S)


def _torn(world: World) -> Iterator[Opening]:
    rng = dice("torn", world.seed)
    at_s = 30.0
    while True:
        yield at_s, "", [Beat(at_s, telemetry.Torn(telemetry.ordinary(world, rng)))]
        at_s += _gap(rng, _TORN_GAP_S)


def _gap(rng: Random, mean_s: float) -> float:
    """A gap around `mean_s`: uneven, but never so uneven that the feed looks dead or floods."""
    return mean_s * rng.uniform(0.35, 1.65)
