from dataclasses import replace

import pytest
from textual.color import Color
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from tests.unit.widgets.wall import COST, EVIDENCE, LANES, SOURCES, STAGES, WATERFALL, Wall, hostile
from themes.definitions import GROUNDS, LIGHT, THEMES
from widgets.cost import CostPanel, cost_runs
from widgets.data import EvidenceItem, ShareItem, StageItem, WaterfallBar, WaterfallData
from widgets.evidence import EvidencePanel
from widgets.heading import PaneTitle
from widgets.lanes import LaneDepthPanel, LanesBar
from widgets.panel import LinePanel
from widgets.raw import RawPanel
from widgets.safe import shown, shown_lines
from widgets.scroll import LineScroll
from widgets.spinner import Spinner
from widgets.stages import StagesStrip, stage_style
from widgets.status import SourcesLine, StatusLine
from widgets.waterfall import WaterfallPanel, axis_step


def _built(panel: LinePanel, width: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in panel.build(width)]


def _drawn(widget: Widget) -> list[str]:
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


async def _settle(pilot: Pilot[int]) -> None:
    await pilot.pause(0.2)


def test_lanes_keep_their_places_and_an_unknown_depth_is_not_zero() -> None:
    bar = LanesBar()
    bar.show(LANES)
    (line,) = _built(bar, 120)
    assert "■ CRIT 2  0:41 left" in line
    assert "▲ HIGH 14  -0:12" in line
    assert "● MED 220" in line
    assert "○ LOW 1.9k  in 61 folds" in line
    assert "· RAW —" in line
    places = [line.index(sign) for sign in "▲●○"]
    bar.show(tuple(replace(lane, queued=0, breach_in_s=None) for lane in LANES))
    assert [_built(bar, 120)[0].index(sign) for sign in "▲●○"] == places


def test_eighty_cells_hold_every_lane_with_its_countdown() -> None:
    bar = LanesBar()
    bar.show(LANES)
    (line,) = _built(bar, 80)
    for part in ("CRIT 2  0:41", "HIGH 14", "-0:12", "MED 220", "8:00", "LOW 1.9k", "RAW —"):
        assert part in line


def test_lane_depths_are_bars_with_oldest_and_due() -> None:
    panel = LaneDepthPanel()
    panel.show(LANES)
    lines = _built(panel, 44)
    assert lines[0].split() == ["LANE", "DEPTH", "OLDEST", "DUE"]
    assert lines[1].split()[-3:] == ["2", "19s", "0:41"]
    assert lines[4].count("━") > lines[2].count("━") > 0


def test_stages_show_work_against_budget_and_call_out_waiting() -> None:
    strip = StagesStrip()
    strip.show(STAGES)
    (line,) = _built(strip, 120)
    for part in ("ingest 3.1/10 ms", "route 0.8/5 ms", "enrich 41/100 ms", "AI 1.7/2.0 s", "act 62/50 ms"):
        assert part in line
    wide = _built(strip, 200)[0]
    assert "wait 3.1 s" in wide
    assert "━" in wide
    narrow = _built(strip, 80)[0]
    for part in ("ingest", "route", "enrich", "AI", "act"):
        assert part in narrow
    assert stage_style(62, 50) == "stage-over"
    assert stage_style(None, 50) == "muted"
    strip.show((StageItem("act", 50, None),))
    assert "act —/50 ms" in _built(strip, 80)[0]


def test_the_aside_of_the_stages_gives_way_first() -> None:
    strip = StagesStrip()
    strip.show(STAGES, ((shown("cache saved $4"), "muted"),))
    assert "cache saved $4" in _built(strip, 140)[0]
    assert "cache saved $4" not in _built(strip, 100)[0]


def test_cost_is_shown_against_its_budgets() -> None:
    panel = CostPanel()
    panel.show(COST)
    text = "\n".join(_built(panel, 42))
    for part in (
        "$1.84 of $5.00",
        "37 %",
        "$11.20 of $50.00",
        "$35.10",
        "312 calls",
        "1 call ",
        "▲ medium steps down",
    ):
        assert part in text
    calm = replace(COST, note=shown(""))
    line = "".join(part for part, _ in cost_runs(calm, 120))
    assert line.startswith("$1.84/h of 5.00 ")
    assert line.endswith("today $11.20")
    wide = "".join(
        part for part, _ in cost_runs(replace(calm, forecast_usd=21.6, until=shown("16:00Z")), 200)
    )
    assert wide.endswith("today $11.20 of 50.00  $21.60 by 16:00Z")
    assert "".join(part for part, _ in cost_runs(COST, 80)) == "▲ $1.84/h of 5.00  today $11.20"
    daily = replace(calm, hour_budget_usd=None)
    assert "".join(part for part, _ in cost_runs(daily, 80)) == "$1.84/h  today $11.20 of 50.00"


