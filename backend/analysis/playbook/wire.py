"""The playbook's answer in the form models answer in: one JSON object on the first line, then Markdown.

So it goes through the same reader, the same checks and the same pane as any model's.
"""

import re
from collections.abc import AsyncIterator, Sequence

import msgspec

from backend.alerts.model import SEVERITY_NAMES, Alert
from backend.analysis.model import Verdict
from backend.analysis.playbook.analyst import judge
from backend.clock import Clock
from backend.enrichment.base import Evidence
from backend.providers.base import Chunk, Ended, Outcome, Text

WORDS_PER_CHUNK = 3
_GROUP = re.compile(rf"(?:\S+\s*){{1,{WORDS_PER_CHUNK}}}|\s+")


def verdict_line(verdict: Verdict) -> str:
    """The verdict as one line of JSON, without the line's end."""
    shown = {
        "facts": [{"text": fact.text, "evidence": list(fact.evidence)} for fact in verdict.facts],
        "verdict": verdict.verdict,
        "confidence": verdict.confidence,
        "severity": SEVERITY_NAMES[verdict.severity_id] if verdict.severity_id is not None else None,
        "summary": verdict.summary,
        "actions": [{"action": one.action, "target": one.target} for one in verdict.actions],
    }
    return msgspec.json.encode(shown).decode()


async def stream_playbook(
    alert: Alert,
    evidence: Sequence[Evidence],
    signals: Sequence[str] = (),
    *,
    clock: Clock,
    pace: float = 0.0,
) -> AsyncIterator[Chunk]:
    """Judge and write it out: the verdict line, then the narrative a few words at a time.

    `pace` is the time in seconds between chunks; 0 gives two chunks at once. Always complete.
    """
    verdict, narrative = judge(alert, evidence, signals)
    yield Text(verdict_line(verdict) + "\n")
    if pace <= 0:
        yield Text(narrative)
    else:
        for group in _GROUP.findall(narrative):
            await clock.sleep(pace)
            yield Text(group)
    yield Ended(Outcome("complete"))
