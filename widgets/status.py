"""The one-line bars: sources at the top, trouble and notes at the bottom."""

from widgets.cost import cost_runs
from widgets.data import SourceItem
from widgets.figures import count, rate
from widgets.glyphs import source_glyph, source_style
from widgets.measure import runs_width, spread
from widgets.panel import Line, LinePanel
from widgets.safe import Run, Shown, shown

__all__ = ["SourcesLine", "StatusLine", "cost_runs"]

_WELL = ("live", "finished")


def _source(source: SourceItem, *, full: bool) -> list[Run]:
    runs: list[Run] = [
        (shown(source_glyph(source.state)), source_style(source.state)),
        (Shown(" "), ""),
        (source.name, "text"),
    ]
    if source.state not in _WELL:
        runs.append((shown(f" {source.state}"), source_style(source.state)))
    if full:
        if source.per_second is not None:
            runs.append((shown(f" {rate(source.per_second)}"), "muted"))
        if source.show_lag:
            late = bool(source.lag) and source.state == "lagging"
            runs.append((shown(f" lag {count(source.lag)}"), "warn" if late else "muted"))
        if source.detail and source.state not in _WELL:
            runs += [(Shown(" "), ""), (source.detail, "muted")]
    return runs


def _summary(sources: tuple[SourceItem, ...], *, named: bool) -> list[Run]:
    """How many are well, and by name the first that is not."""
    ill = [source for source in sources if source.state not in _WELL]
    well = len(sources) - len(ill)
    runs: list[Run] = [
        (Shown("●" if not ill else "▲"), "ok" if not ill else "warn"),
        (shown(f" {well} of {len(sources)} sources live"), "text"),
    ]
    if ill and named:
        runs += [(Shown("  "), ""), *_source(ill[0], full=False)]
    return runs


def _joined(parts: list[list[Run]]) -> list[Run]:
    runs: list[Run] = []
    for part in parts:
        runs += [(Shown("   "), ""), *part]
    return runs


def _forms(sources: tuple[SourceItem, ...]) -> list[list[Run]]:
    """The sources in words, from all there is to say to the shortest."""
    return [
        _joined([_source(source, full=True) for source in sources]),
        _joined([_source(source, full=False) for source in sources]),
        _joined([_summary(sources, named=True)]),
        _joined([_summary(sources, named=False)]),
    ]


class SourcesLine(LinePanel):
    """One line: the product's name, each source with its health, and what the app puts at the right end."""

    DEFAULT_CSS = """
    SourcesLine { height: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._data: tuple[Shown, tuple[SourceItem, ...], tuple[Run, ...]] = (Shown(""), (), ())

    def show(self, name: Shown, sources: tuple[SourceItem, ...], right: tuple[Run, ...] = ()) -> None:
        """Show these sources; they are shortened, then summed up, where the line is too narrow."""
        data = (name, sources, right)
        if data != self._data:
            self._data = data
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """The line."""
        name, sources, right = self._data
        end: list[Run] = [*right, (Shown(" "), "")] if right else []
        start: list[Run] = [(Shown(" "), ""), (name, "strong bold")]
        room = width - runs_width(start) - runs_width(end) - 2
        if sources:
            start += next((line for line in _forms(sources) if runs_width(line) <= room), _forms(sources)[-1])
        return [spread(start, end, width)]


class StatusLine(LinePanel):
    """One line of runs at the left and at the right."""

    DEFAULT_CSS = """
    StatusLine { height: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._data: tuple[tuple[Run, ...], tuple[Run, ...]] = ((), ())

    def show(self, left: tuple[Run, ...], right: tuple[Run, ...] = ()) -> None:
        """Show these; the left is cut first."""
        if (left, right) != self._data:
            self._data = (left, right)
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """The line."""
        left, right = self._data
        end: list[Run] = [*right, (Shown(" "), "")] if right else []
        return [spread([(Shown(" "), ""), *left], end, width)]