def test_money_that_runs_short_is_told_in_words_with_a_sign() -> None:
    panel = CostPanel()
    short = replace(
        COST,
        note=shown(""),
        going=True,
        forecast=shown("at this rate the day's budget is spent at 14:20Z"),
        step_down=shown("low and medium on local models since 13:02Z, high on cheaper models since 13:20Z"),
        lanes=(ShareItem(shown("critical"), 3.0, 41, "lane-critical"), ShareItem(shown("low"), 1.0, 2)),
        kinds=(ShareItem(shown("analyses"), 3.5), ShareItem(shown("questions"), 0.5)),
        savings=(ShareItem(shown("folds"), 35.1),),
    )
    panel.show(short)
    for width in (42, 60):
        lines = _built(panel, width)
        assert max(len(line) for line in lines) <= width
        warned = [line for line in lines if line.startswith(" ▲ ")]
        assert [line.split()[1] for line in warned] == ["at", "low"]
        critical, low = (
            next(line for line in lines if line.split()[0] == name) for name in ("critical", "low")
        )
        assert critical.count("━") == pytest.approx(3 * low.count("━"), abs=1)
        assert critical.rstrip().endswith("41 calls    $3.00")
        assert any("analyses $3.50 · questions $0.50" in line for line in lines)
        assert any(line.split() == ["Saved", "by", "folds", "$35.10"] for line in lines)


def test_sources_are_shortened_then_summed_up() -> None:
    line = SourcesLine()
    line.show(shown("watchfloor"), SOURCES, ((shown("12:03Z"), "muted"),))
    assert "kafka/alerts 1.2k/s lag 0" in _built(line, 120)[0]
    assert "refused, again in 4 s" in _built(line, 120)[0]
    assert "redis/raw reconnecting" in _built(line, 80)[0]
    assert "1 of 2 sources live" in _built(line, 58)[0]
    assert _built(line, 120)[0].endswith("12:03Z ")


def test_the_waterfall_tells_waiting_from_work_and_marks_the_budget() -> None:
    panel = WaterfallPanel()
    panel.show(WATERFALL)
    lines = _built(panel, 90)
    analyse = next(line for line in lines if "analyse" in line)
    assert 8 <= analyse.count("░") <= 16
    assert 36 <= analyse.count("█") <= 52
    assert analyse.rstrip().endswith("1.6/2.0 s")
    assert analyse.index("░") < analyse.index("█")
    enrich = next(line for line in lines if "enrich" in line)
    assert enrich.index("│") > enrich.index("█")
    assert enrich.index("█") < analyse.index("█")
    assert any("first token 1.3 s" in line for line in lines)
    assert "2.2/2.0 s" in lines[-1]
    assert "waited 423 ms" in lines[-1]
    panel.show(None)
    assert _built(panel, 90) == [" no times yet"]


def test_the_axis_is_labelled_with_round_steps() -> None:
    assert axis_step(2168, 66) == 500
    assert axis_step(90, 40) == 20
    assert axis_step(10_000_000, 20) > 0
    panel = WaterfallPanel()
    panel.show(WaterfallData((WaterfallBar(shown("x"), 0, 0, 0),), 0))
    assert _built(panel, 40)


async def test_evidence_is_listed_selected_and_pointed_out() -> None:
    app = Wall()
    chosen: list[str] = []
    async with app.run_test(size=(160, 50)) as pilot:
        panel = app.query_one(EvidencePanel)
        app.set_interval(10, lambda: None)
        await _settle(pilot)
        text = "\n".join(_drawn(panel))
        for part in ("E1", "threat intel", "▲▲▲ hard signal", "cached 3m", "stale 2h", "41 connections"):
            assert part in text
        panel.focus()
        await pilot.press("j", "j")
        assert panel._chosen == "E2"
        panel.cite("E3")
        await _settle(pilot)
        lines = _drawn(panel)
        assert [line[0] for line in lines if line.startswith("▌")]
        assert any(line.startswith("▌ E3") for line in lines)
        panel.show((*EVIDENCE, EvidenceItem(shown("E4"), shown("user"), shown("late"))), ())
        await _settle(pilot)
        assert panel._chosen == "E3"
        assert chosen == []


