"""The little of Markdown that model text uses inside a line: **bold**, `code` and [E1] citations.

A scanner of ours and not a Markdown parser: it runs for the open paragraph on every frame of a stream, must
take half-written marks without flicker, and must never make anything of text but styled text.
"""

import re
from collections.abc import Iterable, Sequence

from widgets.safe import Run, Shown

_TOKEN = re.compile(r"\*\*|`+|\[E\d{1,3}(?:\s*,\s*E\d{1,3})*\]")
_HALF = re.compile(r"(?:\*|\[(?:E[\d, E]{0,12})?)$")

CITATION = re.compile(r"E\d{1,3}")
"""One evidence id inside a citation."""


def _joined(style: str, extra: str) -> str:
    return f"{style} {extra}".strip()


def _closes(text: str, mark: str, start: int) -> bool:
    """Whether a mark that opens before `start` is closed later, with something between."""
    return text.find(mark, start) > start


class _Scan:
    """The state of one pass over one line."""

    def __init__(self, style: str) -> None:
        self.style = style
        self.bold = False
        self.runs: list[Run] = []

    def plain(self, text: str) -> None:
        if text:
            self.runs.append((Shown(text), _joined(self.style, "bold") if self.bold else self.style))

    def coloured(self, text: str, meaning: str) -> None:
        if text:
            self.runs.append((Shown(text), f"{meaning} bold" if self.bold else meaning))


def scan(text: str, style: str = "", *, still_open: bool = False) -> list[Run]:
    """A line as styled runs, marks taken out.

    `still_open` says that the line is still being written: an opened mark then holds to the end and a mark
    of which only the beginning has come is not shown yet. In a finished line an unclosed mark is text.
    """
    if still_open and (half := _HALF.search(text)):
        text = text[: half.start()]
    state = _Scan(style)
    position = 0
    while (match := _TOKEN.search(text, position)) is not None:
        token = match.group()
        state.plain(text[position : match.start()])
        position = match.end()
        if token == "**":  # noqa: S105 - a Markdown mark, not a secret
            if state.bold or still_open or _closes(text, "**", position):
                state.bold = not state.bold
            else:
                state.plain(token)
        elif token[0] == "`":
            end = text.find(token, position)
            if end < 0 and not still_open:
                state.plain(token)
                continue
            stop = len(text) if end < 0 else end
            state.coloured(text[position:stop], "stream-code")
            position = stop if end < 0 else end + len(token)
        else:
            # without its blanks it can't be torn apart at the end of a line
            state.coloured(token.replace(" ", ""), "citation")
    state.plain(text[position:])
    return state.runs


def pattern_of(words: Iterable[str]) -> re.Pattern[str] | None:
    """One pattern for words that are not borne out by evidence, whole words only; None without any."""
    kept = sorted({word for word in words if word}, key=len, reverse=True)[:64]
    if not kept:
        return None
    return re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, kept)) + r")(?![\w])", re.IGNORECASE)


def strike(runs: Sequence[Run], pattern: re.Pattern[str] | None) -> list[Run]:
    """The runs with every match struck through, also where a match spans several of them."""
    if pattern is None:
        return list(runs)
    spans = [match.span() for match in pattern.finditer("".join(text for text, _ in runs))]
    if not spans:
        return list(runs)
    result: list[Run] = []
    position = 0
    for text, style in runs:
        after = position + len(text)
        at = position
        for start, end in spans:
            if end <= at or start >= after:
                continue
            if start > at:
                result.append((Shown(text[at - position : start - position]), style))
            stop = min(end, after)
            result.append((Shown(text[max(start, at) - position : stop - position]), "ungrounded strike"))
            at = stop
        if at < after:
            result.append((Shown(text[at - position :]), style))
        position = after
    return result
