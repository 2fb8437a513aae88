"""IBM's Log Event Extended Format 1.0 and 2.0: `LEEF:2.0|vendor|product|version|id|delimiter|key=value…`."""

import re
from contextlib import suppress
from datetime import datetime

from backend.alerts import severity
from backend.alerts.fields import TITLE_CHARS, Object, text
from backend.alerts.generic_keys import Lookup
from backend.alerts.key_values import spaced_pairs, split_pairs
from backend.alerts.marked_line import MarkedFormat
from backend.alerts.syslog_header import parse_header
from backend.alerts.text import SafeText, safe
from backend.alerts.text_line import Line, from_band

_HEX = re.compile(r"(?:0?x|\\x)([0-9A-Fa-f]{2})")
_PIPED = re.compile(r"\|\w{1,64}=")
_GLUED = re.compile(r"(\d{1,9})([A-Za-z]\w{0,63})=(.*)", re.DOTALL)
_SPELLINGS = {
    **{"devtime": "time", "usrname": "username", "accountname": "account", "srcname": "shost"},
    **{"identhostname": "hostname", "identsrc": "hostip", "cat": "category", "msg": "message"},
    **{"dstname": "dhost", "repeatcount": "count"},
}
_TITLES = (
    "title",
    "alertname",
    "signature",
    "threatname",
    "eventname",
    "name",
    "message",
    "description",
    "reason",
)
# Java's date patterns, as devTimeFormat gives them, in strptime's words.
_PATTERN = re.compile(r"y+|M+|d+|H+|h+|m+|s+|S+|a|z+|Z+|X+|E+|'[^']*'")
_DIRECTIVES = {
    **{"yyyy": "%Y", "yy": "%y", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d", "d": "%d", "HH": "%H"},
    **{
        "H": "%H",
        "hh": "%I",
        "h": "%I",
        "mm": "%M",
        "m": "%M",
        "ss": "%S",
        "s": "%S",
        "SSS": "%f",
        "a": "%p",
    },
    **{"Z": "%z", "X": "%z", "XXX": "%z", "z": "%Z", "EEE": "%a"},
}


class Leef(MarkedFormat):
    """FORMATS, section 4: LEEF."""

    name = "leef"
    mark = re.compile(r"LEEF:\s?\d(?:\.\d)?\|")

    def take_apart(self, line: str, start: int, notes: tuple[str, ...]) -> Line | str:
        """See `MarkedFormat.take_apart`."""
        return _read(line, start, notes)


def _read(line: str, start: int, notes: tuple[str, ...]) -> Line | str:
    body = line[start:]
    parts = body.split("|", 5)
    if len(parts) < 5:
        return f"LEEF header ends early: {len(parts) - 1} of its 4 fields are there"
    vendor, product, version, event = (part.strip() for part in parts[1:5])
    rest = parts[5] if len(parts) > 5 else ""
    delimiter, attributes = _delimiter(rest) if "2" in parts[0] else ("\t", rest)
    fields = _attributes(attributes, delimiter)
    if version:
        fields.setdefault("productVersion", version)
    found = Lookup(fields, spellings=_SPELLINGS)
    rating = found.named("sev", "severity")
    return Line(
        format="leef",
        header=parse_header(line[:start]),
        body=body,
        fields=fields,
        found=found,
        vendor=text(vendor),
        product=text(product),
        rule_uid=text(event),
        rule_name=text(found.named("rulename", "policy")),
        title=_title(found, product or vendor, event),
        severity_id=from_band(rating),
        severity_native=severity.native(rating),
        times=(_formatted(fields), *(value for _, value in found.all("time"))),
        hostname=found.named("hostname", "devicehostname", "devicename", "dvchost"),
        notes=notes,
    )


def _title(found: Lookup, product: str, event: str) -> SafeText:
    """What the product calls it; LEEF has no field for that, so its id and category often have to do."""
    if told := text(found.named(*_TITLES), TITLE_CHARS):
        return told
    category = text(found.named("category"), 80)
    return safe(f"{product}: {event}" + (f" ({category})" if category else ""), TITLE_CHARS)


def _delimiter(rest: str) -> tuple[str, str]:
    """LEEF 2.0's sixth field, which some products leave empty and some leave out, and what follows it."""
    given, pipe, attributes = rest.partition("|")
    if rest.startswith("||"):
        return "|", rest[2:]
    if not pipe or "=" in given[1:]:
        return "\t", rest
    if found := _HEX.fullmatch(given.strip()):
        return chr(int(found.group(1), 16)), attributes
    stripped = given.strip(" ")
    if stripped in ("", "\\t"):
        return "\t", attributes
    return stripped, attributes


def _attributes(text_: str, delimiter: str) -> Object:
    """The fields; where the declared delimiter does not occur, by the one that does."""
    if delimiter not in text_:
        if _PIPED.search(text_):
            delimiter = "|"
        elif delimiter == "\t" and "^" in text_ and "=" in text_.partition("^")[2]:
            delimiter = "^"
    fields: Object = dict(split_pairs(text_, delimiter) if delimiter in text_ else spaced_pairs(text_)[0])
    rating = fields.get("sev")
    # "sev=5cat=anomaly": the delimiter between the two was lost.
    if isinstance(rating, str) and (glued := _GLUED.fullmatch(rating)):
        fields["sev"] = glued.group(1)
        fields.setdefault(glued.group(2), glued.group(3))
    return fields


def _formatted(fields: Object) -> str | None:
    """`devTime` read by `devTimeFormat`, where that is a pattern with a year; as ISO."""
    value, pattern = fields.get("devTime"), fields.get("devTimeFormat")
    if not isinstance(value, str) or not isinstance(pattern, str) or not 0 < len(pattern) <= 64:
        return None
    known = _PATTERN.sub(
        lambda found: _DIRECTIVES.get(found[0], found[0].strip("'")), pattern.replace("%", "")
    )
    if "%Y" not in known and "%y" not in known:
        return None
    with suppress(ValueError, OverflowError, re.error):
        return datetime.strptime(value[:64].strip(), known).isoformat()  # noqa: DTZ007 - a zone is read where the pattern has one
    return None
