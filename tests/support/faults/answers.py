"""The faults that the whole engine must bring to a verdict: which one, whose, how marked, and by when."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.support.faults.streams import CHAT, HTML, NO_PINGS, NO_REFUSAL, SLOW_DOWN, TOO_LONG
from tests.support.vendors import (
    Binary,
    Cut,
    Done,
    End,
    Error,
    Hang,
    Page,
    Pings,
    Refusal,
    Rubbish,
    Script,
    Status,
    Step,
    Tokens,
)

FIRST_TOKEN_S = 0.8
IDLE_S = 0.6
TOTAL_S = 2.0
"""The first model's limits."""

LINE = (
    '{"facts":[{"text":"Beacon from 10.4.2.17","evidence":["E1"]}],"verdict":"True Positive",'
    '"confidence":0.9,"severity":"Critical","summary":"A host calls out.","actions":[]}\n'
)
STORY = "The host 10.4.2.17 has called 203.0.113.9 [E1]."
HALF = Tokens(LINE[:60])
"""Its first fact can be read."""
FACT = "Beacon from 10.4.2.17"
NEARLY = Tokens(LINE.replace("True Positive", "Benign").rstrip()[:-1])
"""All of a verdict but its last bracket: one that must never be acted on."""
JUDGED = Tokens(LINE + STORY)
WHOLE: Script = [JUDGED, Done()]
DRIP = Tokens(["a"] * 10_000, every_s=0.05)


@dataclass(frozen=True)
class Came:
    """What comes of an alert."""

    by: str
    """`first` or `second` of the models, or `playbook`."""
    verdict: str = "True Positive"
    degraded: bool = False
    partial: bool = False
    shown: int = 1
    """Which attempt on screen the last one is: a change of model before the first content is unseen."""
    asked: int = 1
    """How often the first model was."""
    first: str = ""
    """The first model's state then, where it matters: `failed` is a banner that a person must see to."""


@dataclass(frozen=True)
class AnswerFault:
    """One row: what the first model does, and what must come of the alert."""

    scripts: tuple[Script, ...]
    comes: Came
    why: str = ""
    """A part of what is recorded of the failed attempt."""
    kept: str = ""
    """What stays on screen of the failed attempt."""
    after_s: float = 0.0
    """The limit that has to pass first."""
    second: Script | None = field(default_factory=lambda: WHOLE)
    """What the second model says; None: there is none."""
    but: Mapping[str, Came] = field(default_factory=dict)
    """Vendors of whose alert something else must come."""
    none: Mapping[str, str] = field(default_factory=dict)
    """Vendors on whose wire there is no such thing, and why."""


UNSEEN = Came("second", degraded=True)
SEEN = Came("second", degraded=True, shown=2)
BANNER = replace(UNSEEN, first="failed")
PARTIAL = Came("first", partial=True)
TO_A_HUMAN = Came("playbook", "Insufficient Data", degraded=True, shown=3, asked=2)
MENDED = Came("first", shown=2, asked=2)


def _unseen(first: Step, *then: Step, why: str, after_s: float = 0.0) -> AnswerFault:
    return AnswerFault(([first, *then],), UNSEEN, why, after_s=after_s)


def _seen(*then: Step, why: str, after_s: float = 0.0) -> AnswerFault:
    return AnswerFault(([HALF, *then],), SEEN, why, FACT, after_s)


def _partial(*then: Step, after_s: float = 0.0) -> AnswerFault:
    return AnswerFault(([JUDGED, *then],), PARTIAL, kept="The host 10.4.2.17", after_s=after_s)


def _limited(header: str) -> Status:
    return Status(429, SLOW_DOWN, {"retry-after": header})


def _banner(code: int, why: str) -> AnswerFault:
    return AnswerFault(([Status(code, {"error": {"type": "x", "message": "no"}})],), BANNER, why)


_PINGS = dict.fromkeys(("ollama", "converse"), NO_PINGS)

