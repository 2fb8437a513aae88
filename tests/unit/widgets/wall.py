"""All widgets in one app with plausible data, for tests in process and, run as a module, on a pty."""

import os
import sys
from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from themes import WIDGETS_TCSS
from themes.definitions import VARIABLE_DEFAULTS, install
from widgets.cost import CostPanel
from widgets.data import (
    ActionItem,
    Cell,
    Column,
    CostItem,
    EvidenceItem,
    FactItem,
    LaneItem,
    ModelCostItem,
    RowData,
    SourceItem,
    StageItem,
    VerdictCard,
    WaterfallBar,
    WaterfallData,
)
from widgets.evidence import EvidencePanel
from widgets.governor import GovernedApp, GovernedDriver
from widgets.heading import PaneTitle
from widgets.lanes import LaneDepthPanel, LanesBar
from widgets.raw import RawPanel
from widgets.safe import shown, shown_lines
from widgets.spinner import Spinner
from widgets.stages import StagesStrip
from widgets.status import SourcesLine, StatusLine, cost_runs
from widgets.stream import StreamPane
from widgets.table import VirtualTable
from widgets.waterfall import WaterfallPanel

COLUMNS = (
    Column("sla", shown("SLA"), 5, align="right"),
    Column("sev", shown("SEV"), 6),
    Column("title", shown("ALERT"), 16, flex=3),
    Column("entity", shown("ENTITY"), 12, flex=1, priority=1),
    Column("state", shown("STATE"), 7, priority=3, from_width=90),
    Column("verdict", shown("VERDICT"), 8, priority=2),
)

LANES = (
    LaneItem("critical", 2, 1, 19, 41, 0.5, 60),
    LaneItem("high", 14, 2, 58, -12, 3, 300),
    LaneItem("medium", 220, 14, 440, 480, 20, 900, shown("batch 14/20")),
    LaneItem("low", 1900, 0, 3000, None, 80, 0, shown("in 61 folds")),
    LaneItem("raw", None, 0, None, None, 12_000, 0, shown("9 patterns")),
)

STAGES = (
    StageItem("ingest", 10, 3.1, 1.2, trend=(1, 1, 2, 1, 3)),
    StageItem("route", 5, 0.8, 0.3, trend=(1, 1, 1, 1, 1)),
    StageItem("enrich", 100, 41, 8, trend=(20, 30, 40, 35, 41)),
    StageItem("analyse", 2000, 1740, 3100, trend=(900, 1200, 1100, 1500, 1740)),
    StageItem("act", 50, 62, 1, trend=(10, 10, 12, 40, 62)),
)

COST = CostItem(
    1.84,
    11.2,
    0.031,
    5.0,
    50.0,
    35.1,
    (ModelCostItem(shown("best"), 8.4, 312), ModelCostItem(shown("local"), 0.0, 1)),
    (1, 2, 2, 3),
    shown("medium steps down to fast"),
)

SOURCES = (
    SourceItem(shown("kafka/alerts"), "live", per_second=1200, lag=0, show_lag=True),
    SourceItem(shown("redis/raw"), "reconnecting", shown("refused, again in 4 s")),
)

CARD = VerdictCard(
    shown("True Positive"),
    0.94,
    5,
    shown("Beaconing from a finance laptop."),
    (
        FactItem(shown("calls every 60 s"), (shown("E1"),)),
        FactItem(shown("launched by svchost.exe"), (), grounded=False),
    ),
    (
        ActionItem(shown("isolate_host"), shown("ws-fin-114"), needs_approval=True),
        ActionItem(shown("open_ticket"), shown("IR queue"), needs_approval=False, state="done"),
    ),
    shown("best"),
    1300,
    0.021,
    3,
    4,
    degraded=True,
    injection=True,
)

EVIDENCE = (
    EvidenceItem(shown("E1"), shown("alert"), shown("41 connections, 60.0 s apart"), weight=2),
    EvidenceItem(shown("E2"), shown("threat_intel"), shown("in feodo"), "hit", 200, 3, hard=True),
    EvidenceItem(shown("E3"), shown("geoip"), shown("AS64500 Example"), "stale", 7600, -1),
)

WATERFALL = WaterfallData(
    (
        WaterfallBar(shown("ingest"), 0, 1, 3, 10),
        WaterfallBar(shown("enrich"), 6, 20, 88, 100),
        WaterfallBar(shown("analyse"), 115, 400, 1580, 2000),
        WaterfallBar(shown("act"), 2095, 2, 71, 50),
    ),
    2168,
    2000,
    ((1315.0, shown("first token")),),
)

