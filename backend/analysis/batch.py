"""Several alerts in one request, each with its own verdict: usable line by line, each checked against itself.

What keeps one alert from moving another's verdict, beside blocks and nonces of their own:

- an alert with a sign of injection never gets here;
- each line is read, restored, screened and grounded by the readers of its own alert alone;
- a check alert of ours goes along, and is answered first: where the model calls it anything but hostile,
  no line of the batch counts and each alert is analysed by itself;
- a verdict that would take an alert out of sight stands only where the built-in analyst, who reads no prose,
  sees no attack in it either; else that alert is analysed by itself;
- a line that is missing, invalid or there twice costs its own alert a call of its own, nobody else.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from backend.alerts.model import DataClass
from backend.alerts.text import safe, safe_lines
from backend.analysis.batch_lines import BatchLines, Line
from backend.analysis.batch_prompt import CHECK_PASSES, Asked, block, build_batch, check_alert, tags
from backend.analysis.call import Caller, CallResult, Purpose, Rung
from backend.analysis.estimate import estimate_tokens
from backend.analysis.guardrails.guard import Guard
from backend.analysis.guardrails.privacy import Privacy, View
from backend.analysis.ladder import AnalysisJob, PlaybookJudge
from backend.analysis.likes import LOWERING
from backend.analysis.model import Analysis, Attempt, Verdict
from backend.analysis.shares import Share, shares
from backend.analysis.verdict_stream import Reading, VerdictReader
from backend.clock import Clock
from backend.providers.base import Usage
from backend.providers.prices import cost_usd

MAX_TOKENS = 12_000
"""Of all alerts' blocks in a request: three of the longest, forty of the usual ones."""
FAILED_MOST = 3
"""Check alerts misjudged in a row, from which on a model gets no batches for `REST_S`: it can't do them."""
REST_S = 600.0
_STRICT: dict[DataClass, int] = {"cloud-ok": 0, "pseudonymise": 1, "local-only": 2}

Ready = Callable[[int, Analysis], None]
"""Is given each verdict the moment its line is whole: whose it is, and its cost as far as it is known."""


class Batched(msgspec.Struct, frozen=True):
    """What became of a batch."""

    answered: dict[int, Share]
    """Members with a verdict of the batch, and what of the call's tokens and dollars is theirs."""
    alone: tuple[int, ...]
    """Members that have to be analysed by themselves, in their own order."""
    attempts: tuple[Attempt, ...] = ()
    """What was tried in vain for those."""


@dataclass(eq=False)
class _Member:
    """One alert on its way through one request."""

    index: int
    job: AnalysisJob
    view: View
    guard: Guard
    tag: str = ""
    block: str = ""
    line_chars: int = 0
    problem: str = ""
    answered: bool = False


@dataclass(eq=False)
class _Course:
    """One request under way."""

    rung: Rung
    members: dict[str, _Member]
    check_tag: str
    lines: BatchLines = field(default_factory=BatchLines)
    held: list[Line] = field(default_factory=list)
    """Lines that came before the check alert's."""
    passed: bool | None = None
    begun: float = 0.0
    result: CallResult = field(default_factory=CallResult)


