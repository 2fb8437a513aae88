"""Alert text is hostile: the one place that makes it safe to show.

A terminal obeys control characters wherever they come from, and readers are misled by characters they can't
see. `safe` gives each such character a visible stand-in; nothing is dropped without a trace, so what was sent
can still be recognised. The raw bytes stay in the alert for whoever needs them.

Stand-ins: C0 controls and DEL become their control pictures (ESC ␛, NUL ␀, tab ␉, carriage return ␍; line
feed is ␤); C1 controls and bytes that are not UTF-8 become their number (⟨9B⟩); every other character of a
Unicode control, format, surrogate, private-use or unassigned kind, line and paragraph separators, variation
selectors and letters that draw nothing become their code point (⟨U+202E⟩). Every kind of space becomes a
plain space.
"""

import json
import re
import unicodedata
from typing import NewType

SafeText = NewType("SafeText", str)
"""Text that holds no control, C1, bidi or format character and no lone surrogate; made only by this module.

What `safe_lines` made may hold line feeds, what `safe` made may not.
"""

MAX_MARKS = 4
"""Combining marks kept in a row; more are counted (⟨+n⟩). No script stacks more than three or four."""

_HIDDEN_KINDS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARK_KINDS = frozenset({"Mn", "Me"})
# Assigned as marks, letters or symbols, yet they draw nothing (Unicode: Default_Ignorable_Code_Point, plus
# the braille blank).
_INVISIBLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)
_CACHE_LIMIT = 4096  # code points remembered per table; a sender that tries all of Unicode fills no memory
_LONG_RUN = re.compile(rf"[^\x00-\x7f]{{{MAX_MARKS + 1},}}")


def _stand_in(code: int) -> str:
    """What is shown for one code point at or above U+0080: itself where that is harmless."""
    if code < 0xA0:
        return f"⟨{code:02X}⟩"
    if 0xDC80 <= code <= 0xDCFF:  # how `surrogateescape` carries a byte that is not UTF-8
        return f"⟨{code - 0xDC00:02X}⟩"
    kind = unicodedata.category(chr(code))
    if kind == "Zs":
        return " "
    if kind in _HIDDEN_KINDS or code in _INVISIBLE:
        return f"⟨U+{code:04X}⟩"
    return chr(code)


class _StandIns(dict[int, str]):
    """A `str.translate` table that works out code points as they turn up."""

    def __missing__(self, code: int) -> str:
        shown = _stand_in(code)
        if len(self) < _CACHE_LIMIT:
            self[code] = shown
        return shown


_ASCII = {code: chr(code) for code in range(0x20, 0x7F)} | {code: chr(0x2400 + code) for code in range(0x20)}
_ONE_LINE = _StandIns(_ASCII | {0x0A: "␤", 0x7F: "␡"})
_MANY_LINES = _StandIns(_ASCII | {0x0A: "\n", 0x7F: "␡"})


def safe(value: str | bytes | object, limit: int | None = None) -> SafeText:
    """`value` as one line that is safe to show; with `limit`, at most that many characters, cut with "…".

    Printable ASCII comes back as the same object. None is empty, bytes are read as UTF-8, numbers and truth
    values are written as JSON does, lists and objects as compact JSON. Raises nothing, whatever comes in.
    """
    if type(value) is str and value.isascii() and value.isprintable() and (not limit or len(value) <= limit):
        return value  # type: ignore[return-value]  # calling the NewType costs as much as the check
    return _made_safe(_as_text(value), _ONE_LINE, limit)


def safe_lines(value: str | bytes | object, limit: int | None = None) -> SafeText:
    """Like `safe`, but line ends stay line feeds: for model output and the view of a raw record.

    CR LF counts as one line end; a lone carriage return is shown as ␍, because it would overwrite the line.
    """
    return _made_safe(_as_text(value).replace("\r\n", "\n"), _MANY_LINES, limit)


def _made_safe(text: str, table: _StandIns, limit: int | None) -> SafeText:
    """Cut first, so that the work is bounded by `limit` and not by what was sent; then again, as it grows."""
    cut = bool(limit) and len(text) > (limit or 0)
    if cut:
        text = text[:limit]
    shown = text.translate(table)
    if not shown.isascii():
        shown = _LONG_RUN.sub(_cap_marks, shown)
    if limit and (cut or len(shown) > limit):
        shown = shown[: limit - 1] + "…"
    return SafeText(shown)


def _cap_marks(run: re.Match[str]) -> str:
    """A run of non-ASCII characters with long stacks of combining marks cut down to `MAX_MARKS`."""
    out: list[str] = []
    stacked = 0
    for char in run.group():
        if unicodedata.category(char) in _MARK_KINDS:
            stacked += 1
            if stacked > MAX_MARKS:
                continue
        elif stacked:
            if stacked > MAX_MARKS:
                out.append(f"⟨+{stacked - MAX_MARKS}⟩")
            stacked = 0
        out.append(char)
    if stacked > MAX_MARKS:
        out.append(f"⟨+{stacked - MAX_MARKS}⟩")
    return "".join(out)


_WORDS: dict[object, str] = {None: "", True: "true", False: "false"}


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "surrogateescape")
    try:
        if isinstance(value, list | tuple | dict):
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        return str(value)
    except Exception:  # noqa: BLE001 - a foreign object's own __str__, endless nesting, integers too long to write
        return f"⟨{type(value).__name__} that can't be written⟩"


_SCHEME = re.compile(r"\b(h)tt(ps?)(?=:(?://|\\/\\/))|\b(f)t(ps?)(?=://)", re.IGNORECASE)
_DOT = ".。．｡"  # noqa: RUF001 - resolvers take these look-alikes for a dot, so they are meant
_DOTTED = re.compile(rf"(?<![\w-])[\w-]++(?:[{_DOT}][\w-]++)+")  # linear: no restart inside a word
# Endings of files that are no top-level domain: these names stay readable.
_FILE_ENDINGS = frozenset(
    (
        *("bat", "cfg", "conf", "csv", "dat", "dll", "doc", "docx", "exe", "gz", "htm", "html", "ini", "iso"),
        *("jar", "jpg", "js", "json", "lnk", "log", "msi", "pdf", "php", "png", "ppt", "ps1", "rar", "sys"),
        *("tar", "tmp", "txt", "vbs", "xls", "xlsx", "xml", "yaml", "yml"),
    )
)


def defang(text: SafeText) -> SafeText:
    """`text` with its addresses made unclickable: http → hxxp, ftp → fxp, dots of IPs and domains → [.].

    Idempotent. Where a name could be a domain or a file (`invoice.zip`), it is taken for a domain.
    """
    broken = _SCHEME.sub(_break_scheme, text)
    return SafeText(_DOTTED.sub(_break_dots, broken))


def _break_scheme(found: re.Match[str]) -> str:
    h, http_rest, f, ftp_rest = found.groups()
    return f"{h}xx{http_rest}" if h else f"{f}x{ftp_rest}"


def _break_dots(found: re.Match[str]) -> str:
    name = found.group()
    labels = re.split(f"[{_DOT}]", name)
    last = labels[-1]
    numeric = all(label.isdigit() and len(label) <= 3 and int(label) < 256 for label in labels)
    is_address = numeric and len(labels) >= 4
    # Punycode endings (xn--…) hold digits and hyphens; every other top-level domain is letters.
    is_domain = (last.isalpha() or last.lower().startswith("xn--")) and len(last) > 1
    is_file = last.lower() in _FILE_ENDINGS and len(labels) == 2
    if is_address or (is_domain and not is_file):
        return "[.]".join(labels)
    return name
