"""The main screen: queue, investigation and rail in three layouts, and what each key does there."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from backend.api import Ask, Command, Investigate, Look, Row, SetFilter, SetOrder, Snapshot
from console.bindings import DETAIL_HINTS, QUEUE_HINTS, SCREEN_KEYS, bindings
from console.port import EnginePort
from console.screens.detail_pane import InvestigationPane
from console.screens.dialogs import Popup, SelectDialog
from console.screens.header import Header
from console.screens.lines import KeyHints, LinesBlock
from console.screens.queue_pane import QueuePane
from console.screens.rail import Rail
from console.screens.sent import SentScreen
from console.screens.triage import Triage
from console.screens.why import Standing, WhyPopup
from console.view_models.cost import cost_lines
from console.view_models.filter_text import toggle_severity
from console.view_models.header import stage_items, strip_aside
from console.view_models.queue import title_of
from console.view_models.replies import Loudness
from widgets.safe import Shown
from widgets.stages import StagesStrip
from widgets.table import VirtualTable

NARROW, WIDE, ULTRA = "narrow", "wide", "ultra"
WIDE_FROM, ULTRA_FROM = 110, 170
LEAST_WIDTH, LEAST_HEIGHT = 60, 15
TALL_FROM = 30
"""Rows from which the tabs stand beneath the stream instead of in its place."""

WIDTHS = [(0, "-cramped"), (LEAST_WIDTH, "-narrow"), (WIDE_FROM, "-wide"), (ULTRA_FROM, "-ultra")]
HEIGHTS = [(0, "-low"), (LEAST_HEIGHT, "-short"), (TALL_FROM, "-tall")]
"""Classes of the screen by its size, for the style sheet."""

REST_S = 0.15
"""The investigation follows the cursor when it has rested this long, so that moving through stays light."""

HintsOf = Callable[[tuple[str, ...]], list[tuple[Shown, Shown]]]


class MainScreen(Screen[None]):
    """Lays the panes out, hands snapshots to them, and turns keys into commands."""

    AUTO_FOCUS = "#queue"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREEN_KEYS)]

    def __init__(
        self,
        engine: EnginePort,
        *,
        send: Callable[[Command], None],
        actor: str,
        sla_s: Mapping[str, float],
        now_ms: Callable[[], int],
        hints_of: HintsOf,
    ) -> None:
        """`send` hands a command to the engine; `hints_of` gives keys and words for binding ids."""
        super().__init__(id="main")
        self.HORIZONTAL_BREAKPOINTS = WIDTHS
        self.VERTICAL_BREAKPOINTS = HEIGHTS
        self._engine = engine
        self._send = send
        self._sla_s = sla_s
        self._now_ms = now_ms
        self._hints_of = hints_of
        self._rest: Timer | None = None
        self._tab_chosen = False
        self._ready = False
        self.snapshot: Snapshot = engine.snapshot
        self.head = Header(now_ms)
        self.queue = QueuePane(now_ms, sla_s)
        self.pane = InvestigationPane(engine, now_ms)
        self.rail = Rail()
        self.strip = StagesStrip(id="stages")
        self.hints = KeyHints(id="hints")
        self.triage = Triage(self, send, actor)

    def compose(self) -> ComposeResult:
        """All panes; the style sheet shows those that a size has room for."""
        with Vertical(id="whole"):
            yield self.head
            with Horizontal(id="body"):
                yield self.queue
                yield self.pane
                yield self.rail
            yield self.strip
            yield self.hints
        yield LinesBlock(
            [
                [(Shown("watchfloor needs 60 by 15 cells"), "strong")],
                [(Shown("make the window larger"), "muted")],
            ],
            id="too-small",
        )

    def on_mount(self) -> None:
        """Begin with what the engine shows now."""
        self._ready = True
        self._arrange(self.size.width, self.size.height)
        self.show_snapshot(self.snapshot)
        self._show_hints()

    # --- layout -----------------------------------------------------------------------------------------

    @property
    def layout_name(self) -> str:
        """narrow, wide or ultra."""
        width = self.size.width
        return ULTRA if width >= ULTRA_FROM else WIDE if width >= WIDE_FROM else NARROW

    @property
    def pane_shown(self) -> bool:
        """Whether the investigation is in sight."""
        return self.layout_name != NARROW or self.has_class("-opened")

    def on_resize(self, event: Resize) -> None:
        """Another size: other columns, other tabs."""
        self._arrange(event.size.width, event.size.height)

    def _arrange(self, width: int, height: int) -> None:
        name = ULTRA if width >= ULTRA_FROM else WIDE if width >= WIDE_FROM else NARROW
        self.queue.use_layout(name)
        if not self._tab_chosen:
            self.pane.choose_tab("evidence" if height >= TALL_FROM else "investigation")
        self.head.use_room(width, height)
        if self._ready and name != NARROW and self.pane.alert_id is None:
            self._follow_soon()

    # --- what the engine shows --------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Another state of the engine; each part repaints only what differs."""
        self.snapshot = snapshot
        self.queue.show_snapshot(snapshot)
        self.pane.show_row(self.queue.row(self.pane.alert_id))
        self._show_around()

    def second(self) -> None:
        """A second on: countdowns, ages, rates, the clock."""
        self.queue.second()
        if self.pane.alert_id is not None and self.pane_shown:
            self.pane.show_row(self.queue.row(self.pane.alert_id))
        self._show_around()

    def _show_around(self) -> None:
        snapshot = self.snapshot
        passed_s = max(0, self._now_ms() - snapshot.wall_ms) / 1000 if snapshot.rows else 0.0
        self.head.show(snapshot, self._engine.failed, self._sla_s, passed_s)
        self.strip.show(stage_items(snapshot.stages), strip_aside(snapshot))
        if self.layout_name == ULTRA:
            self.rail.show(snapshot, self._sla_s, passed_s)

    def pump(self) -> None:
        """A frame on: what the open alert's analysis wrote."""
        if self.pane_shown:
            self.pane.pump()
            if self.layout_name == ULTRA:
                self.rail.show_waterfall(self.pane.waterfall_data)

    def _show_hints(self) -> None:
        help_key, help_word = self._hints_of(("app.help",))[0]
        right = ((help_key, "accent bold"), (Shown(" "), ""), (help_word, "muted"))
        self.hints.show(self._hints_of(DETAIL_HINTS if self._in_pane() else QUEUE_HINTS), right)

    def say(self, words: str, loudness: Loudness = "information") -> None:
        """A toast; its text is never markup."""
        self.app.notify(words, severity=loudness, markup=False)

    # --- cursor, opening, focus -------------------------------------------------------------------------

    def row_of(self, alert_id: int) -> Row | None:
        """What is known of an alert: its queue row, or what the open pane holds."""
        row = self.queue.row(alert_id)
        return self.pane.row if row is None and alert_id == self.pane.alert_id else row

    def targets(self) -> tuple[int, ...]:
        """What a triage key acts on: the selection, else the opened alert, else the one under the cursor."""
        if self._in_pane() and self.pane.alert_id is not None and not self.queue.table.marked:
            return (self.pane.alert_id,)
        return self.queue.targets()

    def _in_pane(self) -> bool:
        focused = self.focused
        return focused is not None and self.pane in focused.ancestors

    def watch_focused(self, focused: Widget | None) -> None:
        """Other keys matter in another pane."""
        if self._ready:
            self._show_hints()

    def on_virtual_table_row_highlighted(self, event: VirtualTable.RowHighlighted) -> None:
        """Where the investigation is in sight it follows, when the cursor rests."""
        if self.pane_shown:
            self._follow_soon()

    def on_queue_pane_cursor_rested(self, event: QueuePane.CursorRested) -> None:
        """The engine may begin on what will be opened next."""
        self._send(Look(event.alert_id))

    def _follow_soon(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_S, self._follow)

    def _follow(self) -> None:
        self._rest = None
        if self.pane_shown and not isinstance(self.focused, Input):
            row = self.queue.current()
            if row is not None or not self._in_pane():
                self.pane.open(row.id if row is not None else None, row)

    def on_virtual_table_row_opened(self, event: VirtualTable.RowOpened) -> None:
        """Enter: open, and take the keys along."""
        self.add_class("-opened")
        self.pane.open(event.key, self.queue.row(event.key))
        self.pane.focus_first()

    def on_virtual_table_marks_changed(self, event: VirtualTable.MarksChanged) -> None:
        """The heading counts the selection."""
        self.queue.show_heading()

    def after_decision(self, acted: tuple[int, ...]) -> None:
        """The next alert comes by itself; in a narrow pane it is opened in the place of the last."""
        self.queue.release_marks()
        self.queue.move_past(acted)
        if self._in_pane():
            row = self.queue.current()
            if row is not None and row.id not in acted:
                self.pane.open(row.id, row)
            elif self.layout_name == NARROW:
                self.action_back()

    # --- keys: moving -----------------------------------------------------------------------------------

    def action_back(self) -> None:
        """Escape: out of the input, out of the pane, out of the selection, out of the filter."""
        focused = self.focused
        if focused is self.queue.filter_input:
            self.queue.close_filter(keep=False)
        elif focused is self.pane.ask_input:
            self.pane.close_ask()
            self.pane.focus_first()
        elif self._in_pane():
            self.remove_class("-opened")
            self.queue.table.focus()
        elif not self.queue.release_marks() and self.snapshot.filter_text:
            self._send(SetFilter(""))

    def action_focus_pane(self, step: int) -> None:
        """Tab: the queue, the stream, the panel beneath it."""
        stops: list[Widget] = (
            [self.queue.table, *self.pane.stops()] if self.pane_shown else [self.queue.table]
        )
        if self.layout_name == NARROW and self.pane_shown:
            stops = stops[1:]
        at = stops.index(self.focused) if self.focused in stops else -1
        stops[(at + step) % len(stops)].focus()

    def action_turn_tab(self, step: int) -> None:
        """The next or previous tab."""
        self._tab_chosen = True
        self.pane.turn_tab(step)

    def action_show_tab(self, name: str) -> None:
        """A tab by name; opens the alert where the pane is out of sight."""
        self._tab_chosen = True
        if not self.pane_shown:
            self.queue.table.action_open()
        self.pane.choose_tab(name)

    # --- keys: triage and asking ------------------------------------------------------------------------

    def action_claim(self) -> None:
        """Claim."""
        self.triage.claim()

    def action_decide(self) -> None:
        """Decide."""
        self.triage.decide()

    def action_done(self) -> None:
        """Done."""
        self.triage.done()

    def action_note(self) -> None:
        """Note."""
        self.triage.note()

    def action_undo(self) -> None:
        """Undo."""
        self.triage.undo()

    def action_answer(self, approve: bool) -> None:
        """Approve or deny."""
        self.triage.answer(approve=approve)

    def action_investigate(self) -> None:
        """Analyse now, and show it."""
        targets = self.targets()
        for alert_id in targets[:20]:
            self._send(Investigate(alert_id))
        if len(targets) > 1:
            self.say(f"Investigating {min(20, len(targets))} of {len(targets)} alerts")
            self.queue.release_marks()
        elif targets and not self.pane_shown:
            self.queue.table.action_open()

    def action_ask(self) -> None:
        """Ask on about the alert in the pane, or the one under the cursor."""
        current = self.queue.current()
        if not self._in_pane() and current is not None:
            self.add_class("-opened")
            self.pane.open(current.id, current)
        if self.pane.alert_id is not None:
            self.pane.open_ask()

    def on_investigation_pane_asked(self, event: InvestigationPane.Asked) -> None:
        """A question was sent."""
        self._send(Ask(event.alert_id, event.question))

    def action_why(self) -> None:
        """Explain the order."""
        row = self.pane.row if self._in_pane() else self.queue.current()
        if row is not None:
            times = self._now_ms, self._sla_s
            self.app.push_screen(WhyPopup(self._engine, row, self._standing, times))

    def _standing(self, row: Row) -> Standing:
        place = self.queue.place(row.id), self.snapshot.rows_total
        return self.queue.row(row.id) or row, place, self.queue.order

    def action_sent(self) -> None:
        """Show what went to models on the alert, byte for byte."""
        row = self.pane.row if self._in_pane() else self.queue.current()
        if row is not None:
            self.app.push_screen(SentScreen(self._engine, row.id, title_of(row)))

    def action_cost(self) -> None:
        """What the models cost."""
        self.app.push_screen(Popup("What the models cost", cost_lines(self.snapshot.cost), "dollar_sign"))

    # --- keys: selection and view -----------------------------------------------------------------------

    def action_toggle_mark(self) -> None:
        """Select the row and go on to the next."""
        self.queue.table.toggle_mark()
        self.queue.table.move_by(1)

    def action_select_more(self) -> None:
        """Ask which."""
        self.app.push_screen(SelectDialog(), self._select)

    def _select(self, what: str | None) -> None:
        if what == "none":
            self.queue.release_marks()
        elif what == "rule":
            self.say(f"{self.queue.mark_same_rule()} of this rule selected")
        elif what == "all":
            count, total = self.queue.mark_all(), self.snapshot.rows_total
            beyond = f" of {total}: the queue holds no more at once" if total > count else ""
            self.say(f"{count} selected{beyond}")

    def action_filter(self) -> None:
        """Type a filter."""
        self.remove_class("-opened")
        self.queue.open_filter()

    def on_queue_pane_filter_typed(self, event: QueuePane.FilterTyped) -> None:
        """Ask for a filter."""
        if event.text.strip() != self.snapshot.filter_text:
            self._send(SetFilter(event.text.strip()))

    def action_severity(self, name: str) -> None:
        """One severity only, or all again."""
        self._send(SetFilter(toggle_severity(self.snapshot.filter_text, name)))

    def action_order(self) -> None:
        """What is due first, or the newest first."""
        self.queue.order = "newest" if self.queue.order == "priority" else "priority"
        self._send(SetOrder("newest" if self.queue.order == "newest" else "priority"))
        self.queue.show_heading()

    def action_freeze(self) -> None:
        """Hold the queue still, or let it go on."""
        self.queue.toggle_freeze()
