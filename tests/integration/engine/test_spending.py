"""A dollar a day over the whole engine: who steps down, who is still served, and no cent above it."""

import asyncio
import functools
from pathlib import Path

import msgspec
import pytest

from backend.api import Ask, CostView
from backend.engine import Engine
from console.view_models.cost import cost_lines
from tests.integration.engine.floor import Floor, running
from tests.integration.engine.spending import BEST_USD, MOST_USD, Noon, Vendors, vendors
from tests.support.terminal import Terminal
from tests.support.watchfloor import COMMAND, environment, wait_for

BEST, FAST, LOCAL = "anthropic:big", "openai:mini", "ollama:qwen"


def through(floor: Floor, shop: Vendors, severity: str, count: int) -> CostView:
    """Feed alerts and wait for the verdict of each; what the money looks like then."""
    shop.add(severity, count)
    engine: Engine = floor.engine

    def judged() -> bool:
        rows = engine.snapshot.rows
        return len(rows) == shop.fed and all(row.verdict_ms for row in rows) and engine.idle

    wait_for(judged, f"{count} {severity} alerts have a verdict", 60)
    return engine.snapshot.cost


def by(floor: Floor, severity: str) -> list[str]:
    rows = [row for row in floor.engine.snapshot.rows if str(row.head.title).startswith(severity)]
    return [row.analysed_by for row in sorted(rows, key=lambda row: row.id)]


def play(shop: Vendors, home: Path) -> None:
    settings, noon = shop.settings(home), Noon()
    with running(settings, noon) as floor:
        cost = through(floor, shop, "Medium", 3)
        assert by(floor, "Medium") == [BEST] * 3, "a few cents: nobody steps down"
        assert (cost.step_down, cost.note, floor.engine.snapshot.trouble) == ("", "", ())

        cost = through(floor, shop, "Medium", 6)
        assert cost.step_down.startswith("low on local models since "), "at this rate a dollar is not enough"
        assert cost.gone_ms is not None
        assert by(floor, "Low") == []
        low = shop.billed_usd
        cost = through(floor, shop, "Low", 5)
        assert by(floor, "Low") == [LOCAL] * 5

        cost = through(floor, shop, "High", 12)
        assert by(floor, "High") == [BEST] * 12
        assert "medium" in cost.step_down
        cost = through(floor, shop, "Medium", 5)
        assert by(floor, "Medium")[-5:] == [LOCAL] * 5

        cost = through(floor, shop, "High", 20)
        assert by(floor, "High")[-5:] == [FAST] * 5, "high does with the cheaper one"
        assert "high on cheaper models" in cost.step_down
        (trouble,) = floor.engine.snapshot.trouble
        assert trouble.startswith("day's budget gone by ")
        assert trouble.endswith(cost.step_down)
        stepped = shop.billed_usd

        cost = through(floor, shop, "Critical", 10)
        assert by(floor, "Critical") == [BEST] * 10, "critical keeps its best model"

        while FAST in by(floor, "High")[-10:]:
            cost = through(floor, shop, "High", 40)
        assert by(floor, "High")[-5:] == [LOCAL] * 5
        assert cost.note.startswith("day's budget is down to its reserve")
        reserve = shop.billed_usd

        cost = through(floor, shop, "Critical", 10)
        assert by(floor, "Critical")[-10:] == [BEST] * 10, "served from the reserve"
        cost = through(floor, shop, "Critical", 40)
        assert by(floor, "Critical")[-1] == LOCAL, "a dollar is spent: even critical is local now"
        assert cost.note == "day's budget is spent: local models and the playbook answer"

        assert shop.billed_usd <= 1.0 + MOST_USD
        assert shop.billed_usd >= 1.0 - MOST_USD, "nor is money left lying"
        assert cost.usd_today == pytest.approx(shop.billed_usd)
        assert sum(lane.usd for lane in cost.by_lane) == pytest.approx(cost.usd_today)
        assert {saving.by for saving in cost.savings} == {"tiers"}
        print(  # noqa: T201 - the figures of the run
            f"\n$1 a day: low has stepped down by ${low:.2f}, high by ${stepped:.2f}; the reserve begins"
            f" at ${reserve:.2f}; at the end ${shop.billed_usd:.4f} is billed:"
            f" {len(shop.best.requests)} calls to the best, {len(shop.fast.requests)} to the cheaper,"
            f" {len(shop.local.requests)} to the local model; stepping down saved ${cost.saved_usd:.2f}"
        )
        for line in cost_lines(cost):
            print("".join(text for text, _ in line))  # noqa: T201 - as above

    with running(settings, noon) as floor:
        again = floor.engine.snapshot.cost
        for name in ("usd_today", "by_lane", "by_kind", "by_model"):
            assert getattr(again, name) == _near(getattr(cost, name)), name
        assert again.saved_usd == pytest.approx(cost.saved_usd)
        cost = through(floor, shop, "Critical", 2)
        assert by(floor, "Critical")[-2:] == [LOCAL] * 2, "a restart brings no new money"
        assert cost.note == "day's budget is spent: local models and the playbook answer"


