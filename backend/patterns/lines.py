"""The line that tells an event's pattern: a log line without its header, or what a document says."""

from backend.patterns.event import Event, clean

_SAYS = ("message", "msg", "log", "description", "eventname", "eventtype", "summary", "displaymessage")
MAX_NAMES = 24
MAX_KIND_CHARS = 120
MAX_LINE_CHARS = 4_000


def line_of(event: Event) -> tuple[str, str]:
    """What the event is counted as, and its line.

    Of a document: the first line of its message, or, where it has none, the names of its fields: one that has
    other fields than those of its kind seen so far is news too. Empty where there is nothing to mine.
    """
    kind, line = _told(event)
    return clean(kind, MAX_KIND_CHARS), clean(line, MAX_LINE_CHARS)


def _told(event: Event) -> tuple[str, str]:
    obj = event.obj
    if obj is None:
        header = event.header
        return header.program or event.kind, header.body
    named = {str(name).lower(): value for name, value in obj.items()}
    for name in _SAYS:
        value = named.get(name)
        if isinstance(value, str) and value.strip():
            return event.kind, value.strip().split("\n", 1)[0].rstrip()
    return event.kind, " ".join(sorted(named)[:MAX_NAMES])
