"""The last check before text from outside is drawn: widgets take `Shown`, never a bare `str`.

It is independent of the check made at ingest, so that one mistake is not enough to let an alert's text move
the cursor, fill the clipboard or reorder what the analyst reads.
"""

import re
from typing import NewType

Shown = NewType("Shown", str)
"""Text with no control, C1, bidi, zero-width, variation-selector or tag character; made only here."""

Run = tuple[Shown, str]
"""A piece of text and the name of its style."""

REPLACEMENT = "·"

# Unicode 16: C0, DEL, C1; soft hyphen; Arabic letter mark; Mongolian separators; zero-width characters, bidi
# marks, embeddings and isolates, invisible operators; line and paragraph separators; variation selectors and
# the tag block (both smuggle data past the eye); interlinear annotation; lone surrogates; non-characters.
_FORMAT = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_ONE_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_FORMAT}]")
_LINES = re.compile(f"[\x00-\x09\x0b-\x1f\x7f-\x9f{_FORMAT}]")


def shown(text: str) -> Shown:
    """One line of text that is safe to draw: every character that is not plain text becomes a middle dot."""
    if text.isascii() and text.isprintable():
        return Shown(text)
    return Shown(_ONE_LINE.sub(REPLACEMENT, text))


def shown_lines(text: str) -> Shown:
    """Like `shown` but keeps line feeds; a tab becomes four spaces. For streams and raw records."""
    if text.isascii() and text.isprintable():
        return Shown(text)
    return Shown(_LINES.sub(REPLACEMENT, text.replace("\r\n", "\n").replace("\t", "    ")))
