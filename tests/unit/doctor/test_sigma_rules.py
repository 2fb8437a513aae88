"""Sigma rules: how many load, which are left out and why, and what to do about each."""

from pathlib import Path

import pytest

from backend.doctor import Check
from tests.support.doctoring import checks, settings_for, steps
from tests.unit.patterns.building import write_rule

GOOD = "CommandLine|contains: 'mimikatz'"
LAST = "0f4ef3cb-6a6a-4c1a-9d4b-4d5e0c9ef0{:02d}"


async def looked_at(home: Path, *paths: object) -> list[Check]:
    settings = settings_for(home, "demo:")
    settings.patterns.sigma = [str(path) for path in paths]
    return await checks(settings, "patterns")


async def test_nothing_is_looked_at_where_no_rule_is_configured(tmp_path: Path) -> None:
    assert await looked_at(tmp_path) == []


async def test_the_usable_ones_are_counted_with_the_time_it_took(tmp_path: Path) -> None:
    for number in range(3):
        write_rule(tmp_path, GOOD, uid=LAST.format(number), name=f"{number}.yml")
    (only,) = await looked_at(tmp_path, tmp_path)
    assert (only.check, only.state, only.mend) == ("rules", "ok", "")
    assert only.found.startswith("3 rules loaded in ")
    assert only.figure is not None
    assert only.figure[1] == "s"


async def test_each_one_left_out_is_named_with_its_reason_and_the_mend(tmp_path: Path) -> None:
    write_rule(tmp_path, GOOD, name="a.yml")
    write_rule(tmp_path, GOOD, title="A copy", name="b.yml")
    write_rule(tmp_path, "CommandLine|re: '(?=x)y'", title="Ahead", uid=LAST.format(2), name="c.yml")
    (tmp_path / "d.yml").write_text("title: [", "utf-8")
    found = await looked_at(tmp_path, tmp_path)
    assert steps(found) == [("rules", "ok")] + [("left out", "warn")] * 3
    by_file = {name: next(one for one in found if f"{name}.yml" in one.found) for name in "bcd"}
    assert "another rule has its id" in by_file["b"].found
    assert "keep one of the two" in by_file["b"].mend
    assert "A copy" in by_file["b"].found
    assert "invalid perl operator" in by_file["c"].found
    assert "without look-around" in by_file["c"].mend
    assert by_file["d"].mend == "correct the rule; the others are used"


async def test_many_left_out_are_told_in_a_few_lines(tmp_path: Path) -> None:
    write_rule(tmp_path, GOOD, name="good.yml")
    for number in range(30):
        (tmp_path / f"{number}.yml").write_text("nothing: here", "utf-8")
    found = await looked_at(tmp_path, tmp_path)
    assert len(found) == 1 + 5 + 1
    assert "25 more in 25 files" in found[-1].found


async def test_where_none_is_usable_that_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("nothing: here", "utf-8")
    found = await looked_at(tmp_path, tmp_path)
    assert steps(found) == [("rules", "failed"), ("left out", "warn")]


@pytest.mark.parametrize(("make", "says"), [(False, "no such file or folder"), (True, "no rule (*.yml)")])
async def test_a_path_without_rules_names_itself_and_the_setting(
    tmp_path: Path, make: bool, says: str
) -> None:
    path = tmp_path / "sigma"
    if make:
        path.mkdir()
    (only,) = await looked_at(tmp_path, path)
    assert (only.check, only.state) == ("rules", "failed")
    assert says in only.found
    assert str(path) in only.found
    assert "[patterns] sigma" in only.mend
