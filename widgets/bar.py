"""A scrollbar that paints only the cells that changed.

Textual's draws all of itself, by way of a Rich renderable, for every line that a text grows by. Beside four
streams being written that was four tenths of all that painting cost.
"""

from typing import Any, Self

from rich.segment import Segment
from textual.geometry import Region
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip


class LineBar(ScrollBar):
    """A vertical scrollbar with the look and the mouse of Textual's own."""

    def __init__(self, *, thickness: int = 1) -> None:
        super().__init__(vertical=True, name="vertical", thickness=thickness)
        self._cells: list[Strip] = []

    def refresh(self, *regions: Region, repaint: bool = True, **how: Any) -> Self:  # noqa: ANN401 - passed on
        """Ask for a repaint; where no place is named, of the cells that differ from what was drawn last."""
        if regions or not repaint or any(how.values()) or len(self._cells) != self.size.height:
            return super().refresh(*regions, repaint=repaint, **how)
        before, self._cells = self._cells, self._draw()
        pairs = enumerate(zip(before, self._cells, strict=True))
        changed = [Region(0, y, self.size.width, 1) for y, (old, new) in pairs if old != new]
        return super().refresh(*changed) if changed else self

    def render_line(self, y: int) -> Strip:
        """One cell, as Textual's line API asks for it."""
        if len(self._cells) != self.size.height:
            self._cells = self._draw()
        return self._cells[y] if y < len(self._cells) else Strip.blank(self.size.width)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        bar = self.render()
        assert isinstance(bar, ScrollBarRender)  # noqa: S101 - what Textual's own `render` gives
        style = self.app.console.get_style(bar.style)
        colours = {"back_color": style.bgcolor, "bar_color": style.color}
        segments = bar.render_bar(
            size=height,
            virtual_size=bar.virtual_size,
            window_size=bar.window_size,
            position=bar.position,
            thickness=width,
            vertical=True,
            **{name: colour for name, colour in colours.items() if colour is not None},
        ).segments
        ground = self.visual_style.rich_style
        cells = Segment.apply_style(segments[:height], ground)  # it may overshoot the end
        return [Strip([cell], width) for cell in cells]
