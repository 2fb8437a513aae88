"""A sign of life in one cell."""

from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from widgets.paint import line_of
from widgets.palette import palette_of
from widgets.safe import Shown

_SIGNS = "·•●•"
_PERIOD_S = 0.25


class Spinner(Widget):
    """Moves four times a second while something runs; draws and wakes nothing otherwise."""

    DEFAULT_CSS = """
    Spinner { width: 1; height: 1; }
    """

    ALLOW_SELECT = False

    running: reactive[bool] = reactive(False)
    """Whether something runs."""

    animated: bool = True
    """False over slow lines: one still sign while something runs."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._at = 0
        self._timer: Timer | None = None

    def watch_running(self, running: bool) -> None:
        """Start or stop moving."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if running and self.animated:
            self._timer = self.set_interval(_PERIOD_S, self._step)

    def _step(self) -> None:
        self._at = (self._at + 1) % len(_SIGNS)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The sign, or a blank."""
        sign = (_SIGNS[self._at] if self.animated else "•") if self.running else " "
        return line_of([(Shown(sign), "live")], palette_of(self), self.size.width)
