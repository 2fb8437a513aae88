"""New and surging patterns of lines, within bounds."""

import random
from pathlib import Path

from backend.patterns.baseline import LEARNED_WINDOWS, WINDOW_MS, Baseline
from backend.patterns.drained import Templates, masked
from backend.patterns.findings import HOUR_MS, MinerLimits
from backend.patterns.mining import MAX_EXAMPLES, MAX_SETTLING, SETTLE_MS, Miner
from backend.patterns.saved import restore, save
from tests.unit.patterns.building import feed, miner

MINUTE = WINDOW_MS


def test_lines_that_differ_in_their_values_are_one_pattern() -> None:
    made = miner()
    for number in range(50):
        made.add("s", "sshd", f"Failed password for user{number} from 10.0.0.{number} port {number}", 0)
    made.add("s", "sshd", "Accepted password for user1 from 10.0.0.1 port 9", 0)
    made.add("s", "cron", "Failed password for user1 from 10.0.0.1 port 9", 0)
    assert made.known == 3


def test_a_new_pattern_is_reported_once_with_its_first_lines() -> None:
    made = miner()
    for number in range(2):
        made.add("s", "app", f"disk sda{number} is on fire", 1_000 + number)
    assert made.settled(1_500) == []
    made.add("s", "app", "disk sda9 is on fire", 1_900)
    (found,) = made.settled(1_900)
    assert (found.surge, found.count, found.first_ms, found.last_ms) == (False, 3, 1_000, 1_900)
    assert found.examples == ("disk sda0 is on fire", "disk sda1 is on fire", "disk sda9 is on fire")
    assert found.template == "app disk <*> is on fire"
    made.add("s", "app", "disk sda4 is on fire", 5_000)
    assert made.settled(10 * SETTLE_MS) == []


def test_a_pattern_of_one_line_is_reported_when_it_has_waited() -> None:
    made = miner()
    made.add("s", "app", "reactor breach", 1_000)
    assert made.settled(1_000 + SETTLE_MS - 1) == []
    (found,) = made.settled(1_000 + SETTLE_MS)
    assert found.count == 1


def test_a_source_learns_before_its_patterns_are_news() -> None:
    made = miner(learn_ms=HOUR_MS, learn_lines=100)
    for number in range(200):
        made.add("s", "app", f"word{'abcdefghij'[number % 10]} happened", 0)
    made.add("s", "app", "never seen before at all", HOUR_MS - 1)  # enough lines, not enough time
    assert made.settled(2 * HOUR_MS) == []
    made.add("s", "app", "something else entirely today", HOUR_MS)
    made.add("other", "app", "first line of another source here", HOUR_MS)
    (found,) = made.settled(2 * HOUR_MS)
    assert found.template == "app something else entirely today"


def test_a_surge_is_many_times_the_usual_rate_and_told_once() -> None:
    made = miner(surge_factor=10, surge_least=50)
    for minute in range(LEARNED_WINDOWS + 1):
        assert feed(made, "link down on port 1", 6, minute * MINUTE) == []
    at_ms = (LEARNED_WINDOWS + 1) * MINUTE
    (found,) = feed(made, "link down on port 2", 500, at_ms)
    assert (found.surge, found.count, round(found.usual)) == (True, 60, 6)
    assert found.examples[0] == "link down on port 2"
    assert feed(made, "link down on port 3", 500, at_ms + MINUTE) == []  # it goes on
    assert feed(made, "link down on port 3", 1, at_ms + 9 * MINUTE) == []  # it has calmed …
    assert len(feed(made, "link down on port 3", 5_000, at_ms + 20 * MINUTE)) == 1  # … and comes again


def test_a_rate_that_grows_slowly_or_is_small_is_no_surge() -> None:
    made = miner(surge_factor=10, surge_least=50)
    for minute in range(60):
        assert feed(made, "request served in 9 ms", 10 + 5 * minute, minute * MINUTE) == []
    few = miner(surge_factor=10, surge_least=50)
    for minute in range(30):
        assert feed(few, "rare", 1 if minute < 25 else 49, minute * MINUTE) == []


