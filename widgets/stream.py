"""The stream pane: model text as it is written, with its verdict, attempts, questions and audit lines.

Tokens arrive far more often than frames are drawn. They are gathered for a frame; only the open paragraph is
wrapped again; finished lines are strips that are drawn once and kept. Four panes at 50 tokens a second then
cost a few per cent of a core, where a Markdown widget costs half of one.
"""

import re
import sys
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from widgets.data import NOTHING, BlockKind, VerdictCard
from widgets.figures import count
from widgets.inline import CITATION
from widgets.measure import cut, width_of
from widgets.paint import line_of
from widgets.paragraphs import ParagraphPainter, ungrounded_pattern
from widgets.safe import Run, Shown
from widgets.scroll import LineScroll
from widgets.transcript import Transcript

_SLICE = 200
"""Paragraphs wrapped anew at once after a resize; the rest follow in the pauses between frames."""


class StreamPane(LineScroll, can_focus=True):
    """Follows the end of a growing text unless the reader has scrolled up."""

    DEFAULT_CSS = """
    StreamPane { height: 1fr; width: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k,up", "line(-1)", "Up", show=False, id="stream.up"),
        Binding("j,down", "line(1)", "Down", show=False, id="stream.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="stream.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="stream.page_down"),
        Binding("g,home", "top", "Top", show=False, id="stream.top"),
        Binding("G,end", "follow", "Follow", show=False, id="stream.follow"),
    ]

    class CitationPicked(Message):
        """A citation was clicked; `evidence_id` is `E` and digits, never other text."""

        def __init__(self, pane: "StreamPane", evidence_id: str) -> None:
            super().__init__()
            self.pane = pane
            self.evidence_id = evidence_id

        @property
        def control(self) -> "StreamPane":
            """The pane."""
            return self.pane

    slack: int = 2
    """Lines left empty below when following has to scroll: every scroll repaints the whole pane."""

    frame_s: float = 0.05
    """Seconds for which text is gathered before it is drawn; 0.1 suits a remote terminal."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._text = Transcript()
        self._painter: ParagraphPainter | None = None
        self._pattern: re.Pattern[str] | None = None
        self._words: tuple[Shown, ...] = ()
        self._lines: list[Strip] = []
        self._tail: list[Strip] = []
        self._unwrapped = 0
        self._live = False
        self._following = True
        self._left_at = 0
        self._placeholder: tuple[Run, ...] = ()
        self._flush_timer: Timer | None = None

    # --- writing ---------------------------------------------------------------------------------------

    def append(self, text: Shown, style: str = "") -> None:
        """Write on in the open paragraph; a line feed ends it. Drawn with the next frame."""
        if text:
            self._text.write(text, style)
            self._schedule()

    def begin_block(self, kind: BlockKind, title: Shown, detail: Shown = NOTHING) -> None:
        """End the open paragraph and write a block's line: an attempt, a question, an audit entry …"""
        self._text.block(kind, title, detail)
        self._schedule()

    def add_verdict(self, card: VerdictCard) -> None:
        """End the open paragraph and write a verdict card."""
        self._text.verdict(card)
        self._schedule()

    def end_block(self) -> None:
        """End the open paragraph."""
        self._text.end()
        self._schedule()

    def clear(self) -> None:
        """Empty the pane and follow again."""
        self._text = Transcript()
        self._lines.clear()
        self._tail = []
        self._unwrapped = 0
        self._words, self._pattern = (), None
        self._painter = None
        self._following = True
        self.set_extent(0)
        self.jump(0)
        self.refresh()

    def set_live(self, live: bool) -> None:
        """Show the writing cursor, or take it away."""
        if live != self._live:
            self._live = live
            self._schedule()

    def set_ungrounded(self, words: Sequence[Shown]) -> None:
        """Strike these words through wherever they stand, also in what is already there."""
        if tuple(words) != self._words:
            self._words = tuple(words)
            self._pattern = ungrounded_pattern(self._words)
            self._rewrap()

    def set_placeholder(self, lines: Sequence[Run]) -> None:
        """What stands in the middle while there is no text, one run a line."""
        if tuple(lines) != self._placeholder:
            self._placeholder = tuple(lines)
            if not self._total:
                self.refresh()

    # --- following -------------------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the view stays at the end."""
        return self._following

    @property
    def new_lines(self) -> int:
        """Lines that came after the reader scrolled up."""
        return 0 if self._following else max(0, self._total - self._left_at)

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._following = True
        self.jump(max(self.top, self._end))
        self._refresh_last()

    def read_from_top(self) -> None:
        """Show the beginning of what is there: for a text that is no longer being written."""
        self._following = False
        self._left_at = sys.maxsize
        self.jump(0)

    def action_line(self, delta: int) -> None:
        """Key: one line up or down."""
        self.jump(self.top + delta)

    def action_page(self, direction: int) -> None:
        """Key: one page up or down."""
        self.jump(self.top + direction * max(1, self.size.height - 1))

    def action_top(self) -> None:
        """Key: to the beginning."""
        self.jump(0)

    def action_follow(self) -> None:
        """Key: to the end, following again."""
        self.follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolled: whoever leaves the end stops following, whoever comes back follows again."""
        super().watch_scroll_y(old_value, new_value)
        following = round(new_value) >= self._end
        if following != self._following:
            self._following = following
            self._left_at = self._total

    @property
    def _end(self) -> int:
        """The scroll position at which the last line is the lowest in view."""
        return max(0, self._total - self.size.height)

    @property
    def _room(self) -> int:
        return self.slack if self.size.height >= 8 else 0

    def _extend(self) -> None:
        self.set_extent(self._total + self._room if self._end else self._total)

    def _keep_end(self) -> None:
        """While following, bring what is below into view, and some room for what comes next."""
        following = self._following
        self._extend()
        if following and self.top < self._end:
            self.jump(self._end + self._room)
        self._following = following

    # --- drawing what was written ----------------------------------------------------------------------

    @property
    def _total(self) -> int:
        return len(self._lines) + len(self._tail)

    def _schedule(self) -> None:
        if self._flush_timer is None and self.is_mounted:
            self._flush_timer = self.set_timer(self.frame_s, self.flush)

    def flush(self) -> None:
        """Draw what was written since the last frame; called by the pane's own timer."""
        if self._flush_timer is not None:
            self._flush_timer.stop()
            self._flush_timer = None
        if not self.size.width:
            return
        before = self._total
        new_before = self.new_lines
        first = len(self._lines)
        painter = self._painter_now()
        for paragraph in self._text.take_finished():
            self._lines.extend(painter.strips(paragraph))
        old_tail, self._tail = self._tail, self._draw_tail(painter)
        first -= self._drop_oldest()
        self._keep_end()
        self._refresh_from(max(0, first), old_tail, before)
        if self.new_lines != new_before:
            self._refresh_last()

    def _draw_tail(self, painter: ParagraphPainter) -> list[Strip]:
        """The open paragraph's lines, with the writing cursor at their end while live."""
        paragraph = self._text.open
        strips = painter.strips(paragraph, live=True) if paragraph is not None else []
        if not self._live:
            return strips
        cursor = (Shown("▌"), "live")
        if not strips or paragraph is None:
            return [*strips, painter.draw([cursor])]
        strips[-1] = painter.draw([*painter.lines(paragraph, live=True)[-1], cursor])
        return strips

    def _drop_oldest(self) -> int:
        """Keep memory bounded: let the oldest paragraphs go. Returns how many lines fell away."""
        dropped = 0 if self._unwrapped else self._text.drop_oldest(len(self._lines))
        if dropped:
            self._lines[:dropped] = self._painter_now().strips(self._text.marker)
            dropped -= self._text.marker.count
            self._left_at = max(0, self._left_at - dropped)
            if not self._following:
                self.jump(max(0, self.top - dropped))
            self.refresh()
        return max(0, dropped)

    def _refresh_from(self, first: int, old_tail: list[Strip], before: int) -> None:
        """Ask for a repaint of visible lines that are new or differ."""
        if before == 0 or self._total == 0:
            self.refresh()
            return
        same = 0
        for old, new in zip(old_tail, self._lines[first:] + self._tail, strict=False):
            if old != new:
                break
            same += 1
        start = max(0, first + same - self.top)
        end = min(self.size.height, max(before, self._total) - self.top)
        if start < end:
            self.refresh(Region(0, start, self.size.width, end - start))

    def _refresh_last(self) -> None:
        self.refresh(Region(0, self.size.height - 1, self.size.width, 1))

    # --- wrapping anew ---------------------------------------------------------------------------------

    def _painter_now(self) -> ParagraphPainter:
        if self._painter is None:
            self._painter = ParagraphPainter(self.size.width, self.palette, self._pattern)
        return self._painter

    def _rewrap(self) -> None:
        """Wrap everything for another width, theme or pattern: the newest now, the rest in slices."""
        self._painter = None
        if not self.size.width or not self.is_mounted:
            return
        painter = self._painter_now()
        self._text.take_finished()
        finished = self._text.finished
        self._unwrapped = max(0, len(finished) - _SLICE)
        self._lines = [
            strip for paragraph in finished[self._unwrapped :] for strip in painter.strips(paragraph)
        ]
        self._tail = self._draw_tail(painter)
        self._keep_end()
        self._left_at = min(self._left_at, self._total)
        self.refresh()
        if self._unwrapped:
            self.call_later(self._wrap_more, painter)

    def _wrap_more(self, painter: ParagraphPainter) -> None:
        """Wrap one more slice of older paragraphs and put it above, without moving what is in view."""
        if painter is not self._painter or not self._unwrapped:
            return
        start = max(0, self._unwrapped - _SLICE)
        strips = [
            strip
            for paragraph in self._text.finished[start : self._unwrapped]
            for strip in painter.strips(paragraph)
        ]
        self._unwrapped = start
        self._lines[:0] = strips
        self._left_at += len(strips)
        top = self.top + len(strips)
        self._extend()
        self.jump(top)
        if start:
            self.call_later(self._wrap_more, painter)

    def colours_changed(self) -> None:
        """Draw again in the new colours."""
        self._rewrap()

    def _on_resize(self, event: Resize) -> None:
        if self._painter is None or self._painter.width != self.size.width:
            self._rewrap()
            return
        self._keep_end()
        self.refresh()

    # --- Textual's line API ----------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of what is visible, as Textual's line API asks for it."""
        width = self.size.width
        if not self._total:
            return self._placeholder_line(y)
        index = self.top + y
        finished = len(self._lines)
        if index < finished:
            strip = self._lines[index]
        elif index < self._total:
            strip = self._tail[index - finished]
        else:
            strip = Strip.blank(width, self.palette.style(""))
        if y == self.size.height - 1 and (new := self.new_lines):
            return self._with_notice(strip, new, width)
        return strip

    def _with_notice(self, strip: Strip, new: int, width: int) -> Strip:
        text = f" ↓ {count(new)} new {'line' if new == 1 else 'lines'} "
        chip = Segment(text, self.palette.on("cursor-ground").style("accent bold"))
        return Strip.join([strip.crop(0, width - len(text)), Strip([chip], len(text))])

    def _placeholder_line(self, y: int) -> Strip:
        width, height = self.size
        index = y - max(0, (height - len(self._placeholder)) // 2)
        if not 0 <= index < len(self._placeholder):
            return Strip.blank(width, self.palette.style(""))
        text, style = self._placeholder[index]
        piece = cut(text, width)
        return line_of([(Shown(" " * ((width - width_of(piece)) // 2) + piece), style)], self.palette, width)

    def on_click(self, event: Click) -> None:
        """Pick the citation under the pointer; no other text does anything."""
        offset = event.get_content_offset(self)
        index = self.top + offset.y if offset is not None else -1
        if offset is None or not 0 <= index < self._total:
            return
        finished = len(self._lines)
        strip = self._lines[index] if index < finished else self._tail[index - finished]
        before = strip.crop(0, offset.x + 1).text
        for match in CITATION.finditer(strip.text):
            if match.start() <= len(before) - 1 < match.end() and strip.text[match.start() - 1] in "[, ":
                self.post_message(self.CitationPicked(self, match.group()))
                event.stop()
                return
