"""History: summaries written through, the weight of human decisions, bursts."""

import asyncio

import pytest

from backend.alerts.model import Alert, Head
from backend.alerts.text import safe
from backend.clock import SystemClock
from backend.enrichment.base import Finding
from backend.enrichment.history import HistoryEnricher, HistorySummary, keys, span

DAY = 86_400_000


class FakeClock(SystemClock):
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def mono(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return int(self.now * 1000) + 10 * DAY


class FakeReader:
    """A journal of given summaries that counts how often it is asked."""

    def __init__(self, *summaries: tuple[tuple[str, str], HistorySummary]) -> None:
        self.summaries = dict(summaries)
        self.asked: list[tuple[str, str]] = []
        self.began: int | None = 0
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def began_ms(self) -> int | None:
        return self.began

    async def summary(self, rule_key: str, entity_key: str) -> HistorySummary | None:
        self.asked.append((rule_key, entity_key))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.summaries.get((rule_key, entity_key))


def head(uid: str = "now", *, host: str = "web-01", rule: str = "r1", src: str = "") -> Head:
    return Head(
        uid=uid,
        format="ecs",
        time_ms=0,
        severity_id=3,
        title=safe("Title"),
        rule_uid=safe(rule),
        hostname=safe(host),
        src_ip=safe(src),
    )


def alert(uid: str = "now") -> Alert:
    return Alert(head=head(uid), raw=b"")


def summary(
    clock: FakeClock, seen: int, human: dict[str, int], last: str = "", verdicts: dict[str, int] | None = None
) -> HistorySummary:
    now = clock.wall_ms()
    return HistorySummary(
        seen, now - 3 * DAY, now, verdicts or {}, human, last, now - 7_200_000 if last else 0, "ann"
    )


async def first(history: HistoryEnricher, uid: str = "now") -> Finding:
    return next(iter(await history.enrich(alert(uid))))


FALSE, TRUE, BENIGN, SUSPICIOUS = "False Positive", "True Positive", "Benign", "Suspicious"
OFTEN = "This rule fired 14 times on web-01 in the last 3 days; "


@pytest.mark.parametrize(
    ("seen", "human", "last", "said"),
    [
        (
            14,
            {FALSE: 12, SUSPICIOUS: 2},
            FALSE,
            (
                -3,
                "history:false_positive",
                OFTEN + "analysts closed 12 of 14 as False Positive, last 2 h ago",
            ),
        ),
        (
            14,
            {BENIGN: 4},
            BENIGN,
            (-2, "history:benign", OFTEN + "analysts closed 4 of the 4 they decided as"),
        ),
        (5, {FALSE: 2}, FALSE, (0, "history:human", "closed 2 of the 2")),
        (10, {FALSE: 7, SUSPICIOUS: 3}, SUSPICIOUS, (0, "history:human", "(that one as Suspicious)")),
        (9, {FALSE: 8, TRUE: 1}, TRUE, (1, "history:true_positive", "8 of 9")),
        (3, {TRUE: 3}, TRUE, (2, "history:true_positive", "3 of 3 as True Positive")),
    ],
)
async def test_human_decisions(
    seen: int, human: dict[str, int], last: str, said: tuple[int, str, str]
) -> None:
    weight, tag, text = said
    clock = FakeClock()
    history = HistoryEnricher(FakeReader((("r1", "web-01"), summary(clock, seen, human, last))), clock)
    one = await first(history)
    assert (one.kind, one.weight, one.hard) == ("history", weight, False)
    assert tag in one.tags
    assert text in one.text


async def test_machine_verdicts_alone_carry_no_weight() -> None:
    clock = FakeClock()
    past = summary(clock, 500, {}, verdicts={"Benign": 499, "Suspicious": 1})
    one = await first(HistoryEnricher(FakeReader((("r1", "web-01"), past)), clock))
    assert one.weight == 0
    assert "machine mostly said Benign" in one.text
    assert not {"history:false_positive", "history:benign"} & set(one.tags)


async def test_the_first_time_is_said_and_what_follows_is_remembered() -> None:
    clock, reader = FakeClock(), FakeReader()
    history = HistoryEnricher(reader, clock)
    await history.start()
    one = await first(history, "a")
    assert (one.text, one.weight, one.cache) == ("First time this rule is seen on web-01", 1, "miss")
    history.record_verdict(head("a"), "Suspicious", False, clock.wall_ms())
    again = await first(history, "a")
    assert again.text.startswith("First time")  # its own verdict is no history
    clock.now += 120
    one = await first(history, "b")
    assert one.text.startswith("This rule fired once on web-01 in the last 2 min")
    assert (one.cache, one.age_s) == ("hit", 120.0)
    assert reader.asked == [("r1", "web-01")]


async def test_human_verdicts_are_written_through_and_a_second_replaces_the_first() -> None:
    clock = FakeClock()
    history = HistoryEnricher(FakeReader(), clock)
    await first(history)
    for uid in ("a", "b", "c"):
        history.record_verdict(head(uid), "Suspicious", False, clock.wall_ms())
        history.record_verdict(head(uid), "True Positive", True, clock.wall_ms(), "ann")
        history.record_verdict(head(uid), "False Positive", True, clock.wall_ms(), "ann")
    one = await first(history)
    assert "fired 3 times" in one.text
    assert "closed 3 of 3 as False Positive" in one.text
    assert one.weight == -2


async def test_a_forgotten_pair_is_read_again() -> None:
    clock, reader = FakeClock(), FakeReader()
    history = HistoryEnricher(reader, clock)
    await first(history)
    history.record_verdict(head("a"), "False Positive", True, clock.wall_ms())
    history.forget(head())
    assert (await first(history)).text.startswith("First time")
    assert len(reader.asked) == 2


async def test_one_question_for_many_and_a_cancelled_one_harms_no_other() -> None:
    reader = FakeReader()
    reader.gate = asyncio.Event()
    history = HistoryEnricher(reader, FakeClock())
    tasks = [asyncio.create_task(first(history, str(n))) for n in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    reader.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(one, Finding) for one in results[1:])
    assert len(reader.asked) == 1


async def test_what_is_decided_while_the_journal_is_read_is_not_lost() -> None:
    clock, reader = FakeClock(), FakeReader()
    reader.gate = asyncio.Event()
    history = HistoryEnricher(reader, clock)
    task = asyncio.create_task(first(history))
    await asyncio.sleep(0)
    history.record_verdict(head("a"), "Benign", True, clock.wall_ms())
    reader.gate.set()
    await task
    reader.summaries[("r1", "web-01")] = summary(clock, 1, {"Benign": 1}, "Benign")
    assert "closed 1 of 1 as Benign" in (await first(history)).text
    assert len(reader.asked) == 2


async def test_a_journal_that_fails_is_asked_again() -> None:
    reader = FakeReader()
    reader.error = OSError("disk")
    history = HistoryEnricher(reader, FakeClock())
    await history.start()
    with pytest.raises(OSError, match="disk"):
        await first(history)
    reader.error = None
    assert (await first(history)).weight == 1


async def test_memory_is_bounded() -> None:
    reader = FakeReader()
    history = HistoryEnricher(reader, FakeClock(), size=3)
    for n in range(10):
        await history.enrich(Alert(head=head(host=f"h{n}"), raw=b""))
    await history.enrich(Alert(head=head(host="h9"), raw=b""))
    await history.enrich(Alert(head=head(host="h0"), raw=b""))
    assert len(reader.asked) == 11


async def test_a_burst_slides_out_of_its_window() -> None:
    clock = FakeClock()
    history = HistoryEnricher(FakeReader(), clock, count_on_enrich=False)
    for n in range(31):
        history.observe(head(str(n)))
        history.observe(head(str(n)))  # the same alert twice is one
        clock.now += 10
    found = list(await history.enrich(alert()))
    assert found[1].text == "This rule fired 31 times on web-01 in the last 10 min"
    assert (found[1].weight, found[1].tags) == (0, ("history:burst",))
    clock.now += 400
    assert len(list(await history.enrich(alert()))) == 1


async def test_enriching_counts_when_nobody_else_does() -> None:
    history = HistoryEnricher(FakeReader(), FakeClock())
    found: list[Finding] = []
    for n in range(20):
        found = list(await history.enrich(alert(str(n))))
    assert [one.tags for one in found][1:] == [("history:burst",)]


async def test_an_alert_that_names_nothing_has_no_history() -> None:
    reader = FakeReader()
    history = HistoryEnricher(reader, FakeClock())
    assert list(await history.enrich(Alert(head=head(host=""), raw=b""))) == []
    assert reader.asked == []


def test_keys() -> None:
    assert keys(head()) == ("r1", "web-01")
    assert keys(head(host="", rule="", src="10.0.0.1")) == ("Title", "10.0.0.1")


def test_spans() -> None:
    shown = [span(ms) for ms in (-5, 40_000, 720_000, 7_200_000, 3 * DAY)]
    assert shown == ["1 s", "40 s", "12 min", "2 h", "3 days"]


async def test_a_young_history_calls_nothing_new() -> None:
    reader, clock = FakeReader(), FakeClock()
    reader.began = clock.wall_ms() - 3_600_000
    history = HistoryEnricher(reader, clock)
    await history.start()
    finding = await first(history)
    assert (finding.weight, finding.tags) == (0, ("history:no_past",))
    assert "in 60 min of history" in finding.text
