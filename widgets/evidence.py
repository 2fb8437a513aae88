"""The evidence: numbered findings, each with where it came from, how old it is and which way it points."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.message import Message
from textual.strip import Strip

from widgets.data import EvidenceItem
from widgets.figures import age
from widgets.measure import spread
from widgets.paint import line_of
from widgets.safe import Run, Shown, shown
from widgets.scroll import LineScroll
from widgets.wrap import wrap_runs

_WEIGHTS: dict[int, tuple[str, str]] = {
    # how it bears on the alert: sign, style
    3: ("▲▲▲", "severity-critical"),
    2: ("▲▲", "severity-high"),
    1: ("▲", "severity-high"),
    -1: ("▼", "verdict-benign"),
    -2: ("▼▼", "verdict-benign"),
    -3: ("▼▼▼", "verdict-benign"),
}


def _source(item: EvidenceItem) -> Run:
    if item.kind == "alert":
        return (Shown("from the alert"), "faint")
    if item.cache == "miss":
        return (Shown("just looked up") if item.age_s < 60 else shown(f"{age(item.age_s)} old"), "faint")
    word = "cached" if item.cache == "hit" else "stale"
    return (shown(f"{word} {age(item.age_s)}"), "faint" if item.cache == "hit" else "warn")


class EvidencePanel(LineScroll, can_focus=True):
    """A list of findings; one can be selected, and the one that a text cites is pointed out."""

    DEFAULT_CSS = """
    EvidencePanel { height: 1fr; width: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k,up", "select(-1)", "Up", show=False, id="evidence.up"),
        Binding("j,down", "select(1)", "Down", show=False, id="evidence.down"),
    ]

    class EvidenceSelected(Message):
        """Another finding was selected by key or click."""

        def __init__(self, panel: "EvidencePanel", evidence_id: str) -> None:
            super().__init__()
            self.panel = panel
            self.evidence_id = evidence_id

        @property
        def control(self) -> "EvidencePanel":
            """The panel."""
            return self.panel

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._items: tuple[EvidenceItem, ...] = ()
        self._missing: tuple[Shown, ...] = ()
        self._chosen: str | None = None
        self._lines: list[tuple[list[Run], str]] = []

    def show(self, items: tuple[EvidenceItem, ...], missing: tuple[Shown, ...] = ()) -> None:
        """Show these findings, and by name what had not answered in time."""
        if items != self._items or missing != self._missing:
            self._items, self._missing = items, missing
            if self._chosen not in {item.id for item in items}:
                self._chosen = None
            self._arrange()

    def cite(self, evidence_id: str | None) -> None:
        """Point a finding out and bring it into view; None points none out."""
        if evidence_id != self._chosen:
            self._chosen = evidence_id
            self._reveal()
            self.refresh()

    def action_select(self, delta: int) -> None:
        """Key: select the finding above or below."""
        ids = [item.id for item in self._items]
        if not ids:
            return
        at = next((index for index, name in enumerate(ids) if name == self._chosen), None)
        chosen = ids[0] if at is None else ids[max(0, min(at + delta, len(ids) - 1))]
        if chosen != self._chosen:
            self.cite(chosen)
            self.post_message(self.EvidenceSelected(self, chosen))

    def _arrange(self) -> None:
        width = self.size.width
        self._lines = []
        if width:
            for item in self._items:
                self._lines += [(line, item.id) for line in self._item(item, width)]
            for name in self._missing:
                text = shown(f"{name} had not answered within the budget")
                self._lines.append(([(Shown("  · "), "faint"), (text, "muted")], ""))
        self.set_extent(len(self._lines))
        self.refresh()

    @staticmethod
    def _item(item: EvidenceItem, width: int) -> list[list[Run]]:
        left: list[Run] = [
            (Shown("  "), ""),
            (shown(f"{item.id:<4}"), "citation bold"),
            (shown(item.kind.replace("_", " ")), "strong"),
        ]
        if item.weight:
            sign, style = _WEIGHTS[max(-3, min(3, item.weight))]
            left += [(Shown("  "), ""), (Shown(sign), style)]
        if item.hard:
            left.append((Shown(" hard signal"), "severity-critical"))
        if item.field:
            left += [(Shown("  "), ""), (item.field, "faint")]
        indent: list[Run] = [(Shown("      "), "")]
        head = spread(left, [_source(item), (Shown(" "), "")], width)
        return [head, *wrap_runs([(item.text, "")], width - 1, indent, indent)]

    def _reveal(self) -> None:
        rows = [row for row, (_, name) in enumerate(self._lines) if name and name == self._chosen]
        if not rows:
            return
        if rows[0] < self.top:
            self.jump(rows[0])
        elif rows[-1] >= self.top + self.size.height:
            self.jump(min(rows[0], rows[-1] - self.size.height + 1))

    def render_line(self, y: int) -> Strip:
        """One line of what is visible, as Textual's line API asks for it."""
        width = self.size.width
        index = self.top + y
        if not self._lines and y == 0:
            return line_of([(Shown("  no evidence yet"), "muted")], self.palette, width)
        if index >= len(self._lines):
            return Strip.blank(width, self.palette.style(""))
        line, name = self._lines[index]
        if name and name == self._chosen:
            palette = self.palette.on("cursor-ground" if self.has_focus else "cursor-blurred-ground")
            return line_of(
                [(Shown("▌"), "accent"), (Shown(line[0][0][1:]), line[0][1]), *line[1:]], palette, width
            )
        return line_of(line, self.palette, width)

    def _on_resize(self, event: Resize) -> None:
        self._arrange()

    def on_click(self, event: Click) -> None:
        """Select the finding under the pointer."""
        offset = event.get_content_offset(self)
        index = self.top + offset.y if offset is not None else -1
        if 0 <= index < len(self._lines) and (name := self._lines[index][1]):
            event.stop()
            self.cite(name)
            self.post_message(self.EvidenceSelected(self, name))
