"""Small line widgets of the console: blocks of styled lines, the tab bar, and the key hints at the foot."""

from collections.abc import Sequence

from textual.events import Click
from textual.message import Message

from widgets.measure import cut_runs, runs_width
from widgets.panel import Line, LinePanel
from widgets.safe import Run, Shown, shown
from widgets.wrap import wrap_runs


class LinesBlock(LinePanel):
    """Styled lines, as many as it is given; long ones are cut, or wrapped if `wrap` is set."""

    DEFAULT_CSS = """
    LinesBlock { height: auto; }
    """

    def __init__(
        self,
        lines: Sequence[Line] = (),
        *,
        wrap: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines = tuple(tuple(line) for line in lines)
        self._wrap = wrap

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; nothing happens where they are those already shown."""
        fresh = tuple(tuple(line) for line in lines)
        if fresh != self._lines:
            self._lines = fresh
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """The lines for a width."""
        if not self._wrap:
            return list(self._lines)
        return [part for line in self._lines for part in (wrap_runs(line, width) if line else [[]])]


class KeyHints(LinePanel):
    """The line at the foot: as many keys with their words as fit whole, and something at the right."""

    DEFAULT_CSS = """
    KeyHints { height: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hints: tuple[tuple[Shown, Shown], ...] = ()
        self._right: tuple[Run, ...] = ()

    def show(self, hints: Sequence[tuple[Shown, Shown]], right: Sequence[Run] = ()) -> None:
        """Keys with one or two words each, the most needed first."""
        fresh = (tuple(hints), tuple(right))
        if fresh != (self._hints, self._right):
            self._hints, self._right = fresh
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """One line; a hint that does not fit whole is left out."""
        room = width - 2 - (runs_width(self._right) + 2 if self._right else 0)
        runs: list[Run] = [(Shown(" "), "")]
        for key, words in self._hints:
            piece: list[Run] = [(key, "accent bold"), (Shown(" "), ""), (words, "muted"), (Shown("   "), "")]
            if runs_width(runs) + runs_width(piece) - 3 > room:
                break
            runs += piece
        if self._right:
            gap = width - runs_width(runs) - runs_width(self._right) - 1
            runs += [(Shown(" " * max(0, gap)), ""), *self._right]
        return [runs]


SHORT_TABS = {"investigation": "analysis"}


class TabBar(LinePanel):
    """Names of tabs on one line with a rule; the chosen one stands out. A click chooses."""

    DEFAULT_CSS = """
    TabBar { height: 1; }
    """

    class TabPicked(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self._chosen = self._names[0]
        self._counts: dict[str, Shown] = {}

    def show(self, chosen: str, counts: dict[str, Shown] | None = None) -> None:
        """Which tab is chosen, and a figure beside some names."""
        fresh = counts if counts is not None else self._counts
        if chosen != self._chosen or fresh != self._counts:
            self._chosen, self._counts = chosen, dict(fresh)
            self.rebuild()

    def _place(self, width: int) -> list[tuple[str, int, list[Run]]]:
        """Each tab with its first cell and label, in the roomiest way that fits `width`."""
        placed: list[tuple[str, int, list[Run]]] = []
        for gap, short in ((3, False), (2, False), (2, True), (1, True)):
            placed = []
            x = 1
            for name in self._names:
                label = self._label(name, short)
                placed.append((name, x, label))
                x += runs_width(label) + gap
            if x - gap + 1 <= width:
                break
        return placed

    def _label(self, name: str, short: bool) -> list[Run]:
        chosen = name == self._chosen
        style = "strong bold underline" if chosen else "muted"
        words = SHORT_TABS.get(name, name) if short else name
        label: list[Run] = [(shown(words.capitalize()), style)]
        figure = self._counts.get(name)
        if figure:
            label.append((shown(f" {figure}"), "accent" if chosen else "faint"))
        return label

    def build(self, width: int) -> list[Line]:
        """`─ Evidence 4 ─ Waterfall ─ …`, the rest a rule."""
        runs: list[Run] = []
        at = 0
        for _, x, label in self._place(width):
            runs += [(_rule(x - at), "rule"), *label]
            at = x + runs_width(label)
        if width > at:
            runs += [(_rule(width - at), "rule")]
        return [cut_runs(runs, width)]

    def on_click(self, event: Click) -> None:
        """Choose the tab that was clicked."""
        for name, x, label in self._place(self.size.width):
            if x <= event.x < x + runs_width(label):
                self.post_message(self.TabPicked(name))
                return


def _rule(cells: int) -> Shown:
    """A gap between labels: a rule with a blank at each end, blanks alone where there is no room for it."""
    if cells < 3:
        return Shown(" " * max(0, cells))
    return Shown(f" {'─' * (cells - 2)} ")
