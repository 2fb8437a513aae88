"""The text of a stream pane, without a screen: paragraphs, the open one, and what was let go."""

from widgets.data import VerdictCard
from widgets.paragraphs import Paragraph, is_fence
from widgets.safe import Shown

MAX_LINES = 5000
"""Lines kept; beyond them the oldest paragraphs go."""

_DROP_TO = 4500
_LONGEST = 4000
"""Characters of one paragraph: an endless line must not be wrapped anew, whole, on every frame."""


class Transcript:
    """Grows by writing; how the text was cut into pieces makes no difference to what comes of it."""

    def __init__(self) -> None:
        self.finished: list[Paragraph] = []
        """Paragraphs that will not change, also those not yet taken."""
        self.open: Paragraph | None = None
        self.marker = Paragraph(kind="dropped", text="earlier lines dropped")
        """Stands first once something was let go."""
        self._taken = 0
        self._fenced = False

    def write(self, text: Shown, style: str) -> None:
        """Write on; a line feed ends the paragraph, and so does another style."""
        if self.open is not None and self.open.style != style:
            self.end()
        first = True
        for piece in text.split("\n"):
            if not first:
                self._close_line(style)
            first = False
            if piece:
                self._extend(piece, style)

    def block(self, kind: str, title: Shown, detail: Shown) -> None:
        """A block's line; a blank line sets attempts and questions off from what is above."""
        self.end()
        if kind in ("attempt", "question") and self.finished:
            self._blank()
        self.finished.append(Paragraph(kind=kind, text=title.replace("\n", " "), detail=detail))

    def verdict(self, card: VerdictCard) -> None:
        """A verdict card."""
        self.end()
        self.finished.append(Paragraph(kind="verdict", card=card))
        self._blank()

    def end(self) -> None:
        """The open paragraph will not change any more; a fence does not outlive its block."""
        if self.open is not None:
            self._finish()
        self._fenced = False

    def take_finished(self) -> list[Paragraph]:
        """Paragraphs finished since the last call."""
        new = self.finished[self._taken :]
        self._taken = len(self.finished)
        return new

    def drop_oldest(self, total: int) -> int:
        """Let the oldest paragraphs go when `total` lines are too many; returns how many lines those were."""
        if total <= MAX_LINES:
            return 0
        dropped = number = 0
        for paragraph in self.finished[: self._taken]:
            if total - dropped <= _DROP_TO:
                break
            dropped += paragraph.count
            number += 1
        self.finished[:number] = [self.marker]
        self._taken += 1 - number
        return dropped

    def _extend(self, piece: str, style: str) -> None:
        if self.open is None:
            self.open = Paragraph(style=style, fenced=self._fenced)
        self.open.text += piece
        while self.open is not None and len(self.open.text) > _LONGEST:
            text = self.open.text
            at = text.rfind(" ", _LONGEST // 2, _LONGEST)
            at = _LONGEST if at < 0 else at
            self.open.text = text[:at]
            self._finish()
            self.open = Paragraph(text=text[at:].lstrip(" "), style=style, fenced=self._fenced)

    def _close_line(self, style: str) -> None:
        if self.open is None:
            if self._fenced:
                self.open = Paragraph(style=style, fenced=True)
            else:
                self._blank()
                return
        self._finish()

    def _finish(self) -> None:
        if self.open is None:
            return
        if is_fence(self.open.text):
            self._fenced = not self._fenced
        self.finished.append(self.open)
        self.open = None

    def _blank(self) -> None:
        """One empty line, never two, and none at the beginning."""
        if self.finished and not (self.finished[-1].kind == "text" and not self.finished[-1].text.strip()):
            self.finished.append(Paragraph())