async def test_raw_lines_are_numbered_and_long_ones_wrapped() -> None:
    app = Wall()
    async with app.run_test(size=(160, 50)) as pilot:
        panel = app.query_one(RawPanel)
        panel.show(shown_lines('{\n  "key": "' + "v" * 200 + '"\n}'))
        await _settle(pilot)
        lines = _drawn(panel)
        assert lines[0] == " 1  {"
        assert lines[1].startswith(' 2    "key": "v')
        assert lines[2].startswith("    v")
        assert any(line == " 3  }" for line in lines)
        assert sum(line.count("v") for line in lines) == 200


async def test_a_panel_repaints_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Wall()
    async with app.run_test(size=(160, 50)) as pilot:
        await _settle(pilot)
        bar = app.query_one(LanesBar)
        asked: list[Region] = []
        monkeypatch.setattr(bar, "refresh", lambda *regions, **_: asked.extend(regions))
        bar.show(tuple(LANES))
        assert not asked
        bar.show((replace(LANES[0], breach_in_s=40), *LANES[1:]))
        (region,) = asked
        assert region.width < 10
        await _settle(pilot)
        assert "0:40" in _drawn(bar)[0]


async def test_a_spinner_wakes_nothing_unless_something_runs() -> None:
    app = Wall()
    async with app.run_test(size=(160, 50)) as pilot:
        spinner = app.query_one(Spinner)
        assert spinner._timer is None
        assert _drawn(spinner) == [""]
        spinner.running = True
        await _settle(pilot)
        assert spinner._timer is not None
        assert _drawn(spinner) != [""]
        spinner.running = False
        assert spinner._timer is None


@pytest.mark.parametrize(
    ("theme", "size"),
    [
        (THEMES[0].name, (80, 24)),
        (THEMES[1].name, (120, 40)),
        (THEMES[2].name, (200, 60)),
        (THEMES[0].name, (20, 6)),
        (THEMES[1].name, (1, 1)),
    ],
)
async def test_everything_draws_at_every_size(theme: str, size: tuple[int, int]) -> None:
    app = Wall(theme)
    async with app.run_test(size=size) as pilot:
        await _settle(pilot)
        for widget in app.query(LinePanel):
            for y in range(widget.size.height):
                assert widget.render_line(y).cell_length == widget.size.width
        app.theme = "textual-dark"
        await _settle(pilot)
        assert app.is_running


async def test_another_theme_repaints_everything_in_its_colours() -> None:
    app = Wall()
    async with app.run_test(size=(160, 50)) as pilot:
        await _settle(pilot)
        app.theme = LIGHT.name
        await _settle(pilot)
        light = {Color.parse(_ground(name)).rich_color for name in (*GROUNDS, "rule")}
        for widget in (*app.query(LinePanel), *app.query(LineScroll), *app.query(Spinner)):
            for y in range(widget.size.height):
                for segment in widget.render_line(y):
                    assert segment.style is not None
                    assert segment.style.bgcolor in light, (widget, y, segment)


def _ground(name: str) -> str:
    return LIGHT.variables.get(name) or str(getattr(LIGHT, name))


async def test_hostile_text_is_only_text_in_every_panel() -> None:
    app = Wall()
    async with app.run_test(size=(160, 50)) as pilot:
        await _settle(pilot)
        for payload in hostile():
            text = shown(payload)
            run = (text, "muted")
            app.query_one(StatusLine).show((run,), (run,))
            app.query_one(PaneTitle).show((run,), (run,))
            app.query_one(SourcesLine).show(text, (replace(SOURCES[0], name=text, detail=text),), (run,))
            app.query_one(LanesBar).show(tuple(replace(lane, note=text) for lane in LANES))
            app.query_one(CostPanel).show(replace(COST, note=text))
            app.query_one(EvidencePanel).show((EvidenceItem(text, text, text, field=text),), (text,))
            app.query_one(RawPanel).show(shown_lines(payload))
            app.query_one(WaterfallPanel).show(
                WaterfallData((WaterfallBar(text, 0, 1, 2),), 3, None, ((1, text),))
            )
            await pilot.pause(0.02)
            assert app.is_running
            assert text[:8] in "\n".join(_drawn(app.query_one(EvidencePanel)))
