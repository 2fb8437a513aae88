"""The raw record, as it came, line by line."""

import re
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.strip import Strip

from widgets.measure import take_cells, width_of
from widgets.paint import line_of
from widgets.safe import Run, Shown
from widgets.scroll import LineScroll

_KEY = re.compile(r'^(\s*)("[^"]{1,80}")(\s*:)')
_MOST_LINES = 20_000


class RawPanel(LineScroll, can_focus=True):
    """Scrolls through text of any length; only the lines in view are drawn."""

    DEFAULT_CSS = """
    RawPanel { height: 1fr; width: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k,up", "line(-1)", "Up", show=False, id="raw.up"),
        Binding("j,down", "line(1)", "Down", show=False, id="raw.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="raw.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="raw.page_down"),
        Binding("g,home", "edge(-1)", "Top", show=False, id="raw.top"),
        Binding("G,end", "edge(1)", "Bottom", show=False, id="raw.bottom"),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._text = Shown("")
        self._lines: list[tuple[int, Shown]] = []
        self._digits = 1

    def show(self, text: Shown) -> None:
        """Show this text from its first line."""
        if text != self._text:
            self._text = text
            self._arrange()
            self.jump(0)

    def action_line(self, delta: int) -> None:
        """Key: one line up or down."""
        self.jump(self.top + delta)

    def action_page(self, direction: int) -> None:
        """Key: one page up or down."""
        self.jump(self.top + direction * max(1, self.size.height - 1))

    def action_edge(self, direction: int) -> None:
        """Key: to the first or the last line."""
        self.jump(0 if direction < 0 else self.max_scroll_y)

    def _arrange(self) -> None:
        """Cut long lines to the width; the rest of a line has no number of its own."""
        source = self._text.split("\n")[:_MOST_LINES]
        self._digits = len(str(len(source)))
        room = max(8, self.size.width - self._digits - 4)
        self._lines = []
        for number, text in enumerate(source, 1):
            piece = take_cells(text, room)
            self._lines.append((number, Shown(piece)))
            rest = text[len(piece) :]
            while rest and len(self._lines) < _MOST_LINES:
                piece = take_cells(rest, room) or rest[0]
                self._lines.append((0, Shown(piece)))
                rest = rest[len(piece) :]
        self.set_extent(len(self._lines) if self._text else 0)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of what is visible, as Textual's line API asks for it."""
        width = self.size.width
        index = self.top + y
        if not self._text or index >= len(self._lines):
            return Strip.blank(width, self.palette.style(""))
        number, text = self._lines[index]
        label = f" {number or '':>{self._digits}}  "
        return line_of([(Shown(label), "faint"), *_coloured(text)], self.palette, width)

    def _on_resize(self, event: Resize) -> None:
        if self._text:
            self._arrange()


def _coloured(text: Shown) -> list[Run]:
    """A JSON key stands back behind its value; other lines are plain."""
    match = _KEY.match(text)
    if match is None or not width_of(text):
        return [(text, "")]
    return [
        (Shown(match.group(1)), ""),
        (Shown(match.group(2)), "citation"),
        (Shown(match.group(3)), "muted"),
        (Shown(text[match.end() :]), ""),
    ]
