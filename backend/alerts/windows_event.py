"""Windows event log records as JSON: raw logs, counted by channel and event id, not alerts."""

import msgspec

from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import facts
from backend.alerts.fields import Object, dig, first, integer, mapping, text
from backend.alerts.model import Alert, DeadLetter, Head, ParsedEvent
from backend.alerts.text import safe

# What flat shippers (NXLog, Winlogbeat's older form, OTRF's data sets) write beside `Channel` and `EventID`.
_FLAT = frozenset({"SourceName", "ProviderGuid", "ProviderName", "Provider", "Hostname", "Computer"})


class _System(msgspec.Struct, gc=False):
    EventID: int | str
    Channel: str


class _Event(msgspec.Struct, gc=False):
    System: _System


class _Record(msgspec.Struct, gc=False):
    Event: _Event


_decoder = msgspec.json.Decoder(_Record)


class WindowsEvent(JsonFormat):
    """FORMATS, section 4: raw logs, Windows. Reads evtx as JSON, flat records, and `winlog` objects."""

    name = "windows_event"

    def recognises(self, obj: Object) -> bool:
        """`Event.System`, or `Channel` and `EventID` with their source, or Elastic's `winlog`."""
        if mapping(mapping(obj.get("Event")).get("System")):
            return True
        if "Channel" in obj and "EventID" in obj and not _FLAT.isdisjoint(obj):
            return True
        return dig(obj, "winlog.channel") is not None and dig(obj, "winlog.event_id") is not None

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`: the evtx shape only; `EventData` is not looked at, whatever it is."""
        try:
            system = _decoder.decode(raw).Event.System
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return self._event(system.Channel, integer(system.EventID, -1)) if system.Channel else None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        system = mapping(mapping(obj.get("Event")).get("System"))
        if system:
            channel, number = system.get("Channel"), system.get("EventID")
            source = dig(system, "Provider.#attributes.Name") or dig(system, "Provider.Name")
        elif "EventID" in obj:
            channel, number = obj.get("Channel"), obj.get("EventID")
            source = obj.get("SourceName") or obj.get("ProviderName")
        else:
            channel, number = dig(obj, "winlog.channel"), dig(obj, "winlog.event_id")
            source = dig(obj, "winlog.provider_name")
        return self._event(channel or source, _event_id(number)) or DeadLetter(
            "Windows event without a readable EventID", raw
        )

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`; there is none to build from these records, but any head gets its facts."""
        return Alert(head=head, raw=raw, facts=facts(obj, (), lambda path: True), parse_errors=notes)

    def _event(self, channel: object, number: int) -> ParsedEvent | None:
        if not 0 <= number <= 0xFFFFFFFF:
            return None
        return ParsedEvent(self.name, safe(f"{text(channel, 60) or 'unknown channel'} {number}", 80))


def _event_id(value: object) -> int:
    """A number, its digits, or an object of the number and its qualifiers (`{"#text": 4624, …}`)."""
    value = first(value)
    if isinstance(value, dict):
        value = next((value[key] for key in ("#text", "Value", "value", "text") if key in value), None)
    return integer(value, -1)
