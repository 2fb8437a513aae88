"""What was sent to models on an alert, byte for byte, and what would be sent next: for whoever asks."""

from collections.abc import Callable

import msgspec

from backend.alerts.text import SafeText, safe, safe_lines
from backend.analysis.call import Rung
from backend.analysis.guardrails.injection import injection_signals
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.clock import Clock
from backend.journal.sent import SentCall
from backend.journal.store import Journal
from backend.lanes import LANES
from backend.pipeline.investigations import BuildAlert
from backend.providers.base import ModelRequest
from backend.providers.limits import Limits, limited
from backend.providers.sending import NotSentError, watched

SHOWN_CHARS = 256 * 1024
"""Of one request on screen; its size is told whole."""
PREVIEW_S = 10.0
"""For a client that has yet to be made; nothing is sent."""

NOBODY = "nothing would be sent: no model may be asked now, the playbook answers"

LadderOf = Callable[[str], Ladder]
"""A lane's fallback chain."""


class SentItem(msgspec.Struct, frozen=True, gc=False):
    """One request as it went over the wire, or would."""

    model: str
    host: str
    """Where it went; empty where that is not known before it goes."""
    size: int
    """Bytes of the body."""
    body: SafeText
    """The body, JSON laid out line by line."""
    hidden: bool
    """Names in it are pseudonyms."""
    wall_ms: int = 0
    """When it was sent; 0: not yet."""
    kind: str = ""
    """analysis, question, repair …"""
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    outcome: str = ""


class SentView(msgspec.Struct, frozen=True):
    """All requests on one alert, oldest first, and the one that would come next."""

    alert_id: int
    sent: tuple[SentItem, ...] = ()
    next: SentItem | None = None
    note: str = ""
    """Why there is no next one, or what is not in it yet."""


class Sending:
    """Answers what was sent and what would be. Sends nothing itself."""

    def __init__(self, journal: Journal, build_alert: BuildAlert, ladder: LadderOf, clock: Clock) -> None:
        self._journal = journal
        self._build_alert = build_alert
        self._ladder = ladder
        self._clock = clock

    async def view(self, alert_id: int) -> SentView:
        """Everything of one alert; empty where there is no such alert."""
        stored = await self._journal.read(lambda reader: reader.alert(alert_id))
        if stored is None:
            return SentView(alert_id, note="no such alert in the journal")
        calls = await self._journal.read(lambda reader: reader.sent(alert_id))
        sent = tuple(_item(call) for call in calls)
        alert = self._build_alert(stored.raw, stored.head, stored.source)
        lane = LANES[stored.lane]
        job = AnalysisJob(
            alert=alert,
            evidence=stored.result.evidence if stored.result is not None else (),
            signals=injection_signals(alert),
            lane=lane,
            deadline_mono=None,
            alert_id=alert_id,
        )
        coming = self._ladder(lane).next_request(job, (), "")
        if coming is None:
            return SentView(alert_id, sent, note=NOBODY)
        note = "" if job.evidence else "its evidence joins when its turn comes"
        return SentView(alert_id, sent, await self._preview(*coming), note)

    async def _preview(self, rung: Rung, request: ModelRequest) -> SentItem:
        """The very bytes: the vendor's own client writes them, and they are kept back at the last moment."""
        kept: list[tuple[str, bytes]] = []

        def keep_back(host: str, body: bytes) -> None:
            kept.append((host, body))
            raise NotSentError("looked at, not sent")

        limits = Limits(PREVIEW_S, PREVIEW_S, PREVIEW_S)
        async with watched(keep_back):
            async for _chunk in limited(rung.provider, request, limits=limits, clock=self._clock):
                pass
        host, body = kept[0] if kept else ("", msgspec.json.encode(request))
        return SentItem(
            rung.spec, str(safe(host)), len(body), _laid_out(body), request.hidden, kind="analysis"
        )


def _item(call: SentCall) -> SentItem:
    entry = call.entry
    usage = entry.usage if entry is not None else None
    return SentItem(
        model=call.model,
        host=str(safe(call.host)),
        size=len(call.body),
        body=_laid_out(call.body),
        hidden=call.hidden,
        wall_ms=call.wall_ms,
        kind=call.kind,
        input_tokens=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        usd=entry.usd if entry is not None else 0.0,
        outcome=entry.outcome if entry is not None else "",
    )


def _laid_out(body: bytes) -> SafeText:
    """JSON with a line for each value, its texts' line ends as line ends; anything else as it is."""
    try:
        text = msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body.decode("utf-8", "replace")
    return safe_lines(text.replace("\\n", "\n"), SHOWN_CHARS)