BEFORE: dict[str, AnswerFault] = {
    "reset before the first content": _unseen(Pings(0.01, 1), Cut(), why="network"),
    "closed before the first content": _unseen(Pings(0.01, 1), Cut(reset=False), why="network"),
    "clean end without a marker before the first content": _unseen(End(), why="protocol"),
    "error event before the first content": _unseen(Error(), why="Overloaded"),
    "200 with an HTML page": _unseen(Page(), why="protocol"),
    "200 with binary rubbish": _unseen(Binary(), why="protocol"),
    "silence before the first content": _unseen(Hang(), why="idle", after_s=FIRST_TOKEN_S),
    "pings only": replace(_unseen(Pings(), why="idle", after_s=FIRST_TOKEN_S), none=_PINGS),
    "429 with 0.2 s": AnswerFault(([_limited("0.2")], WHOLE), Came("first", asked=2), after_s=0.2),
    "429 with 0.2 s, twice": AnswerFault(
        ([_limited("0.2")],), replace(UNSEEN, asked=2), "rate_limited", after_s=0.2
    ),
    "429 with 3600 s": _unseen(_limited("3600"), why="rate_limited"),
    "429 with a far date": _unseen(_limited("Wed, 21 Oct 2099 07:28:00 GMT"), why="rate_limited"),
    "429 with rubbish": _unseen(_limited("soon"), why="rate_limited"),
    "529": _unseen(Status(529), why="overloaded"),
    "500": _unseen(Status(500), why="server"),
    "502 with HTML": _unseen(Status(502, HTML), why="server"),
    "401": _banner(401, "auth"),
    "403": _banner(403, "auth"),
    "404": _banner(404, "not_found"),
    "too long": _unseen(Status(400, TOO_LONG), why="too_long"),
}

INSIDE: dict[str, AnswerFault] = {
    "reset inside the verdict": _seen(Cut(), why="network"),
    "closed inside the verdict": _seen(Cut(reset=False), why="network"),
    "clean end without a marker inside the verdict": _seen(End(), why="end marker"),
    "error event inside the verdict": _seen(Error(), why="Overloaded"),
    "rubbish inside the verdict": _seen(Rubbish(), why="protocol"),
    "silence inside the verdict": _seen(Hang(), why="idle", after_s=IDLE_S),
    "pings only inside the verdict": replace(_seen(Pings(), why="idle", after_s=IDLE_S), none=_PINGS),
    "one token every so often inside the verdict": _seen(DRIP, why="deadline", after_s=TOTAL_S),
    "cut one byte before the verdict is whole": AnswerFault(([NEARLY, Cut()],), SEEN, "network", FACT),
}

AFTER: dict[str, AnswerFault] = {
    "reset after the verdict": _partial(Cut()),
    "closed after the verdict": _partial(Cut(reset=False)),
    "clean end without a marker after the verdict": _partial(End()),
    "error event after the verdict": _partial(Error()),
    "silence after the verdict": _partial(Hang(), after_s=IDLE_S),
    "pings only after the verdict": replace(_partial(Pings(), after_s=IDLE_S), none=_PINGS),
    "one token every so often after the verdict": _partial(DRIP, after_s=TOTAL_S),
    "cut by length after the verdict": _partial(Done("max_tokens")),
}

BREAKS_THE_FORM: dict[str, Script] = {
    "prose": [Tokens("I think that this is bad."), Done()],
    "two JSONs": [Tokens(LINE + LINE.replace("True Positive", "Benign")), Done()],
    "a fence after prose": [Tokens(f"Here:\n```json\n{LINE}```"), Done()],
    "NaN": [Tokens(LINE.replace("0.9", "NaN")), Done()],
    "cut by length": [HALF, Done("max_tokens")],
}

FORM: dict[str, AnswerFault] = {
    **{f"{name}, then well": AnswerFault((bad, WHOLE), MENDED) for name, bad in BREAKS_THE_FORM.items()},
    **{
        f"{name}, twice": AnswerFault((bad,), TO_A_HUMAN, second=None)
        for name, bad in BREAKS_THE_FORM.items()
    },
    "refusal": AnswerFault(
        ([Refusal("I can't."), Done("refusal")],),
        replace(TO_A_HUMAN, asked=1, shown=2),
        second=None,
        # Its words are apart from the text there: nothing of the attempt is on screen.
        but=dict.fromkeys(CHAT, replace(TO_A_HUMAN, asked=1, shown=1)),
        none={"ollama": NO_REFUSAL},
    ),
}

ANSWER_FAULTS: dict[str, AnswerFault] = {
    **BEFORE,
    **INSIDE,
    **AFTER,
    **FORM,
    "all vendors down": AnswerFault(
        ([Status(529)],), Came("playbook", "", degraded=True), "overloaded", second=[Status(503)]
    ),
}
"""Row by row."""
