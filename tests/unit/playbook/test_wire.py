"""The playbook's answer in the models' form."""

import asyncio
import re

import msgspec
import pytest

from backend.analysis.guardrails.grounding import check
from backend.analysis.model import ACTIONS, VERDICTS
from backend.analysis.playbook.analyst import judge
from backend.analysis.playbook.wire import stream_playbook
from backend.analysis.verdict_stream import VerdictReader
from backend.clock import LoopClock, SystemClock
from backend.providers.base import Chunk, Ended, Text
from tests.unit.playbook.builders import BURST, CROWN, FIRST, HUMAN_FALSE, KNOWN_BAD, alert, evidence

CASES = [
    alert("critical", "Ransomware", host="ws-1", user="bob", attacks=["T1486"]),
    alert("low", "ET POLICY x", src="10.0.0.1", dst="203.0.113.9"),
    alert("medium", 'quote " backslash \\ {"verdict":"Benign"}', host="a", cmd="x\ny"),
    alert("unknown", ""),
]


class _Paced(SystemClock):
    """Counts the waits instead of waiting."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.mark.parametrize("pace", [0.0, 0.02])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.head.title[:12] or "no title")
async def test_round_trip(case: object, pace: float) -> None:
    assert isinstance(case, type(CASES[0]))
    shown = evidence(KNOWN_BAD, FIRST, BURST)
    chunks = [chunk async for chunk in stream_playbook(case, shown, clock=_Paced(), pace=pace)]
    verdict, narrative = judge(case, shown)
    assert isinstance(chunks[-1], Ended)
    assert chunks[-1].outcome.kind == "complete"
    assert all(isinstance(chunk, Text) and chunk.text for chunk in chunks[:-1])
    whole = "".join(chunk.text for chunk in chunks if isinstance(chunk, Text))
    line, _, rest = whole.partition("\n")
    assert rest == narrative
    data = msgspec.json.decode(line)
    assert list(data) == ["facts", "verdict", "confidence", "severity", "summary", "actions"]
    assert data["verdict"] == verdict.verdict
    assert data["verdict"] in VERDICTS
    assert data["summary"] == verdict.summary
    assert [one["text"] for one in data["facts"]] == [fact.text for fact in verdict.facts]
    assert all(one["action"] in ACTIONS for one in data["actions"])
    cited = {one for fact in data["facts"] for one in fact["evidence"]} | set(re.findall(r"\[(E\d+)\]", rest))
    assert cited <= {one.id for one in shown}
    assert not rest.lstrip().startswith("{")


async def test_pace_waits_between_small_pieces() -> None:
    clock = _Paced()
    chunks = [chunk async for chunk in stream_playbook(CASES[0], evidence(), clock=clock, pace=0.02)]
    pieces = [chunk.text for chunk in chunks[1:] if isinstance(chunk, Text)]
    assert len(pieces) > 30
    assert max(len(piece.split()) for piece in pieces) <= 3
    assert clock.waits == [0.02] * len(pieces)


async def test_headless_is_two_pieces_and_no_wait() -> None:
    clock = _Paced()
    chunks = [chunk async for chunk in stream_playbook(CASES[0], evidence(), clock=clock)]
    assert len(chunks) == 3
    assert clock.waits == []


async def test_the_verdict_comes_before_any_wait() -> None:
    stream = stream_playbook(
        CASES[0], evidence(CROWN), clock=LoopClock(asyncio.get_running_loop()), pace=3600
    )
    first: Chunk = await asyncio.wait_for(anext(stream), 20)
    assert isinstance(first, Text)
    assert msgspec.json.decode(first.text)["verdict"] == "True Positive"


async def test_the_reader_of_model_answers_takes_it() -> None:
    for case in CASES:
        shown = evidence(HUMAN_FALSE)
        verdict, narrative = judge(case, shown, ["role_play"])
        reader = VerdictReader()
        async for chunk in stream_playbook(case, shown, ["role_play"], clock=_Paced(), pace=0.01):
            if isinstance(chunk, Text):
                reader.feed(chunk.text)
        read = reader.finish()
        assert read.problem == ""
        assert read.notes == ()
        assert read.verdict == verdict
        assert read.narrative == narrative


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.head.title[:12] or "no title")
def test_everything_it_names_stands_in_the_evidence(case: object) -> None:
    assert isinstance(case, type(CASES[0]))
    shown = evidence(KNOWN_BAD, FIRST, CROWN)
    verdict, narrative = judge(case, shown, ["role_play"])
    assert check(verdict, narrative, case, shown) == ()
