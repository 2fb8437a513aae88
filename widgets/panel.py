"""The base of the small panels: lines built from plain data, repainted only where they differ."""

from collections.abc import Sequence

from textual.events import Resize
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from widgets.paint import changed_span, line_of
from widgets.palette import Palette, palette_of
from widgets.safe import Run

Line = Sequence[Run]


class LinePanel(Widget):
    """A widget of a few lines. A subclass keeps its data and builds its lines; this draws what changed."""

    DEFAULT_CSS = """
    LinePanel { height: auto; width: 1fr; }
    """

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []
        self._built_width = -1
        self._palette: Palette | None = None

    def build(self, width: int) -> list[Line]:
        """The panel's lines for a width; each is cut or padded to it."""
        raise NotImplementedError

    @property
    def palette(self) -> Palette:
        """Styles by name on this panel's ground."""
        if self._palette is None:
            self._palette = palette_of(self)
        return self._palette

    def rebuild(self) -> None:
        """Build the lines anew and ask for a repaint of the cells that differ, and of nothing else."""
        if not self.is_mounted:
            return
        if self._built_width <= 0:
            self.refresh(layout=self._grows)
            return
        before, width = self._strips, self._built_width
        self._strips = self._make(width)
        if len(before) != len(self._strips):
            self.refresh(layout=self._grows)
            return
        regions = [
            Region(span[0], y, span[1] - span[0], 1)
            for y, (old, new) in enumerate(zip(before, self._strips, strict=True))
            if (span := changed_span(old, new)) is not None
        ]
        if regions:
            self.refresh(*regions)

    @property
    def _grows(self) -> bool:
        """Whether its height follows from its lines."""
        return self.styles.height is not None and self.styles.height.is_auto

    def _make(self, width: int) -> list[Strip]:
        palette = self.palette
        return [line_of(line, palette, width) for line in self.build(width)]

    def _ensure(self, width: int) -> None:
        if width != self._built_width:
            self._built_width = width
            self._strips = self._make(width) if width > 0 else []

    def render_line(self, y: int) -> Strip:
        """One line, as Textual's line API asks for it."""
        width = self.size.width
        self._ensure(width)
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(width, self.palette.style(""))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as there are lines."""
        return len(self.build(width)) if width > 0 else 1

    def notify_style_update(self) -> None:
        """Forget colours when the theme or the ground changes."""
        self._palette = None
        self._built_width = -1
        super().notify_style_update()

    def _on_resize(self, event: Resize) -> None:
        self._ensure(self.size.width)
