"""What surrounds the demo feed: its company's asset register, and what earlier shifts decided."""

import functools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.assembly import Feed
from backend.clock import Clock
from backend.enrichment.history import keys
from backend.journal import outcomes
from backend.settings import Settings
from backend.sources.demo.past import ACTOR, earlier_shifts
from backend.sources.demo.source import DemoSource

Operation = Callable[[sqlite3.Connection], None]


def furnish(settings: Settings, feeds: Sequence[Feed], home: Path, clock: Clock) -> Operation:
    """Write the asset register of the feed's company and point the settings at it.

    Returns what writes the past into the journal. Takes some tenths of a second: run it in a thread.
    """
    source = next(feed.source for feed in feeds if isinstance(feed.source, DemoSource))
    if settings.enrichment.assets.path is None:
        path = home / "assets.csv"
        home.mkdir(parents=True, exist_ok=True)
        path.write_text(source.world.assets_csv(), encoding="utf-8")
        settings.enrichment.assets.path = str(path)
    pairs = list(earlier_shifts(source.world.seed, clock.wall_ms(), keys))
    return functools.partial(outcomes.put_past, pairs=pairs, actor=ACTOR)
