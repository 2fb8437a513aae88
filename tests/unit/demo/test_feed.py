"""The generated feed: the same for a seed, well-formed, balanced, and nobody's real network."""

import ipaddress
import itertools
import json
import re
import tracemalloc
from collections import Counter

import pytest

from backend.sources.demo.stories import STORIES
from backend.sources.demo.timeline import generate
from backend.sources.demo.world import World
from tests.corpus import CORPUS
from tests.unit.demo.reading import (
    HOUR,
    START_MS,
    attack_pairs,
    first,
    parsed,
    severity,
    shape,
    strings,
    without_times,
)

_DOCUMENTATION = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
_PRIVATE = [ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
_REAL_TLDS = r"com|net|org|io|dev|cloud|app|info|biz|xyz|top|ru|cn|uk|eu|local|internal|onion"


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert first(2000) == first(2000)


def test_another_seed_gives_another_shift() -> None:
    assert [e.data for e in first(200)] != [e.data for e in first(200, seed=8)]


def test_only_times_follow_the_start() -> None:
    moved_ms = 86_400_000 * 3 + 4_321
    pairs = zip(first(1500), first(1500, start_ms=START_MS + moved_ms), strict=True)
    compared = 0
    for one, other in pairs:
        assert one.at_s == other.at_s
        if not one.data.endswith(b"}"):
            continue
        try:
            a, b = json.loads(one.data), json.loads(other.data)
        except ValueError:
            continue
        assert without_times(a) == without_times(b)
        if "class_uid" in a:
            assert b["time"] - a["time"] == moved_ms
        compared += 1
    assert compared > 1450


def test_events_come_in_order_and_say_when_they_happened() -> None:
    events = first(1000)
    assert [e.at_s for e in events] == sorted(e.at_s for e in events)
    for event, obj in parsed(events):
        if "class_uid" in obj:
            assert obj["time"] == START_MS + int(event.at_s * 1000)


def test_a_faster_feed_keeps_its_times_in_the_present() -> None:
    events = list(itertools.islice(generate(7, START_MS, speed=10), 2000))
    plain = first(2000)
    assert events[-1].at_s == pytest.approx(plain[-1].at_s / 10)
    assert events[0].at_s == plain[0].at_s
    last = max(obj["time"] for _, obj in parsed(events) if "class_uid" in obj)
    assert last <= START_MS + plain[-1].at_s * 100


@pytest.mark.parametrize("seed", [7, 1, 99])
def test_the_first_screen_is_alive(seed: int) -> None:
    found = [severity(obj) for event, obj in parsed(first(200, seed)) if event.at_s <= 0]
    alerts = Counter(level for level in found if level is not None)
    assert 30 <= alerts.total() <= 60
    assert (alerts[5], alerts[4]) == (1, 3)


@pytest.mark.parametrize("seed", [7, 1, 99])
def test_the_mix_is_a_shift_that_people_could_work(seed: int) -> None:
    events = first(HOUR, seed)
    span = events[-1].at_s
    alerts = [
        (e.at_s, level) for e, obj in parsed(events) if e.at_s > 0 and (level := severity(obj)) is not None
    ]
    count = Counter(level for _, level in alerts)
    assert 0.6 <= len(alerts) / span <= 1.2
    assert 40 <= span / count[5] <= 60
    assert 15 <= span / count[4] <= 20
    assert 0 < count[0] / len(alerts) < 0.1
    criticals = [0.0, *(at_s for at_s, level in alerts if level == 5)]
    assert max(b - a for a, b in itertools.pairwise(criticals)) < 240


def test_formats_share_the_feed() -> None:
    shapes = Counter(shape(obj) for _, obj in parsed(first(HOUR)))
    assert {"suricata_eve", "ocsf", "in-house Gatehouse", "in-house Tollgate"} <= set(shapes)
    assert {"in-house Buildwarden", "in-house Doorman"} <= set(shapes)
    assert min(shapes["suricata_eve"], shapes["ocsf"]) > HOUR * 0.15


def test_some_events_are_telemetry() -> None:
    levels = [severity(obj) for _, obj in parsed(first(HOUR))]
    assert 0.2 < levels.count(None) / len(levels) < 0.5


@pytest.mark.parametrize("seed", [7, 42])
def test_torn_lines_are_rare_but_there(seed: int) -> None:
    events = first(HOUR, seed)
    torn = len(events) - sum(1 for _ in parsed(events))
    assert 0 < torn <= HOUR * 0.005


def test_every_event_says_that_it_is_a_demonstration() -> None:
    assert all(event.data.startswith(b'{"demo":true,') for event in first(HOUR))


def test_no_line_break_inside_a_line() -> None:
    assert not any(b"\n" in event.data for event in first(HOUR))


def test_every_story_reaches_its_end_again_and_again() -> None:
    ended = Counter(event.story.split("#")[0] for event in first(HOUR) if event.last)
    assert set(ended) == set(STORIES)
    assert min(ended.values()) >= 3


def test_a_story_lasts_minutes_and_speaks_more_than_one_severity() -> None:
    told: dict[str, list[tuple[float, int | None]]] = {}
    ended = set()
    for event, obj in parsed(first(HOUR)):
        if event.story:
            told.setdefault(event.story, []).append((event.at_s, severity(obj)))
            if event.last:
                ended.add(event.story)
    assert len(ended) > 30
    for name in ended:
        times = [at_s for at_s, _ in told[name]]
        assert 180 <= times[-1] - times[0] <= 480, name
        assert len({level for _, level in told[name]}) >= 4, name
        assert 5 in {level for _, level in told[name]}, name


def test_stories_repeat_with_other_actors() -> None:
    tellings: dict[str, set[str]] = {}
    for event, obj in parsed(first(HOUR)):
        if event.story.startswith("ransomware") and obj.get("event_type") == "alert":
            tellings.setdefault(event.story, set()).update((obj["src_ip"], obj["dest_ip"]))
    assert len(tellings) >= 3
    assert len({frozenset(actors) for actors in tellings.values()}) == len(tellings)


def test_actors_stay_the_same_within_a_story() -> None:
    beacons = [
        obj
        for event, obj in parsed(first(HOUR))
        if event.story == "ransomware#1"
        and obj.get("alert", {}).get("signature", "").startswith("NDR MALWARE")
    ]
    assert len(beacons) == 8
    assert len({(b["src_ip"], b["dest_ip"], b["tls"]["ja3"]["hash"], b["tls"]["sni"]) for b in beacons}) == 1


def test_the_same_rule_comes_back_to_the_same_host() -> None:
    seen = Counter(
        (obj["finding_info"]["title"], obj["device"]["hostname"])
        for event, obj in parsed(first(HOUR))
        if obj.get("class_uid") == 2004 and "device" in obj and not event.story
    )
    assert seen["Mass file modification by single process", "backup-01.demo.example"] >= 5
    assert sum(1 for count in seen.values() if count >= 3) >= 15


def test_addresses_are_nobodys() -> None:
    outside = set()
    for event, obj in parsed(first(HOUR)):
        for text in strings(obj):
            for found in re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", text):
                address = ipaddress.ip_address(found)
                assert any(address in net for net in _DOCUMENTATION + _PRIVATE), (found, event.data)
                if any(address in net for net in _DOCUMENTATION):
                    outside.add(found)
            assert not re.search(rf"\b[\w-]+\.(?:{_REAL_TLDS})\b(?!\.example)", text, re.ASCII), text
    assert len(outside) > 100


def test_names_end_in_example() -> None:
    world = World(7)
    for _, obj in parsed(first(HOUR)):
        for key in ("host", "hostname", "dst_host"):
            if key in obj:
                assert obj[key].endswith(".example")
        if "device" in obj:
            assert obj["device"]["hostname"] in {host.fqdn for host in world.hosts}
        for text in strings(obj):
            for found in re.findall(r"https?://([\w.-]+)", text):
                assert re.fullmatch(r"[\w.-]+\.example|[\d.]+", found), found
            for found in re.findall(r"[\w.]+@([\w-]+(?:\.[\w-]+)+)", text):
                assert found.endswith(".example"), found


def test_attack_ids_are_well_formed() -> None:
    found = 0
    for _, obj in parsed(first(HOUR)):
        for techniques, tactics in attack_pairs(obj):
            assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", technique) for technique in techniques)
            assert all(re.fullmatch(r"TA\d{4}", tactic) for tactic in tactics)
            found += len(techniques)
    assert found > HOUR / 4


@pytest.mark.corpus
@pytest.mark.skipif(CORPUS is None, reason="the shared corpus is not there")
def test_attack_ids_exist_and_fit_their_tactics() -> None:
    assert CORPUS is not None
    matrix = json.loads((CORPUS / "mitre/enterprise_techniques.json").read_text())
    tactic_ids = {tactic["shortname"]: tactic["id"] for tactic in matrix["tactics"]}
    known = {entry["id"]: entry for entry in matrix["techniques"]}
    for _, obj in parsed(first(HOUR)):
        for techniques, tactics in attack_pairs(obj):
            for technique in techniques:
                entry = known[technique]
                assert not entry["revoked"] and not entry["deprecated"], technique
                fitting = {tactic_ids[name] for name in entry["tactics"]}
                assert fitting & set(tactics), (technique, tactics)


def test_one_story_gives_orders_and_one_hides_in_the_terminal() -> None:
    events = first(HOUR)
    orders = [
        e
        for e, o in parsed(events)
        if "instructions" in str(o.get("http", {}).get("http_user_agent", "")).lower()
    ]
    assert orders and all(event.story.startswith("log_orders") for event in orders)
    escapes = [event for event in events if b"\\u001b" in event.data]
    assert escapes and all(event.story.startswith("hidden_terminal") for event in escapes)
    assert not any(b"\x1b" in event.data for event in events)


def test_the_red_herring_comes_from_the_assessment_host() -> None:
    world = World(7)
    tester = world.host("rt-01")
    told = [obj for event, obj in parsed(first(HOUR)) if event.story.startswith("assessment")]
    assert told and all(tester.ip in obj.values() or tester.ip in set(strings(obj)) for obj in told)


def test_memory_stays_flat() -> None:
    feed = generate(7, START_MS)
    for _ in itertools.islice(feed, 2000):
        pass
    tracemalloc.start()
    try:
        for _ in itertools.islice(feed, 8000):
            pass
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2_000_000