def test_a_first_burst_is_no_surge() -> None:
    baseline = Baseline()
    assert not any(baseline.add(number // 1_000 * MINUTE, 10, 50) for number in range(8_000))


def test_findings_an_hour_are_bounded_and_counted() -> None:
    made = miner(findings_per_hour=5)
    words = ["alpha", "bravo", "carbon", "delta", "ember", "frost", "grain", "hotel", "india", "jumbo"]
    for word in words:
        made.add("s", word, f"{word} one two three", 0)
    assert len(made.settled(SETTLE_MS)) == 5
    assert made.held_back == 5
    made.add("s", "later", "a new thing", HOUR_MS + SETTLE_MS)
    assert len(made.settled(HOUR_MS + 2 * SETTLE_MS)) == 1


def test_nothing_grows_with_lines_that_are_all_different() -> None:
    limits = {"templates": 200, "findings_per_hour": 10}
    made = miner(**limits)
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for number in range(20_000):
        words = ["".join(rng.choices(letters, k=8)) for _ in range(rng.randrange(1, 12))]
        made.add(f"s{number % 3}", words[0], " ".join(words), number)
        if number % 500 == 0:
            made.settled(number)
    assert len(made._templates.id_to_cluster) <= 200
    assert made.known <= 231
    assert made.settling <= MAX_SETTLING + 500
    assert nodes(made._templates) <= 400 * 6


def nodes(templates: Templates) -> int:
    count, stack = 0, [templates.root_node]
    while stack:
        node = stack.pop()
        count += 1
        stack.extend(node.key_to_child_node.values())
    return count


def test_a_crowded_branch_is_searched_only_so_far() -> None:
    templates = Templates(5_000)
    rng = random.Random(2)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for _ in range(2_000):
        rest = " ".join("".join(rng.choices(letters, k=6)) for _ in range(8))
        templates.add(f"app same {rest}")
    assert len(templates.known()) < 60


def test_what_was_learnt_survives_a_restart(tmp_path: Path) -> None:
    limits = MinerLimits(learn_ms=0, learn_lines=0, surge_factor=10, surge_least=50)
    made = Miner(limits)
    for minute in range(LEARNED_WINDOWS + 1):
        feed(made, "link down on port 1", 6, minute * MINUTE)
    assert len(made.settled(LEARNED_WINDOWS * MINUTE)) == 1
    made.add("s", "app", "seen just before the end", LEARNED_WINDOWS * MINUTE)
    save(tmp_path / "patterns.state", made.state())
    state, trouble = restore(tmp_path / "patterns.state")
    assert (state is not None, trouble) == (True, "")
    again = Miner(limits, state)
    assert again.known == made.known == 2
    (pending,) = again.settled(LEARNED_WINDOWS * MINUTE + SETTLE_MS)
    assert pending.template == "app seen just before the end"
    (surge,) = feed(again, "link down on port 7", 500, (LEARNED_WINDOWS + 1) * MINUTE)
    assert (surge.surge, surge.key) == (True, "app link down on port <#>")
    assert again.settled(99 * MINUTE) == []


def test_a_file_that_is_not_ours_is_said_and_learnt_anew(tmp_path: Path) -> None:
    path = tmp_path / "patterns.state"
    assert restore(path) == (None, "")
    for data in (b"", b"\x00\xff garbage", b"\x82\xa7version\x63\xa5state\xc0"):
        path.write_bytes(data)
        state, trouble = restore(path)
        assert state is None
        assert str(path) in trouble


def test_masking_leaves_words_and_hides_values() -> None:
    assert masked("user=bob12 from 10.0.0.1:443, id 0xDEAD9 ok") == "user=<#> from <#>:<#>, id <#> ok"
    assert masked("") == ""
    assert len(masked("a1 " * 10_000).split()) == 40
    assert MAX_EXAMPLES == 3
