"""One record of a source, read as the pipeline would read it."""

from backend.alerts.model import SEVERITY_NAMES, Alert, DeadLetter, Parsed, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.doctor.report import Report
from backend.doctor.threads import in_thread
from backend.pipeline.route import Router

SHOWN_ERRORS = 3
_MAP_SEVERITY = (
    'map it under this source: severity_map = {{ "{word}" = "High" }}; until then such alerts are handled as'
    " medium, never as low"
)


async def judge(report: Report, parser: Parser, data: bytes, where: str, fixed_format: str | None) -> None:
    """Say what a record is: its format, title, severity and lane, or why it can't be read.

    `where` is the record's place, in words.
    """
    received_ms = report.clock.wall_ms()
    mend = "a record that takes so long holds up every other one: look at what the sender writes"
    async with report.within("sample", f"{where}: {len(data)} bytes were not parsed", mend):
        items = await in_thread(lambda: parser.parse(data, received_ms))
    alerts = [item for item in items if isinstance(item, ParsedAlert)]
    letters = [item for item in items if isinstance(item, DeadLetter)]
    if letters and len(letters) == len(items):
        report.fail("sample", f"{where} can't be read: {letters[0].reason}", _unreadable(fixed_format))
    elif not alerts:
        event = next(item for item in items if isinstance(item, ParsedEvent))
        report.ok("sample", f"{where}: {event.format}, {event.kind}: telemetry, not an alert, counted as raw")
    else:
        last = alerts[-1]
        alert = await in_thread(lambda: parser.build_alert(last.raw, last.head))
        _alert(report, alert, f"{where}{_others(items)}", letters)


def _alert(report: Report, alert: Alert, where: str, letters: list[DeadLetter]) -> None:
    head = alert.head
    severity = SEVERITY_NAMES.get(head.severity_id, "Unknown")
    found = f"{where}: {head.format}, {severity}, lane {Router.lane(head)}: {head.title or '(no title)'}"
    if letters:
        found += f"; an item of it can't be read: {letters[0].reason}"
        report.warn("sample", found, "such items become dead letters: watchfloor export --dead-letters")
    elif alert.parse_errors:
        errors = "; ".join(alert.parse_errors[:SHOWN_ERRORS])
        mend = "the alert is handled without what can't be read; correct it at the sender"
        report.warn("sample", f"{found}; not all could be read: {errors}", mend)
    elif not head.severity_id:
        word = head.severity_native
        found += f"; its severity {word!r} is not known" if word else "; it names no severity"
        report.warn("sample", found, _map_severity(word))
    elif head.time_quality == "received" and head.format == "generic_json":
        mend = 'say where it stands, under this source: mapping = { time = "PATH" }'
        report.warn("sample", f"{found}; no time of its own was found", mend)
    else:
        report.ok("sample", found)


def _map_severity(word: str) -> str:
    if word:
        return _MAP_SEVERITY.format(word=word)
    return (
        'say where it stands, under this source: mapping = { severity = "PATH" }; until then such alerts are'
        " handled as medium, never as low"
    )


def _unreadable(fixed_format: str | None) -> str:
    if fixed_format:
        return f"the format is fixed to {fixed_format}: leave that out, or name the one the sender writes"
    return (
        "look at what the sender writes; such records become dead letters: watchfloor export --dead-letters"
    )


def _others(items: list[Parsed]) -> str:
    return f" (the last alert of {len(items)} items)" if len(items) > 1 else ""