TEXT = shown_lines(
    "## What happened\nHost 10.4.2.17 has called **203.0.113.9** every 60 s [E1].\n\n"
    "- first `GET /`, then more\n"
)


def row(index: int, text: str = "Alert", left: int = 60) -> RowData:
    """A plausible row; its key is its index."""
    return RowData(
        index,
        (
            Cell(shown(f"0:{left % 60:02d}"), "sla-ok"),
            Cell(shown("■ CRIT"), "severity-critical bold"),
            Cell(shown(f"{text} {index}"), "strong"),
            Cell(shown(f"10.0.0.{index % 250}")),
            Cell(shown("queued"), "muted"),
            Cell(shown("")),
        ),
    )


class Wall(GovernedApp[int]):
    """Every widget at once. Keys: b draws as much as it can until e, which shows the end state."""

    CSS_PATH = [WIDGETS_TCSS]  # noqa: RUF012 - Textual's attribute
    CSS = "#rail { width: 44; } EvidencePanel { height: 8; }"
    BINDINGS = [("b", "burst", "Burst"), ("e", "end", "End"), ("q", "quit", "Quit")]  # noqa: RUF012 - as above

    def __init__(self, theme: str = "watchfloor-dark", *, governed: bool = False) -> None:
        super().__init__(driver_class=GovernedDriver if governed else None)
        self._chosen = theme
        self._burst = 0
        self.rows_made = 0

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield SourcesLine()
        yield LanesBar()
        with Horizontal():
            yield VirtualTable(COLUMNS)
            with Vertical():
                yield PaneTitle()
                yield StreamPane()
                yield EvidencePanel()
                yield RawPanel()
            with Vertical(id="rail"):
                yield LaneDepthPanel()
                yield WaterfallPanel()
                yield CostPanel()
                yield Spinner()
        yield StagesStrip()
        yield StatusLine()

    def on_mount(self) -> None:
        install(self, self._chosen)
        self.query_one(SourcesLine).show(shown("watchfloor"), SOURCES, cost_runs(COST))
        self.query_one(LanesBar).show(LANES)
        self.query_one(LaneDepthPanel).show(LANES)
        self.query_one(StagesStrip).show(STAGES, ((shown("cache saved $4"), "muted"),))
        self.query_one(CostPanel).show(COST)
        self.query_one(WaterfallPanel).show(WATERFALL)
        self.query_one(EvidencePanel).show(EVIDENCE, (shown("users"),))
        self.query_one(RawPanel).show(shown_lines('{\n  "a": 1\n}'))
        self.query_one(PaneTitle).show(((shown("Investigation"), "strong bold"),))
        self.query_one(StatusLine).show(((shown("READY"), "muted"),))
        table = self.query_one(VirtualTable)
        table.set_source(range(20_000), self._row, 1)
        table.focus()
        stream = self.query_one(StreamPane)
        stream.begin_block("attempt", shown("best"), shown("12:03Z"))
        stream.add_verdict(CARD)
        stream.append(TEXT)

    def _row(self, index: int) -> RowData:
        self.rows_made += 1
        return row(index, f"Alert{self._burst}", index + self._burst)

    def action_burst(self) -> None:
        self.query_one(StatusLine).show(((shown("BURST"), "muted"),))
        self._burst = 1
        self.set_interval(1 / 60, self._step)

    def action_end(self) -> None:
        self._burst = 0
        stats = self.frame_stats()
        self.query_one(VirtualTable).tick()
        text = shown(f"END held={stats.held} replaced={stats.replaced} written={stats.written}")
        self.query_one(StatusLine).show(((text, "muted"),))

    def _step(self) -> None:
        if self._burst:
            self._burst += 1
            self.query_one(VirtualTable).tick()
            self.query_one(StreamPane).append(shown(f"word{self._burst} "))


def hostile() -> Iterator[str]:
    """Text that attackers put into alerts to reach the terminal or the screen's markup."""
    yield "[/b] not a tag"
    yield "[@click=app.quit()]x[/]"
    yield "[link=https://evil.example]x[/link]"
    yield "[red]x[/red] [bold"
    yield "\x1b]52;c;ZXZpbA==\x07clip"
    yield "\x1b]0;title\x07t"
    yield "\x1b[2J\x1b[Hwiped"
    yield "\x9b2Jc1 \x9d0;t\x9c"
    yield "a\u202egnp.exe"
    yield "zero\u200bwidth\ufeff"
    yield "tag\U000e0041\U000e0042"
    yield "line\nfeed\rreturn\ttab\x08\x08back"


if __name__ == "__main__":
    wall = Wall(governed=True)
    wall.frame_interval_s = float(os.environ.get("WALL_INTERVAL_S", "0"))
    sys.exit(wall.run() or 0)
