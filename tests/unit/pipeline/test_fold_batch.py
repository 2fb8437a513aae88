"""Members that have their verdict as they join leave the journal as those that are settled one by one."""

from pathlib import Path
from typing import Any

import pytest

from backend.alerts.model import Head
from backend.alerts.text import SafeText
from backend.journal.reader import Reader
from backend.journal.stored import DONE, FOLDED
from tests.unit.pipeline.builders import head
from tests.unit.pipeline.yard import Yard, open_yard


def alert(number: int, rule: str) -> Head:
    return head(
        number, rule_uid=SafeText(rule), title=SafeText(rule), src_ip=SafeText(f"10.0.0.{number % 7}")
    )


async def course(yard: Yard) -> None:
    """Two hundred rules come again and again: before their verdict, after it, and after a decision."""
    rules = [f"rule-{n}" for n in range(200)]
    leaders = await yard.come([alert(n, rule) for n, rule in enumerate(rules)])
    await yard.come([alert(200 + n, rule) for n, rule in enumerate(rules)])
    for n, leader in enumerate(leaders[:150]):
        await yard.answer(leader, ("Benign", "False Positive")[n % 2])
    for turn in range(3):
        again = [alert(1_000 * (turn + 1) + n, rule) for n, rule in enumerate(rules * 2)]
        await yard.come(again)
    await yard.answer(leaders[150], "Suspicious")
    yard.folds.decided(leaders[:10])
    await yard.come([alert(9_000 + n, rule) for n, rule in enumerate(rules[:20])])


def kept(reader: Reader) -> dict[str, list[Any]]:
    tables = {
        "alerts": "select id, state, closed, fold from alerts order by id",
        "history": "select * from history order by rule_key, entity_key",
        "folds": "select * from folds order by leader",
    }
    return {name: reader.connection.execute(query).fetchall() for name, query in tables.items()}


async def outcome(folder: Path, *, each: bool) -> tuple[dict[str, list[Any]], dict[str, int]]:
    folder.mkdir()
    async with open_yard(folder, each=each) as yard:
        await course(yard)
        return await yard.journal.read(kept), yard.told


async def test_it_comes_to_the_same(tmp_path: Path) -> None:
    one_by_one, told = await outcome(tmp_path / "each", each=True)
    at_once, told_at_once = await outcome(tmp_path / "once", each=False)
    assert at_once == one_by_one
    assert told_at_once == told
    assert told["low"] > 1_000


@pytest.mark.parametrize("each", [True, False])
async def test_only_whose_leader_has_its_verdict_have_it(tmp_path: Path, each: bool) -> None:
    async with open_yard(tmp_path, each=each) as yard:
        await yard.come([alert(1, "known"), alert(2, "open")])
        await yard.answer(1, "Benign")
        known, unknown = await yard.come([alert(3, "known"), alert(4, "open")])
        rows = await yard.row(known), await yard.row(unknown)
        assert yard.looked_for == ([1] if each else [])  # else it was told as it joined
    assert [row.state for row in rows] == [DONE, FOLDED]
    assert rows[0].result is not None
    assert rows[0].result.analysis.verdict.verdict == "Benign"
    assert rows[1].result is None


async def test_what_has_its_verdict_is_not_told_again_after_a_restart(tmp_path: Path) -> None:
    async with open_yard(tmp_path, each=False) as yard:
        await yard.come([alert(1, "known")])
        await yard.answer(1, "Benign")
        await yard.come([alert(n, "known") for n in range(2, 9)])
        assert yard.told == {"low": 7}
    async with open_yard(tmp_path, each=False) as yard:
        assert yard.told == {}
        assert [row.count for row in yard.board.rows()] == [8]
