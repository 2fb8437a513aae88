"""The last filter before the terminal: what may be in a write, and what becomes of the rest.

Everything that is drawn has been made safe twice; this is the third look, on the bytes themselves. A frame
may hold text, line feeds, colours (`CSI … m`) and cursor positions (`CSI … H`) and nothing else: an escape
sequence that sets a title, fills the clipboard or asks the terminal something can't come from a frame.
Textual's driver also switches modes; those writes are known by their whole form.
"""

import re

REPLACEMENT = "·"

# As in `widgets.safe`, but for a frame: no control but line feed and escape, no C1, no format characters.
_BANNED = (
    "\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Printable ASCII apart from the rest: a class of the first alone is matched several times faster.
_ALLOWED = re.compile(rf"(?:[\x20-\x7e\n]++|\x1b\[[0-9;]*+[mH]|[^\x00-\x7e{_BANNED}]++)*+")
_BAD = re.compile(rf"\x1b(?!\[[0-9;]*[mH])|[{_BANNED}]")

MODES = re.compile(
    r"(?:"
    r"\x1b\[\?[0-9;]{1,12}(?:[hl]|\$p)"  # set, reset or ask for a private mode: screen, mouse, paste, sync
    r"|\x1b\[[<>=]?[0-9;]{0,8}u"  # the Kitty keyboard protocol
    r"|\x1b\[6n"  # where is the cursor (inline apps)
    r"|\x1b\[[0-9;]{0,8}[ABCDHJK]"  # cursor and erase, as at the end of an inline app
    r"|\x1b\]22;[a-z-]{0,24}\x07"  # the mouse pointer's shape
    r"|\x07"  # the bell
    r")+"
)
"""Writes of the driver and the app that are no frames."""

CLIPBOARD = re.compile(r"\x1b\]52;c;[A-Za-z0-9+/=]*\x07")
"""`App.copy_to_clipboard`: one whole write of its own, with nothing but base64 in it."""


def is_clean(frame: str) -> bool:
    """Whether a frame holds nothing but what a frame may hold."""
    return _ALLOWED.fullmatch(frame) is not None


def clean(frame: str) -> tuple[str, int]:
    """The frame with everything else replaced by a middle dot, and how many pieces that were."""
    return _BAD.subn(REPLACEMENT, frame)


def is_control(data: str) -> bool:
    """Whether a write is one of the known sequences that are no frames."""
    return MODES.fullmatch(data) is not None or CLIPBOARD.fullmatch(data) is not None
