"""The product's own parsers read the feed as it was meant, and the asset register too."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from backend.alerts.model import DeadLetter, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.enrichment.asset_table import load
from backend.sources.demo.telemetry import Torn
from backend.sources.demo.timeline import plan, write
from backend.sources.demo.world import World
from tests.unit.demo.reading import START_MS


@pytest.mark.parametrize("seed", [7, 3])
def test_severity_time_and_identity_are_read_as_meant(seed: int) -> None:
    world, parser = World(seed), Parser()
    uids: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for planned in itertools.islice(plan(world), 3000):
        data = write(world, planned, START_MS).data
        (item,) = parser.parse(data, START_MS)
        kinds[type(item).__name__] += 1
        if isinstance(planned.draft, Torn):
            assert isinstance(item, DeadLetter)
        elif planned.draft.severity < 0:
            assert isinstance(item, ParsedEvent)
        else:
            assert isinstance(item, ParsedAlert), data
            assert item.head.severity_id == planned.draft.severity, data
            assert abs(item.head.time_ms - START_MS - planned.at_s * 1000) < 2
            assert item.head.title and item.head.rule_uid and item.head.product
            uids[item.head.uid] += 1
    assert max(uids.values()) == 1
    assert set(kinds) == {"ParsedAlert", "ParsedEvent", "DeadLetter"}


def test_the_badge_systems_own_words_are_kept_and_stay_unknown() -> None:
    world, parser = World(7), Parser()
    grades = set()
    for planned in itertools.islice(plan(world), 3000):
        for item in parser.parse(write(world, planned, START_MS).data, START_MS):
            if isinstance(item, ParsedAlert) and item.head.product == "Doorman":
                assert item.head.severity_id == 0
                grades.add(item.head.severity_native)
    assert grades == {"green", "amber", "violet"}


def test_the_assets_enricher_reads_the_register(tmp_path: Path) -> None:
    world = World(7)
    path = tmp_path / "assets.csv"
    path.write_text(world.assets_csv(), encoding="utf-8")
    table = load(path)
    assert table.rows == len(world.hosts)
    assert table.problems == []
    tester, crown = table.by_ip(world.host("rt-01").ip), table.by_name("dc-01.demo.example")
    assert tester is not None and tester.authorised_scanner
    assert crown is not None and crown.crown_jewel
