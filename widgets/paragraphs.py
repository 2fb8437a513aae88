"""The stream pane's paragraphs: one source line or one block each, and how it is wrapped to lines."""

import re
from dataclasses import dataclass, field

from rich.segment import Segment
from textual.strip import Strip

from widgets.cards import card_lines
from widgets.data import VerdictCard
from widgets.inline import pattern_of, scan, strike
from widgets.measure import cut, runs_width
from widgets.paint import line_of
from widgets.palette import Palette
from widgets.safe import Run, Shown
from widgets.wrap import wrap_runs

_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_BULLET = re.compile(r"(\s*)[-*+]\s+(.*)")
_NUMBER = re.compile(r"(\s*)(\d{1,3}[.)])\s+(.*)")
_QUOTE = re.compile(r">\s?(.*)")
_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,})\s*$")

_BLOCKS: dict[str, tuple[str, str]] = {
    # kind: sign before the title, style of the title
    "attempt": ("──", "strong"),
    "question": ("▌", "stream-question bold"),
    "audit": ("·", "muted"),
    "note": ("✎", "text"),
    "error": ("!", "error"),
    "dropped": ("…", "muted"),
}


@dataclass(slots=True)
class Paragraph:
    """One line of the source text, or one block."""

    kind: str = "text"
    text: str = ""
    style: str = ""
    detail: Shown = field(default=Shown(""))
    card: VerdictCard | None = None
    fenced: bool = False
    """Inside a ``` fence: shown as it is, as code."""
    count: int = 0
    """Lines it takes at the width it was last wrapped to."""


def is_fence(text: str) -> bool:
    """Whether a source line opens or closes a code fence."""
    return text.lstrip().startswith("```")


def _text_lines(
    paragraph: Paragraph, width: int, ungrounded: re.Pattern[str] | None, live: bool
) -> list[list[Run]]:
    text, style = paragraph.text, paragraph.style
    if is_fence(text):
        return []
    if paragraph.fenced or text.lstrip().startswith("|"):
        return wrap_runs(
            [(Shown(text or " "), "stream-code")], width, [(Shown("  "), "")], [(Shown("  "), "")]
        )
    if _RULE.match(text):
        return [[(Shown("─" * width), "rule")]]
    first: list[Run] = []
    rest: list[Run] = []
    if match := _HEADING.match(text):
        text, style = match.group(2), "stream-heading bold"
    elif match := _BULLET.match(text):
        indent = " " * min(8, len(match.group(1)))
        text = match.group(2)
        first, rest = [(Shown(f"{indent}• "), "muted")], [(Shown(f"{indent}  "), "")]
    elif match := _NUMBER.match(text):
        label = " " * min(8, len(match.group(1))) + match.group(2) + " "
        text = match.group(3)
        first, rest = [(Shown(label), "muted")], [(Shown(" " * len(label)), "")]
    elif match := _QUOTE.match(text):
        text, style = match.group(1), "muted"
        first = rest = [(Shown("│ "), "rule")]
    runs = strike(scan(text, style, still_open=live), ungrounded)
    return wrap_runs(runs, width, first, rest)


def _block_lines(paragraph: Paragraph, width: int) -> list[list[Run]]:
    sign, style = _BLOCKS.get(paragraph.kind, ("·", "text"))
    detail: list[Run] = [(Shown(" "), ""), (paragraph.detail, "muted")] if paragraph.detail else []
    if paragraph.kind == "attempt":
        title = cut(paragraph.text, max(4, width - runs_width(detail) - 8))
        left: list[Run] = [(Shown("── "), "rule"), (Shown(title), style), (Shown(" "), "")]
        fill = width - runs_width(left) - runs_width(detail)
        return [[*left, (Shown("─" * max(0, fill)), "rule"), *detail]]
    lead: list[Run] = [(Shown(f"{sign} "), style)]
    runs: list[Run] = [(Shown(paragraph.text), style)]
    if detail:
        runs += [(Shown("  "), ""), (paragraph.detail, "muted")]
    return wrap_runs(runs, width, lead, [(Shown("▌ " if paragraph.kind == "question" else "  "), style)])


class ParagraphPainter:
    """Wraps and draws paragraphs for one width in one theme."""

    def __init__(self, width: int, palette: Palette, ungrounded: re.Pattern[str] | None = None) -> None:
        self.width = width
        self._palette = palette
        self._ungrounded = ungrounded

    def lines(self, paragraph: Paragraph, *, live: bool = False) -> list[list[Run]]:
        """The paragraph as styled lines; `live` while it is still being written."""
        width = max(8, self.width - 2)
        if paragraph.card is not None:
            return card_lines(paragraph.card, width)
        if paragraph.kind != "text":
            return _block_lines(paragraph, width)
        return _text_lines(paragraph, width, self._ungrounded, live)

    def strips(self, paragraph: Paragraph, *, live: bool = False) -> list[Strip]:
        """The paragraph drawn, each strip as wide as the pane."""
        strips = [self.draw(line, paragraph) for line in self.lines(paragraph, live=live)]
        paragraph.count = len(strips)
        return strips

    def draw(self, line: list[Run], paragraph: Paragraph | None = None) -> Strip:
        """One line as wide as the pane, with a margin of one cell; cards and questions stand out."""
        raised = paragraph is not None and (paragraph.card is not None or paragraph.kind == "question")
        palette = self._palette.on("panel") if raised else self._palette
        margin = Segment(" ", self._palette.style(""))
        return Strip([margin, *line_of(line, palette, self.width - 1)], self.width)


def ungrounded_pattern(words: tuple[Shown, ...]) -> re.Pattern[str] | None:
    """The pattern that `ParagraphPainter` strikes through."""
    return pattern_of(words)
