"""The investigation pane: one alert with its verdict, the streaming analysis, and the tabs beneath."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend.api import Detail, RecommendedAction, Row
from console.port import EnginePort
from console.screens.line_input import LineInput
from console.screens.lines import LinesBlock, TabBar
from console.view_models.detail import (
    card_lines,
    evidence_items,
    heading,
    shared_lines,
    trail_lines,
    verdict_line,
    waterfall,
)
from console.view_models.guard import guard_lines
from console.view_models.transcript import TranscriptWriter
from widgets.data import WaterfallData
from widgets.evidence import EvidencePanel
from widgets.heading import PaneTitle
from widgets.raw import RawPanel
from widgets.safe import Run, Shown, shown, shown_lines
from widgets.status import StatusLine
from widgets.stream import StreamPane
from widgets.waterfall import WaterfallPanel

TABS = ("investigation", "evidence", "waterfall", "raw", "trail")
NOTHING_OPEN: tuple[Run, ...] = (
    (Shown("no alert is open"), "muted"),
    (Shown("move to one, or press enter"), "faint"),
)
WAITING: tuple[Run, ...] = (
    (Shown("not analysed yet"), "muted"),
    (Shown("its turn comes by lane and deadline · i starts now"), "faint"),
)


class InvestigationPane(Vertical):
    """Watches one alert at a time and shows what the engine publishes of it."""

    class Asked(Message):
        """The analyst sent a follow-up question."""

        def __init__(self, alert_id: int, question: str) -> None:
            super().__init__()
            self.alert_id = alert_id
            self.question = question

    def __init__(self, engine: EnginePort, now_ms: Callable[[], int]) -> None:
        super().__init__(id="detail-pane")
        self._engine = engine
        self._now_ms = now_ms
        self.alert_id: int | None = None
        self.row: Row | None = None
        self.tab = "evidence"
        self.waterfall_data: WaterfallData | None = None
        self.live = False
        self._detail: Detail | None = None
        self.title_line = PaneTitle(id="detail-title")
        self.verdict = StatusLine(id="detail-verdict")
        self.card = LinesBlock(id="detail-card")
        self.stream = StreamPane(id="stream")
        self.tabs = TabBar(TABS, id="tabs")
        self.evidence = EvidencePanel(id="evidence")
        self.waterfall = WaterfallPanel(id="waterfall")
        self.raw = RawPanel(id="raw")
        self.trail = LinesBlock(wrap=True, id="trail-lines")
        self.ask_input = LineInput(placeholder="ask about this alert · enter sends · esc leaves", id="ask")
        self._writer = TranscriptWriter(self.stream)

    def compose(self) -> ComposeResult:
        """Heading, verdict, card, stream, question, tabs and the panel of each."""
        yield self.title_line
        yield self.verdict
        yield self.card
        yield self.stream
        yield self.ask_input
        yield self.tabs
        with Vertical(id="tab-body"):
            yield self.evidence
            yield self.waterfall
            yield self.raw
            with VerticalScroll(id="trail"):
                yield self.trail

    def on_mount(self) -> None:
        """Nothing is open."""
        self.stream.set_placeholder(NOTHING_OPEN)
        self.choose_tab(self.tab)
        self._show_nothing()

    @property
    def to_approve(self) -> tuple[RecommendedAction, ...]:
        """What is recommended for the open alert and needs a person's word."""
        analysis = self._detail.analysis if self._detail is not None else None
        actions = analysis.verdict.actions if analysis is not None else ()
        return tuple(action for action in actions if action.needs_approval)

    # --- which alert ------------------------------------------------------------------------------------

    def open(self, alert_id: int | None, row: Row | None) -> None:
        """Show another alert, or none."""
        if alert_id == self.alert_id:
            return
        if self.alert_id is not None:
            self._engine.unwatch(self.alert_id)
        self.alert_id, self.row, self._detail = alert_id, row, None
        self.waterfall_data = None
        self.live = False
        self.stream.clear()
        self.stream.set_live(False)
        self._writer = TranscriptWriter(self.stream)
        self.close_ask()
        self.evidence.show(())
        self.raw.show(Shown(""))
        self.waterfall.show(None)
        self.trail.show(())
        if alert_id is None:
            self.stream.set_placeholder(NOTHING_OPEN)
            self._show_nothing()
            return
        self._engine.watch(alert_id)
        self.stream.set_placeholder(WAITING)
        self.show_row(row)
        self.pump()

    def _show_nothing(self) -> None:
        self.title_line.show(((Shown("Investigation"), "strong bold"),))
        self.verdict.show(())
        self.card.show(())
        self.tabs.show(self.tab, {})

    def show_row(self, row: Row | None) -> None:
        """What the queue's newest row says of the open alert; None where the queue no longer has it."""
        if row is None and self._detail is not None:
            row = self._detail.row
        if row is None:
            return
        self.row = row
        self.title_line.show(heading(row))
        self.verdict.show(*verdict_line(row))
        alert = self._detail.alert if self._detail is not None else None
        analysis = self._detail.analysis if self._detail is not None else None
        self.card.show(
            (
                *card_lines(row, alert, self._now_ms()),
                *shared_lines(row, self._detail),
                *guard_lines(row, analysis),
            )
        )

    # --- what the engine publishes of it ----------------------------------------------------------------

    def pump(self) -> None:
        """Take what is new since the last frame: the detail, if it is another, and more transcript."""
        if self.alert_id is None:
            return
        detail = self._engine.detail(self.alert_id)
        if detail is not None and detail is not self._detail:
            self._show_detail(detail)
        piece = self._engine.transcript(self.alert_id, self._writer.cursor)
        if piece.live and not self.live:
            self.stream.follow()
        elif not piece.live and not self._writer.started:
            self.stream.read_from_top()
        if piece.events:
            self._writer.write(piece)
            self.stream.flush()  # a frame's worth was gathered already
        elif detail is not None and not self._writer.started and not piece.live:
            self._writer.restore(detail)
        if piece.live != self.live:
            self.live = piece.live
            self.stream.set_live(piece.live)

    def _show_detail(self, detail: Detail) -> None:
        self._detail = detail
        items = evidence_items(detail)
        self._writer.known = frozenset(item.id for item in detail.evidence)
        self.evidence.show(items, tuple(shown(name) for name in detail.missing))
        self.waterfall_data = waterfall(detail)
        self.waterfall.show(self.waterfall_data)
        self.raw.show(shown_lines(detail.raw_text))
        self.trail.show(trail_lines(detail))
        self.tabs.show(
            self.tab,
            {
                "evidence": shown(str(len(items)) if items else ""),
                "trail": shown(str(len(detail.trail)) if detail.trail else ""),
            },
        )
        self.show_row(detail.row if self.row is None or detail.row.state == "closed" else self.row)

    # --- tabs -------------------------------------------------------------------------------------------

    def choose_tab(self, name: str) -> None:
        """Show a tab: in a tall pane beneath the stream, else in its place."""
        self.remove_class(*(f"-{tab}" for tab in TABS))
        self.add_class(f"-{name}")
        self.tab = name
        self.tabs.show(name)

    def turn_tab(self, step: int) -> None:
        """The next or previous tab."""
        self.choose_tab(TABS[(TABS.index(self.tab) + step) % len(TABS)])

    def on_tab_bar_tab_picked(self, event: TabBar.TabPicked) -> None:
        """A click on a tab."""
        event.stop()
        self.choose_tab(event.name)

    def on_stream_pane_citation_picked(self, event: StreamPane.CitationPicked) -> None:
        """A click on [E1] shows that evidence."""
        event.stop()
        self.choose_tab("evidence")
        self.evidence.cite(event.evidence_id)

    # --- asking on --------------------------------------------------------------------------------------

    def open_ask(self) -> None:
        """Show the question line and put the keys there."""
        self.ask_input.display = True
        self.ask_input.focus()

    def close_ask(self) -> None:
        """Hide it; what was typed is kept until it is sent or another alert is opened."""
        self.ask_input.display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter sends the question."""
        event.stop()
        question = event.value.strip()
        if not question or self.alert_id is None:
            return
        self.ask_input.value = ""
        self.close_ask()
        self.stream.follow()
        self.stream.focus()
        self.post_message(self.Asked(self.alert_id, question))

    def stops(self) -> list[Widget]:
        """What tab moves through here: the stream and the panel of the chosen tab, as far as they show."""
        panels: dict[str, Widget] = {
            "evidence": self.evidence,
            "raw": self.raw,
            "trail": self.query_one("#trail"),
        }
        candidates = [self.stream, *([panels[self.tab]] if self.tab in panels else [])]
        return [widget for widget in candidates if widget.display and widget.size.height]

    def focus_first(self) -> None:
        """Give the keys to the stream, or to the tab that stands in its place."""

        def give() -> None:
            stops = self.stops()
            (stops[0] if stops else self.stream).focus()

        self.call_after_refresh(give)
