"""AWS CloudTrail: what was called, by whom. Records of an audit log, none of them an alert by itself."""

import msgspec

from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.fields import Object, mapping, text
from backend.alerts.model import Alert, DeadLetter, Head, ParsedEvent
from backend.alerts.text import safe

_KEYS = ("eventVersion", "eventSource", "eventName")
_SUFFIX = ".amazonaws.com"


class _Call(msgspec.Struct, gc=False):
    eventVersion: str
    eventSource: str
    eventName: str


_decoder = msgspec.json.Decoder(_Call)


class CloudTrail(JsonFormat):
    """FORMATS, section 2, line 21: CloudTrail, bare or as the `detail` of an EventBridge event."""

    name = "cloudtrail"

    def recognises(self, obj: Object) -> bool:
        """The three keys every record has since version 1.0."""
        return all(key in _record(obj) for key in _KEYS)

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`."""
        try:
            call = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return ParsedEvent(self.name, _kind(call.eventSource)) if call.eventSource else None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        record = _record(obj)
        source = text(record.get("eventSource"), 80)
        if not source or not text(record.get("eventName")):
            return DeadLetter("cloudtrail record without eventSource or eventName", raw)
        return ParsedEvent(self.name, _kind(source))

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """No record is an alert; a head made elsewhere is kept as it is."""
        return Alert(head=head, raw=raw, parse_errors=notes)


def _record(obj: Object) -> Object:
    return mapping(obj.get("detail")) if "detail-type" in obj else obj


def _kind(source: str) -> str:
    """The service (`iam`): calls have too many names to count by."""
    return safe(source.removesuffix(_SUFFIX), 40)
