"""The base of scrolling line-based widgets."""

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from widgets.bar import LineBar
from widgets.palette import Palette, palette_of


class LineScroll(ScrollView):
    """A `ScrollView` that grows without a layout of the whole screen, and never animates."""

    DEFAULT_CSS = """
    LineScroll { overflow-x: hidden; overflow-y: auto; scrollbar-size: 0 1; scrollbar-gutter: stable; }
    """

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._palette: Palette | None = None

    @property
    def palette(self) -> Palette:
        """Styles by name on this widget's ground."""
        if self._palette is None:
            self._palette = palette_of(self)
        return self._palette

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """Its scrollbar, made when it is first asked for; one that paints only what changed."""
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = bar = LineBar(thickness=self.scrollbar_size_vertical)
            bar.display = False
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar

    @property
    def top(self) -> int:
        """The first visible row of the content."""
        return self.scroll_offset.y

    def set_extent(self, height: int) -> None:
        """Say how many rows the content has.

        Textual's `virtual_size` is reactive with a layout of the whole screen for every change; a table or a
        stream changes it many times a second while its own size stays. Only the scrollbar needs to know.
        """
        size = Size(self.size.width, height)
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)

    def jump(self, y: int) -> None:
        """Scroll to a row at once."""
        target = max(0, min(y, self.max_scroll_y))
        if target != self.scroll_y:
            self.set_reactive(Widget.scroll_target_y, float(target))
            self.scroll_y = target

    def notify_style_update(self) -> None:
        """Forget colours when the theme or the ground changes."""
        self._palette = None
        self.colours_changed()
        super().notify_style_update()

    def colours_changed(self) -> None:
        """Drop what was drawn in the old colours; overridden by widgets that keep strips."""