class Batcher:
    """A lane's models, asked about several alerts at once. Used on one loop only."""

    def __init__(
        self,
        chain: Sequence[Rung],
        caller: Caller,
        clock: Clock,
        *,
        judge: PlaybookJudge,
        privacy: Privacy,
        protected: frozenset[str] = frozenset(),
        rng: random.Random | None = None,
    ) -> None:
        """`chain`: models with the prompt for several alerts (`batch_prompt.batch_system`).

        `judge` is the built-in analyst; `rng` places the check alert and is for simulations.
        """
        self._chain = tuple(chain)
        self._caller = caller
        self._clock = clock
        self._judge = judge
        self._privacy = privacy
        self._protected = protected
        self._rng = rng or random.SystemRandom()
        self._failed: dict[str, int] = {}
        self._resting: dict[str, float] = {}

    async def run(self, jobs: Sequence[AnalysisJob], ready: Ready) -> Batched:
        """Ask about `jobs` together, down the chain until a model answers.

        `ready` is told of each verdict while the answer is still being written. May be cancelled at any time.
        """
        attempts: list[Attempt] = []
        left = list(range(len(jobs)))
        answered: dict[int, Share] = {}
        for rung in self._chain:
            if self._rests(rung):
                continue
            members = [self._member(index, jobs[index], rung) for index in left]
            while members:
                part = self._part(members)
                members = members[len(part) :]
                course = await self._ask(rung, part, ready)
                answered |= self._shares(course, part)
                attempts += self._told(course)
            gone = not any(one in answered for one in left)
            left = [one for one in left if one not in answered]
            if not gone:
                break  # the model is well: what it left out is asked by itself
        return Batched(answered, tuple(left), tuple(attempts))

    def _rests(self, rung: Rung) -> bool:
        return self._clock.mono() < self._resting.get(rung.spec, 0.0)

    def _member(self, index: int, job: AnalysisJob, rung: Rung) -> _Member:
        outgoing = self._privacy.outgoing(job.alert, job.evidence)
        view = outgoing.view(rung.privacy, job.alert.data)
        return _Member(index, job, view, Guard(job.alert, job.evidence, self._protected))

    @staticmethod
    def _part(members: Sequence[_Member]) -> list[_Member]:
        """As many of the members as one request holds; at least one."""
        part: list[_Member] = []
        tokens = 0
        for member in members:
            member.block = block(Asked("", member.view.alert, member.view.evidence))
            tokens += estimate_tokens(len(member.block))
            if part and tokens > MAX_TOKENS:
                break
            part.append(member)
        return part

    async def _ask(self, rung: Rung, members: Sequence[_Member], ready: Ready) -> _Course:
        names = tags(len(members) + 1)
        order = list(range(len(members) + 1))
        self._rng.shuffle(order)  # the check alert is the last one, wherever it stands
        for member, tag in zip(members, names, strict=False):
            member.tag = tag
            member.block = block(Asked(tag, member.view.alert, member.view.evidence))
        check = block(Asked(names[-1], *check_alert()))
        request = build_batch(
            [*(member.block for member in members), check],
            order,
            [names[-1], *(names[index] for index in order if index < len(members))],
            hidden=all(member.view.sealed(_EMPTY).hidden for member in members),
            system=rung.system,
        )
        course = _Course(rung, {member.tag: member for member in members}, names[-1])
        purpose = Purpose(
            members[0].job.alert_id,
            members[0].job.lane,
            min((m.job.deadline_mono for m in members if m.job.deadline_mono is not None), default=None),
            data=max((member.job.alert.data for member in members), key=_STRICT.__getitem__),
        )

        def started() -> None:
            course.begun = self._clock.mono()

        def read(text: str) -> bool:
            for line in course.lines.feed(text):
                self._take(course, line, ready)
            return course.passed is not False

        def settled(result: CallResult) -> None:
            course.result = result

        result = await self._caller.call(
            rung, request, purpose, on_start=started, on_text=read, on_settled=settled
        )
        course.result = result
        for line in course.lines.finish() if course.passed is not False else ():
            self._take(course, line, ready)
        self._rate(course)
        return course

    def _take(self, course: _Course, line: Line, ready: Ready) -> None:
        """One whole line. Until the check alert's has come, the others wait."""
        if line.tag == course.check_tag:
            if course.passed is None:
                course.passed = _verdict_of(line) in CHECK_PASSES
                held, course.held = course.held, []
                for one in held if course.passed else ():
                    self._take(course, one, ready)
            return
        if course.passed is None:
            course.held.append(line)  # bounded by the request's own token limit
            return
        member = course.members.get(line.tag)
        if member is None or not course.passed:
            return
        if member.answered:
            member.problem = "two lines for one alert"
            return
        reading = _read(member, line)
        member.line_chars = len(line.text)
        if reading.verdict is None:
            member.problem = reading.problem or "no verdict"
            return
        if self._doubted(member, reading.verdict):
            member.problem = f"{reading.verdict.verdict}, and the built-in analyst doubts it"
            return
        member.answered = True
        ready(member.index, self._analysis(course, member, reading, reading.verdict))

    def _doubted(self, member: _Member, verdict: Verdict) -> bool:
        """Whether a verdict would take an alert out of sight in which rules alone see an attack."""
        if verdict.verdict not in LOWERING:
            return False
        second, _ = self._judge(member.job.alert, member.job.evidence, ())
        return second.verdict in CHECK_PASSES

    def _analysis(self, course: _Course, member: _Member, reading: Reading, verdict: Verdict) -> Analysis:
        ungrounded = member.guard.check(verdict, reading.narrative)
        rung, now = course.rung, self._clock.mono()
        instructions = len(course.rung.system)
        everything = instructions + sum(len(one.block) for one in course.members.values())
        usage = Usage(
            estimate_tokens(everything * len(member.block) // max(1, everything - instructions)),
            estimate_tokens(member.line_chars),
        )
        told = f"Answered together with {len(course.members) - 1} like alerts in one request."
        narrative = safe_lines(f"{reading.narrative}\n\n{told}".strip(), 2_000)
        return Analysis(
            verdict=verdict,
            narrative=narrative,
            kind="batch",
            provider=rung.provider.provider,
            model=rung.provider.model,
            degraded=rung is not self._chain[0],
            guardrails=member.guard.rails((), reading.notes, ungrounded, verdict, checked=True),
            usage=usage,
            cost_usd=cost_usd(rung.price, usage),
            first_token_ms=(now - course.begun) * 1000,
            analyse_ms=(now - course.begun) * 1000,
        )

    def _shares(self, course: _Course, members: Sequence[_Member]) -> dict[int, Share]:
        """What of the call each answered member bears; one that was answered twice has no verdict of it."""
        mine = [member for member in members if member.answered]
        parts = shares(course.result, course.rung.price, [(len(one.block), one.line_chars) for one in mine])
        return {member.index: part for member, part in zip(mine, parts, strict=True) if not member.problem}

    def _rate(self, course: _Course) -> None:
        """Let a model rest from batches that misjudges the check alert again and again."""
        spec = course.rung.spec
        if course.passed:
            self._failed.pop(spec, None)
        elif course.passed is False:
            self._failed[spec] = self._failed.get(spec, 0) + 1
            if self._failed[spec] >= FAILED_MOST:
                self._resting[spec] = self._clock.mono() + REST_S
                self._failed.pop(spec)

    @staticmethod
    def _told(course: _Course) -> list[Attempt]:
        spec = course.rung.spec
        if course.passed is False:
            return [Attempt(spec, "batch: the check alert in it was misjudged, so none of it counts")]
        if course.passed is None:
            return [Attempt(spec, safe(f"batch: {course.result.words}", 200))]
        return []


def _read(member: _Member, line: Line) -> Reading:
    """A line through the readers of its own alert: form, pseudonyms, canary, actions."""
    reader = member.guard.reader(member.view.reader(VerdictReader()))
    reader.feed(f"{line.text}\n\n{line.why}")
    return reader.finish()


def _verdict_of(line: Line) -> str:
    reader = VerdictReader()
    reader.feed(line.text)
    verdict = reader.finish().verdict
    return verdict.verdict if verdict is not None else ""


_EMPTY = build_batch((), (), (), hidden=False)
