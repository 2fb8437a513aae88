"""What stands in front of a log line: headers of RFC 5424 and RFC 3164, and what devices make of them."""

import re

import msgspec

PRI_NAMES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""RFC 5424, table 2: the severities of a PRI, 0 to 7."""

_HEADER_BYTES = 8192
"""Structured data is looked for so far into a line; RFC 5424 obliges nobody to take more than 2,048."""
_MAX_PARAMS = 200

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\s?(?:Z|[+-]\d\d:?\d\d)?"
_NAMED_MONTH = r"[A-Z][a-z]{2}\s{1,2}\d{1,2}(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: \d{4}\b)?"
# A stream may carry octet counts (RFC 6587): "123 <13>…".
_PRI = re.compile(r"\ufeff?\s{0,4}(?:\d{1,6} )?<(\d{1,3})>", re.ASCII)
_START = re.compile(
    rf"\ufeff?\s{{0,4}}(?:(?:\d{{1,6}} )?<\d{{1,3}}>|[A-Z][a-z]{{2}} [ \d]\d (?:\d{{4}} )?\d\d:\d\d:\d\d[ .:]"
    rf"|1 \d{{4}}-\d\d-\d\dT\S{{8,30}} \S|{_ISO}\s+\S{{1,255}} [\w./-]{{1,48}}(?:\[\d{{1,10}}\])?: )",
    re.ASCII,
)
_MODERN = re.compile(
    rf"\s{{0,8}}(\d{{1,2}} )?\s{{0,8}}({_ISO}|-) {{1,8}}"
    r"(\S{1,255}) {1,8}(\S{1,64}) {1,8}(\S{1,128}) {1,8}(\S{1,64}) {1,8}"
    r"(?=-(?:\s|$)|\[[\w.@:-]{1,64}[\s\]\"])",
    re.ASCII,
)
# Cisco: "17: host: *Apr 21 19:01:35.638 UTC: %SYS-5-CONFIG_I: …".
_TIME = re.compile(
    r"\s{0,8}(?:\d{1,2} (?=[A-Z\d]))?\s{0,8}(?:\d{1,10}: )?(?:([\w.-]{1,255}): )?[*.]?"
    rf"({_ISO}|{_NAMED_MONTH})"
    r"(?: [A-Z]{3,4}(?= ?:))?\s{0,8}:?\s{0,8}",
    re.ASCII,
)
_HOST = re.compile(r"([^\s\[\]=|\"<>{}%,]{1,255}?)(?: :)?(?:\s+|$)", re.ASCII)
_BLANK = re.compile(r" {0,8}")
_TAG = re.compile(r"([^\s\[\]:=|\"<>{},]{1,64})(?:(\[[^\]\s]{1,32}\])(?::\s*|\s+|$)|:(?:\s+|$))", re.ASCII)
_CONTAINER = re.compile(r"(?:[^\s\"\]\[]|\"(?:\\.|[^\"\\])*+\"|\s)*+\]", re.DOTALL)
_PARAM = re.compile(r"(?<![\w.@/-])([\w.@/-]{1,64})[=:]\"((?:\\.|[^\"\\])*+)\"", re.DOTALL)
_SD_ESCAPE = re.compile(r"\\([\"\\\]])")


class Header(msgspec.Struct, frozen=True, gc=False):
    """A line taken apart. What the line does not say is empty, and -1 where it is a number."""

    facility: int = -1
    severity: int = -1
    """0 (emergency) to 7 (debug); -1 without a PRI, or with one outside 0 to 191."""
    time: str = ""
    host: str = ""
    program: str = ""
    message_id: str = ""
    data: dict[str, str] = {}
    """The parameters of all structured data elements; of two of one name the first stands."""
    body: str = ""
    """The message after the header."""


def looks_like_syslog(line: str) -> bool:
    """Whether a line starts with a PRI, a date as RFC 3164 writes it, or a full date, a host and a tag."""
    return _START.match(line) is not None


def parse_header(line: str) -> Header:
    """The header of a line, as far as there is one, and the rest as its body; raises nothing."""
    facility = severity = -1
    place = 0
    if found := _PRI.match(line):
        place = found.end()
        if (number := int(found.group(1))) <= 191:
            facility, severity = divmod(number, 8)
    elif line.startswith("\ufeff"):
        place = 1
    modern = _MODERN.match(line, place)
    if modern and (place or modern.group(1)):
        return _modern(line, modern, facility, severity)
    return _legacy(line, place, facility, severity)


def _modern(line: str, found: re.Match[str], facility: int, severity: int) -> Header:
    """RFC 5424: time, host, program, process and message ids, structured data, message."""
    time, host, program, _, message_id = ("" if part == "-" else part for part in found.groups()[1:])
    data, place = _structured(line, found.end())
    return Header(
        facility=facility,
        severity=severity,
        time=time,
        host=host,
        program=program,
        message_id=message_id,
        data=data,
        body=line[place:].lstrip(" \ufeff"),
    )


def _structured(line: str, place: int) -> tuple[dict[str, str], int]:
    """Structured data at `place` and where the message starts; a broken one is left to the message."""
    if line.startswith("-", place):
        return {}, place + 1
    data: dict[str, str] = {}
    end = min(len(line), place + _HEADER_BYTES)
    while place < end and line[place] == "[":
        whole = _CONTAINER.match(line, place + 1, end)
        if whole is None:
            break
        for param in _PARAM.finditer(line, place + 1, whole.end()):
            if len(data) >= _MAX_PARAMS:
                break
            data.setdefault(param.group(1), _SD_ESCAPE.sub(r"\1", param.group(2)))
        place = whole.end()
        following = place + (line[place : place + 1] == " ")  # Veeam puts a blank between two elements
        place = following if line[following : following + 1] == "[" else place
    return data, place


def _legacy(line: str, place: int, facility: int, severity: int) -> Header:
    """RFC 3164 and its like: a time, a host, a tag with a process id, each of which may be missing."""
    time = host = program = ""
    if found := _TIME.match(line, place):
        host, time = found.group(1) or "", found.group(2)
        place = found.end()
    else:
        place = _BLANK.match(line, place).end()  # type: ignore[union-attr]  # it matches nothing, too
    if time and not host and not _TAG.match(line, place) and (found := _HOST.match(line, place)):
        host = found.group(1).rstrip(":")
        place = found.end()
    if found := _TAG.match(line, place):
        # "CEF:0|" is no tag: a tag's colon is followed by a blank, or its process id comes before.
        program = found.group(1)
        place = found.end()
    return Header(
        facility=facility, severity=severity, time=time, host=host, program=program, body=line[place:]
    )
