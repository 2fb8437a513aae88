"""ArcSight Common Event Format: `CEF:0|vendor|product|version|id|name|severity|key=value …`."""

import re

from backend.alerts import severity
from backend.alerts.fields import SHORT_CHARS, TITLE_CHARS, Object, text
from backend.alerts.generic_keys import Lookup, canonical
from backend.alerts.key_values import MAX_CHARS, spaced_pairs
from backend.alerts.marked_line import MarkedFormat
from backend.alerts.syslog_header import parse_header
from backend.alerts.text import safe
from backend.alerts.text_line import Line, from_band

_FIELD = re.compile(r"((?:\\.|[^|\\])*+)(\||$)", re.DOTALL)
_HEADER_FIELDS = 6  # vendor, product, version, event class, name, severity
_LABEL = "Label"
# Paths are full of backslashes that escape nothing: in `D:\new` there is no line end.
_PATH_KEYS = ("path", "fname", "proc", "hash")
_SPELLINGS = {
    **{
        "rt": "time",
        "devicereceipttime": "time",
        "start": "starttime",
        "end": "lastseen",
        "art": "updatedat",
    },
    **{"act": "action", "deviceaction": "action", "cat": "category", "deviceeventcategory": "category"},
    **{"msg": "message", "cnt": "count", "baseeventcount": "count"},
    **{"sproc": "processname", "sourceprocessname": "processname", "spid": "processid", "dpid": "processid"},
    **{"dproc": "process", "destinationprocessname": "process"},
    **{"duser": "account", "destinationusername": "account", "sourceusername": "suser"},
    **{"deviceaddress": "dvc", "c6a2": "srcip", "c6a3": "dstip"},
}


class Cef(MarkedFormat):
    """FORMATS, section 4: CEF."""

    name = "cef"
    mark = re.compile(r"CEF:\s?\d{1,2}\|")

    def take_apart(self, line: str, start: int, notes: tuple[str, ...]) -> Line | str:
        """See `MarkedFormat.take_apart`."""
        return _read(line, start, notes)


def _read(line: str, start: int, notes: tuple[str, ...]) -> Line | str:
    body = line[start:]
    parts, extension = _header(body)
    if len(parts) < _HEADER_FIELDS - 1:
        return f"CEF header ends early: {len(parts)} of its {_HEADER_FIELDS} fields are there"
    vendor, product, version, rule, name = (part.strip() for part in parts[:5])
    rating = parts[5].strip() if len(parts) == _HEADER_FIELDS else ""
    pairs, twice = spaced_pairs(extension)
    fields, spellings = _labelled({key: _value(key, value) for key, value in pairs.items()})
    if version:
        fields.setdefault("deviceVersion", version)
    found = Lookup(fields, spellings=spellings)
    title = text(name, TITLE_CHARS) or text(found.named("message"), TITLE_CHARS)
    return Line(
        format="cef",
        header=parse_header(line[:start]),
        body=body,
        fields=fields,
        found=found,
        vendor=text(vendor),
        product=text(product),
        rule_uid=text(rule),
        rule_name=text(name),
        title=title or safe(f"{product or vendor or 'CEF'} event {rule}".strip(), TITLE_CHARS),
        severity_id=from_band(rating),
        severity_native=severity.native(rating),
        times=tuple(value for _, value in found.all("time")),
        hostname=found.named("dvchost", "devicehostname"),
        notes=(*notes, *(f"field '{safe(key, 40)}' comes twice; the first stands" for key in twice[:10])),
    )


def _header(body: str) -> tuple[list[str], str]:
    """The header's fields behind the version, unescaped, and the extension after them."""
    place = body.index("|") + 1
    parts: list[str] = []
    while len(parts) < _HEADER_FIELDS and (found := _FIELD.match(body, place)):
        parts.append(re.sub(r"\\([|\\])", r"\1", found.group(1)[:MAX_CHARS]))
        place = found.end()
        if not found.group(2):
            break
    return parts, body[place:]


def _labelled(pairs: dict[str, str]) -> tuple[Object, dict[str, str]]:
    """Custom fields under what their label calls them (`cs1` and `cs1Label` make one `RuleName (cs1)`)."""
    fields: Object = {}
    spellings = dict(_SPELLINGS)
    for key, value in pairs.items():
        label = pairs.get(key + _LABEL, "")
        if key.endswith(_LABEL) and key.removesuffix(_LABEL) in pairs:
            continue
        if label:
            shown = f"{label[:SHORT_CHARS]} ({key})"
            spellings.setdefault(canonical(shown), _SPELLINGS.get(canonical(key), canonical(label)))
            key = shown
        fields[key] = value
    return fields, spellings


def _value(key: str, value: str) -> str:
    """An extension's value without its escapes and the quotes some products put around it."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if "\\" not in value:
        return value
    lower = key.lower()
    if any(word in lower for word in _PATH_KEYS):
        return re.sub(r"\\([=\\|])", r"\1", value)
    return re.sub(r"\\([=\\|nr])", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), value)
