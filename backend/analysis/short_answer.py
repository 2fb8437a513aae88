"""The answer to a short question: which alerts may be asked about, how it is read, and when it will do.

A small model is trusted with little. What is urgent, hostile by hard evidence, or tries to talk to a model is
never left to it; its answer stands only where it is sure, all that it cites is there, and rules without any
model do not see more in the alert than it does.
"""

from collections.abc import Iterator, Sequence

import msgspec

from backend.alerts.model import SEVERITY_NAMES, Alert, Severity
from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.policy import HARMLESS, hard_signals
from backend.analysis.guardrails.prose import free_text
from backend.analysis.model import Delta, Guardrails, Verdict
from backend.analysis.pane import Reader
from backend.analysis.verdict_stream import ReaderEvent, Reading
from backend.enrichment.base import Evidence
from backend.lanes import URGENT

_NO_ANSWER = frozenset({"Insufficient Data", "Unknown"})
_RANK = {"True Positive": 3, "Suspicious": 2, "Security Risk": 2}
"""How much a verdict sees in an alert: what is harmless 0, what decides nothing 1."""


class Sure(msgspec.Struct, frozen=True, gc=False):
    """What `[policy]` asks of a model that may lower something; here of any short answer."""

    min_confidence: float = 0.8
    min_facts: int = 2


def too_much(alert: Alert, evidence: Sequence[Evidence], signals: Sequence[str], lane: str) -> bool:
    """Whether an alert goes to its lane's own models at once.

    By lane or severity it is high or critical; evidence is hard; something in it reads as an instruction to a
    model (`signals`), or somebody wrote sentences where names stand.
    """
    urgent = lane in URGENT or alert.head.severity_id >= Severity.HIGH
    return urgent or bool(signals) or bool(hard_signals(evidence)) or bool(free_text(alert))


def doubts(verdict: Verdict, rails: Guardrails, second: Verdict, own: int, sure: Sure) -> Iterator[str]:
    """Everything for which an answer will not do, in short words; nothing where it will.

    `rails` are what the checks of this very answer found, `second` is the built-in analyst's verdict, and
    `own` the alert's severity.
    """
    if rails.injection_suspected or not rails.output_valid:
        yield "it did not keep to the form"
    if verdict.verdict in _NO_ANSWER:
        yield "it decides nothing"
    if not verdict.confidence >= sure.min_confidence:  # also where it is no number
        yield f"confidence {verdict.confidence:.2f} is below {sure.min_confidence:.2f}"
    if rails.ungrounded or rails.miscited:
        yield "it names what its evidence does not"
    if rails.borne_out < sure.min_facts:
        yield f"{rails.borne_out} of {sure.min_facts} facts borne out by what they cite"
    if rails.withheld:
        yield "it recommends what may not be done"
    if _rank(verdict) < _rank(second):
        yield f"rules alone say {second.verdict}"
    yield from _of_severity(verdict, second, own)


def _of_severity(verdict: Verdict, second: Verdict, own: int) -> Iterator[str]:
    own = Severity.MEDIUM if own == Severity.UNKNOWN else own
    said = verdict.severity_id or own
    if said >= Severity.HIGH:
        yield f"it calls it {SEVERITY_NAMES[said]}"
    if said < min(own, second.severity_id or own):
        yield "it takes the severity below what rules alone say"


def _rank(verdict: Verdict) -> int:
    return 0 if verdict.verdict in HARMLESS else _RANK.get(verdict.verdict, 1)


def told(verdict: Verdict, spec: str, second: Verdict) -> SafeText:
    """The Markdown in place of a narrative nobody wrote: who answered, why it will do, what it rests on."""
    facts = [f"- {fact.text} {''.join(f'[{one}]' for one in fact.evidence)}" for fact in verdict.facts]
    name = safe(spec, 120)
    lines = [
        f"**Answered in short** by {name}, which is sure; rules alone say {second.verdict}. "
        "Investigate it to have it analysed in full.",
        "What it rests on:",
        "\n".join(facts),
    ]
    return SafeText("\n\n".join(lines))


class LineReader:
    """Reads the verdict line; what follows it is not wanted, and reading on is pointless once it begins."""

    def __init__(self, reader: Reader) -> None:
        """Read through `reader`, which watches all that comes."""
        self._reader = reader
        self._over = False

    @property
    def failed(self) -> bool:
        """Reading on is pointless."""
        return self._over or self._reader.failed

    def feed(self, text: str) -> list[ReaderEvent]:
        """Take some more."""
        return self._kept(self._reader.feed(text))

    def finish(self) -> Reading:
        """The answer has ended."""
        reading = self._reader.finish()
        events = tuple(self._kept(reading.events))
        return msgspec.structs.replace(reading, events=events, narrative=SafeText(""))

    def _kept(self, events: Sequence[ReaderEvent]) -> list[ReaderEvent]:
        kept: list[ReaderEvent] = []
        for event in events:
            if isinstance(event, Delta) and event.kind != "facts":
                self._over = True
            else:
                kept.append(event)
        return kept
