"""Campaigns: many rules new to one entity raise the folds it took part in, and nothing else does."""

from pathlib import Path

import pytest

from backend.alerts.model import Head
from backend.alerts.text import SafeText
from backend.pipeline import campaigns as module
from backend.pipeline.campaigns import RULES, Campaigns, Known, known
from backend.pipeline.job import Job
from tests.unit.pipeline.builders import head
from tests.unit.pipeline.yard import HOUR_MS, START_MS, Yard, open_yard


def alert(number: int, rule: str, host: str = "db1", **more: object) -> Head:
    named = {"title": SafeText(f"{rule} fired"), "hostname": SafeText(host), "src_ip": SafeText("")}
    return head(number, rule_uid=SafeText(rule), **(named | more))


class Watch:
    """Campaigns over the real folds."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.campaigns = Campaigns(yard.folds)
        self.number = 0

    async def come(self, *rules: str, host: str = "db1", lane: str = "low", **more: object) -> None:
        for rule in rules:
            self.number += 1
            one = alert(self.number, rule, host, **more)
            (id_,) = await self.yard.come([one], lane)
            self.campaigns.see([Job(id_, one, lane, self.yard.clock.ms, 0, 0.0)])
            await self.yard.settled()
            self.yard.clock.ms += 1_000

    def promoted(self) -> dict[str, str]:
        rows = self.yard.board.rows()
        return {str(row.head.rule_uid): str(row.promoted) for row in rows if "campaign" in row.promoted}


async def quiet_day(watch: Watch) -> None:
    """Every rule is known from some host, so that only who sets them off can be new."""
    await watch.come(*(f"r{n}" for n in range(8)), "update", host="elsewhere")
    await watch.come("update", "login")
    watch.yard.clock.ms = START_MS + 3 * HOUR_MS


async def test_the_fifth_rule_new_to_a_host_raises_its_folds_of_that_hour(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        watch = Watch(yard)
        await quiet_day(watch)
        await watch.come("update")
        await watch.come("r6", host="elsewhere")
        await watch.come(*(f"r{n}" for n in range(RULES - 1)))
        assert watch.promoted() == {}
        await watch.come(f"r{RULES - 1}")
        raised = watch.promoted()
        assert set(raised) == {"update", *(f"r{n}" for n in range(RULES))}  # not r6, which is another host's
        assert raised["update"] == f"campaign: {RULES} rules within the hour new to db1"
        assert yard.scheduler.queued("medium") == len(raised)
        await watch.come("login", "r7")  # from then on each further one that is new, and no known one
        assert set(watch.promoted()) == {*raised, "r7"}


async def test_rules_that_a_host_knows_make_no_campaign_however_many(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        watch = Watch(yard)
        await watch.come(*(f"r{n}" for n in range(8)))
        yard.clock.ms = START_MS + 3 * HOUR_MS
        await watch.come(*(f"r{n}" for n in range(8)))
        assert watch.promoted() == {}


async def test_new_rules_over_a_long_time_or_over_many_hosts_are_none(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        watch = Watch(yard)
        await quiet_day(watch)
        for n in range(6):
            await watch.come(f"r{n}")
            yard.clock.ms += HOUR_MS // 3
        for n in range(6):
            await watch.come(f"r{n}", host=f"web{n}")
        assert watch.promoted() == {}


async def test_what_its_vendor_has_resolved_does_not_count(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        watch = Watch(yard)
        await quiet_day(watch)
        await watch.come(*(f"r{n}" for n in range(6)), suppressed=True)
        assert watch.promoted() == {}


async def test_rules_of_every_lane_count_and_only_low_folds_are_raised(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        watch = Watch(yard)
        await quiet_day(watch)
        await watch.come("login")
        await watch.come(*(f"r{n}" for n in range(RULES)), lane="high")
        assert set(watch.promoted()) == {"login"}


class NoFolds:
    """Notes what is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def alike(self, key: object) -> None:
        self.asked += 1

    def promote(self, fold: object, reason: str) -> None:
        raise AssertionError


def test_what_the_journal_knows_is_not_new_after_a_start() -> None:
    folds = NoFolds()
    late = START_MS + 48 * HOUR_MS
    jobs = [Job(n, alert(n, f"r{n}"), "low", late, 0, 0.0) for n in range(RULES)]
    campaigns = Campaigns(folds)
    campaigns.restore(Known([(f"r{n}", "db1", late - n) for n in range(RULES)], START_MS))
    campaigns.see(jobs)
    assert folds.asked == 0
    campaigns = Campaigns(folds)
    campaigns.restore(Known([("other", "db1", late)], START_MS))
    campaigns.see(jobs)
    assert folds.asked == RULES


async def test_the_history_is_what_is_known(tmp_path: Path) -> None:
    async with open_yard(tmp_path) as yard:
        first, *_ = await yard.come([alert(n, "scan") for n in range(3)])
        await yard.answer(first, "Benign")
        found = await yard.journal.read(lambda reader: known(reader.connection))
    assert [tuple(pair[:2]) for pair in found.pairs] == [("scan", "db1")]
    assert found.began_ms == START_MS


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ENTITIES", 10)
    monkeypatch.setattr(module, "MOST_RULES", 10)
    campaigns = Campaigns(NoFolds())
    for n in range(1_000):
        one = alert(n, f"r{n}", f"host{n % 30}")
        campaigns.see([Job(n, one, "low", START_MS + n, 0, 0.0)])
    assert len(campaigns._entities) == 10
    assert max(len(one.rules) for one in campaigns._entities.values()) <= 10
