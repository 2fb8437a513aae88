"""One investigation's watch over what models answer: canary, targets of actions, grounding."""

from collections.abc import Callable, Sequence

import msgspec

from backend.alerts.model import Alert
from backend.analysis.guardrails import grounding
from backend.analysis.guardrails.actions import screened
from backend.analysis.guardrails.canary import CanaryWatch
from backend.analysis.guardrails.grounding import Grounded
from backend.analysis.model import Guardrails, Verdict
from backend.analysis.pane import Reader
from backend.analysis.verdict_stream import ReaderEvent, Reading, VerdictLine
from backend.enrichment.base import Evidence

LEAKED = "the answer gives away the system prompt's canary"
SIGNAL = "canary: a model's answer held it and was thrown away"


class Guard:
    """Shared by all attempts of one turn; each reads through a `GuardedReader` of its own."""

    def __init__(
        self, alert: Alert, evidence: Sequence[Evidence], protected: frozenset[str] = frozenset()
    ) -> None:
        """`protected` are names that no destructive action may name (`[policy] protected`)."""
        self._alert = alert
        self._evidence = evidence
        self._protected = protected
        self._withheld: dict[Verdict, tuple[str, ...]] = {}
        self._grounded = Grounded()
        self.leaked = False
        """Some attempt wrote the canary."""

    def reader(self, reader: Reader) -> "GuardedReader":
        """`reader`, watched."""
        return GuardedReader(self, reader)

    def screen(self, verdict: Verdict) -> Verdict:
        """A verdict with its actions' targets as the alert has them; what was withheld is remembered."""
        result = screened(verdict, self._alert, self._evidence, self._protected)
        self._withheld[result.verdict] = result.withheld  # a verdict for each attempt, of which there are few
        return result.verdict

    def check(self, verdict: Verdict | None, narrative: str) -> tuple[str, ...]:
        """Names that stand in no evidence; the rest of what the look gave is remembered."""
        self._grounded = grounding.look(verdict, narrative, self._alert, self._evidence)
        return self._grounded.ungrounded

    def rails(
        self,
        signals: tuple[str, ...],
        notes: Sequence[str],
        ungrounded: tuple[str, ...],
        verdict: Verdict | None,
        *,
        checked: bool,
    ) -> Guardrails:
        """What the checks found on the answer that stands. `checked`: its claims were looked up."""
        found = self._grounded if checked else Grounded()
        told = (*signals, *(f"output: {note}" for note in notes), *((SIGNAL,) if self.leaked else ()))
        return Guardrails(
            injection_suspected=bool(signals) or self.leaked,
            signals=told,
            ungrounded=ungrounded,
            output_valid=not notes,
            miscited=found.miscited,
            borne_out=found.borne_out,
            withheld=self._withheld.get(verdict, ()) if verdict is not None else (),
        )


class GuardedReader:
    """A reader whose answer is thrown away where the canary is in it, and whose actions are screened."""

    def __init__(self, guard: Guard, reader: Reader) -> None:
        self._guard = guard
        self._reader = reader
        self._watch = CanaryWatch()
        self._held = ""
        """What may be the canary's beginning."""
        self._screened: Callable[[Verdict], Verdict] = guard.screen

    @property
    def failed(self) -> bool:
        """Reading on is pointless."""
        return self._watch.tripped or self._reader.failed

    def feed(self, text: str) -> list[ReaderEvent]:
        """Take some more; nothing is shown of what completes the canary, nor of what may begin it."""
        if self._watch.saw(text):
            self._guard.leaked = True
            return []
        self._held += text
        return [] if self._watch.near else self._released()

    def _released(self) -> list[ReaderEvent]:
        text, self._held = self._held, ""
        return [self._event(event) for event in self._reader.feed(text)] if text else []

    def finish(self) -> Reading:
        """The answer has ended."""
        before = () if self._watch.tripped else self._released()
        reading = self._reader.finish()
        if self._watch.tripped:
            return Reading((), None, reading.narrative, LEAKED)
        verdict = self._screened(reading.verdict) if reading.verdict is not None else None
        return msgspec.structs.replace(
            reading,
            events=(*before, *(self._event(event) for event in reading.events)),
            verdict=verdict,
        )

    def _event(self, event: ReaderEvent) -> ReaderEvent:
        if isinstance(event, VerdictLine):
            return msgspec.structs.replace(event, verdict=self._screened(event.verdict))
        return event