def _near(value: object) -> object:
    if isinstance(value, float):
        return pytest.approx(value)
    if isinstance(value, tuple):
        return tuple(msgspec.structs.replace(one, usd=pytest.approx(one.usd)) for one in value)
    return value


async def test_a_dollar_a_day_lasts_for_what_is_critical(tmp_path: Path) -> None:
    async with vendors(tmp_path) as shop:
        await asyncio.to_thread(play, shop, tmp_path / "home")


def ask(shop: Vendors, home: Path) -> None:
    settings = shop.settings(home)
    with running(settings, Noon()) as floor:
        through(floor, shop, "Critical", 1)
        (row,) = floor.engine.snapshot.rows
        assert floor.do(Ask(row.id, "Who else calls there?")).ok
        wait_for(lambda: floor.row(row.id).cost_usd > 0.02, "the answer is paid for")
        kinds = {share.name: share.calls for share in floor.engine.snapshot.cost.by_kind}
        assert kinds == {"analysis": 1, "question": 1}
    with running(settings, Noon()) as floor:
        wait_for(lambda: len(floor.engine.snapshot.rows) == 1, "it is open")
        assert floor.row(row.id).cost_usd == pytest.approx(2 * BEST_USD)
        (record,) = floor.records()
        assert record["cost_usd"] == pytest.approx(2 * BEST_USD)


async def test_the_cost_of_an_alert_holds_its_questions_after_a_restart(tmp_path: Path) -> None:
    async with vendors(tmp_path) as shop:
        await asyncio.to_thread(ask, shop, tmp_path / "home")


CONFIG = """
[[sources]]
uri = "file://{feed}?follow=true"

[models.fast]
provider = "anthropic"
model = "big"
base_url = "{best}"
max_tokens = 256
usd_per_mtok_input = 3.0
usd_per_mtok_output = 15.0

[models.local]
provider = "ollama"
model = "qwen"
base_url = "{local}"

[budget]
usd_per_day = 1.0
shift_hours = 8
"""


def watch(shop: Vendors, folder: Path, size: tuple[int, int]) -> str:
    """The real command on a terminal, while the money goes; its screen when it says so."""
    config = folder / "watchfloor.toml"
    config.write_text(
        CONFIG.format(feed=shop.feed, best=shop.best.base_url, local=shop.local.base_url), "utf-8"
    )
    home = folder / "home"
    home.mkdir(exist_ok=True)
    columns, rows = size
    command = [*COMMAND, "--config", str(config)]
    with Terminal(command, rows=rows, columns=columns, env=environment(home), cwd=home) as terminal:
        assert terminal.wait_for_text("watchfloor", 30), terminal.text()
        shop.add("Medium", 60)
        assert terminal.wait_for_text("low and medium on local models since", 40), terminal.text()
        terminal.send("$")
        for words in ("What the models cost", "LANE", "medium", "analyses", "anthropic:big", "ollama:qwen"):
            assert terminal.wait_for_text(words, 20), terminal.text()
        seen = terminal.text()
        terminal.send("\x1b")
        terminal.read(0.5)
        terminal.send("q")
        terminal.read(1.0)
        return seen


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_step_down_is_said_on_the_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async with vendors(tmp_path) as shop:
        seen = await asyncio.to_thread(functools.partial(watch, shop, tmp_path, size))
    assert "step-down ▲ low and medium on local models since" in seen
    assert "of $1.00" in seen
