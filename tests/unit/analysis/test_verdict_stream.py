import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.analysis.model import VERDICTS, Delta
from backend.analysis.verdict_stream import (
    NARRATIVE_CHARS,
    OBJECT_CHARS,
    RAW_CHARS,
    ReaderEvent,
    Reading,
    VerdictLine,
    VerdictReader,
)
from tests.unit.analysis.builders import LINE, NARRATIVE, answer, line


def read(pieces: list[str]) -> tuple[list[ReaderEvent], Reading]:
    reader = VerdictReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    reading = reader.finish()
    return [*events, *reading.events], reading


def texts(events: list[ReaderEvent]) -> dict[str, str]:
    joined = {"facts": "", "narrative": "", "raw": ""}
    for event in events:
        if isinstance(event, Delta):
            joined[event.kind] += event.text
    return joined


FACT_LINES = "412 failed logins as root in 3 minutes [E1]\nThe source 198.51.100.7 is on two lists [E2]\n"


def test_words_come_before_the_object_is_whole_and_never_as_json() -> None:
    reader = VerdictReader()
    shown: list[str] = []
    for char in line():
        shown += [event.text for event in reader.feed(char) if isinstance(event, Delta)]
        assert reader.verdict is None
    assert "".join(shown) == FACT_LINES
    assert len(shown) > 12, "facts must come word by word"


def test_the_verdict_is_ready_when_its_line_is_and_not_before() -> None:
    reader = VerdictReader()
    assert not [event for event in reader.feed(line()) if isinstance(event, VerdictLine)]
    (ready,) = reader.feed("\n")
    assert isinstance(ready, VerdictLine)
    assert ready.verdict.verdict == "True Positive"
    assert reader.verdict == ready.verdict
    (delta, *_) = reader.feed("\n**What happened.** ")
    assert isinstance(delta, Delta)
    assert delta.kind == "narrative"


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        f"\n\n  {answer()}",
        f"\ufeff{answer()}",
        f"```json\n{line()}\n```\n{NARRATIVE}",
        f"```\n{json.dumps(LINE, indent=2)}\n```\n\n{NARRATIVE}",
        f"{json.dumps(LINE, indent=4)}\n{NARRATIVE}\n\n",
        f"{line()} {NARRATIVE}",
        f"{line()}\r\n\r\n{NARRATIVE}",
    ],
)
def test_forms_that_are_accepted(text: str) -> None:
    events, reading = read([text])
    assert reading.problem == ""
    assert reading.verdict is not None
    assert (reading.verdict.verdict, reading.verdict.severity_id) == ("True Positive", 4)
    assert reading.narrative == NARRATIVE
    assert texts(events) == {"facts": FACT_LINES, "narrative": NARRATIVE, "raw": ""}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (line().replace("0.92", "NaN"), "JSON"),
        (line().replace('"verdict"', '"verdict": "Benign", "verdict"', 1), "uplicate"),
        (line(confidence=1.2), "confidence"),
        (line(confidence=-0.1), "confidence"),
        (line(confidence="0.9"), "confidence"),
        (line(confidence=True), "confidence"),
        (line(verdict="Probably fine"), "verdict"),
        (line(verdict=None), "verdict"),
        (line(verdict=["Benign"]), "verdict"),
        (line(summary=" "), "summary"),
        (line(summary=7), "summary"),
        (line(facts="none"), "facts"),
        (line(facts=["a fact"]), "facts"),
        (line(facts=[{"text": 1}]), "facts"),
        (line(actions=[{"target": "x"}]), "actions"),
        ("{}", "verdict"),
        ("{'verdict': 'Benign'}", "JSON"),
        (line()[:-20], "ended inside"),
        (line() + line(verdict="Benign"), "second JSON"),
        (f"{line()}\n{line(verdict='Benign')}\n", "second JSON"),
        (f"{line()}\n\n```json\n{line(verdict='Benign')}\n```", "second JSON"),
        ('{"facts":[' + '{"text":"x"},' * OBJECT_CHARS, "longer than"),
        ('{"a":' * 400, "ended inside"),
        ("", "empty"),
        ("  \n", "empty"),
    ],
)
def test_what_is_no_valid_verdict(text: str, problem: str) -> None:
    _, reading = read([text])
    assert reading.verdict is None
    assert problem in reading.problem
    assert len(reading.problem) < 300


def test_an_invalid_object_is_known_at_once_and_nothing_after_it_is_shown() -> None:
    reader = VerdictReader()
    events = reader.feed(line(confidence=9) + "\n\nAll is well, close it.")
    assert reader.failed
    assert "All is well" not in "".join(texts(events).values())


@pytest.mark.parametrize(
    "text",
    [
        "I can't help with that.",
        "Sure! Here is it: {}",
        "```python\nprint()\n```",
        "[1, 2]",
        '"x"',
        "``` {",
        "`{",
    ],
)
def test_other_answers_are_shown_raw_and_end_invalid(text: str) -> None:
    events, reading = read(list(text))
    if text == "``` {":  # a fence and the beginning of an object
        assert "ended inside" in reading.problem
        return
    assert reading.problem == "the answer does not begin with a verdict object"
    assert texts(events)["raw"] == text


def test_raw_text_is_shown_up_to_a_limit_and_then_reading_is_pointless() -> None:
    reader = VerdictReader()
    shown = ""
    for _ in range(2 * RAW_CHARS // 5):
        assert shown == "" or not reader.failed or len(shown) == RAW_CHARS
        shown += texts(reader.feed("word "))["raw"]
    assert len(shown) == RAW_CHARS
    assert reader.failed


def test_what_is_dropped_is_noted() -> None:
    facts = [{"text": f"fact {n}", "evidence": ["E1", "nonsense"]} for n in range(6)]
    actions = [{"action": "nuke_from_orbit"}, {"action": "watch", "target": "web-01"}]
    _, reading = read([line(facts=facts, actions=actions, severity="Apocalyptic", extra={"ok": 1})])
    assert reading.verdict is not None
    assert len(reading.verdict.facts) == 4
    assert reading.verdict.facts[0].evidence == ("E1",)
    assert [action.action for action in reading.verdict.actions] == ["watch"]
    assert reading.verdict.severity_id is None
    notes = "\n".join(reading.notes)
    assert "nuke_from_orbit" in notes
    assert "2 facts" in notes
    assert "Apocalyptic" in notes
    assert "nonsense" in notes


def test_approval_comes_from_the_allow_list_not_from_the_model() -> None:
    actions = [{"action": "isolate_host", "target": "web-01", "needs_approval": False}]
    _, reading = read([line(actions=actions)])
    assert reading.verdict is not None
    assert reading.verdict.actions[0].needs_approval


@pytest.mark.parametrize("word", ["true positive", "TRUE_POSITIVE", " True Positive "])
def test_verdict_words_in_any_case(word: str) -> None:
    _, reading = read([line(verdict=word)])
    assert reading.verdict is not None
    assert reading.verdict.verdict == "True Positive"


def test_hostile_text_in_every_place_comes_out_safe() -> None:
    bad = "\x1b]52;c;eA==\x07\u202eok\x9b2J"
    pieces = list(answer(facts=[{"text": bad, "evidence": []}], summary=bad) + bad)
    events, reading = read(pieces)
    assert reading.verdict is not None
    everything = "".join(texts(events).values()) + reading.narrative + reading.verdict.summary
    for char in everything:
        assert char == "\n" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}
    assert "52;c;eA==" in everything


def test_the_narrative_is_capped() -> None:
    events, reading = read([line(), "\n", "x " * NARRATIVE_CHARS])
    assert len(reading.narrative) == NARRATIVE_CHARS
    assert texts(events)["narrative"] == reading.narrative


WORDS = st.text(
    st.one_of(
        st.sampled_from("abc XYZ.,:;\"\\/{}[]`\n\r\t'-_0189"),
        st.characters(codec="utf-8"),
        st.sampled_from("\x1b\x9b\u202e\u0301\u200d日本\U0001f600"),
    ),
    max_size=60,
)
OBJECTS = st.fixed_dictionaries(
    {
        "facts": st.lists(
            st.fixed_dictionaries(
                {"text": WORDS, "evidence": st.lists(st.sampled_from(["E1", "E22", "x", "[E3]"]), max_size=3)}
            ),
            max_size=6,
        ),
        "verdict": st.sampled_from([*VERDICTS, "Nonsense"]),
        "confidence": st.sampled_from([0, 0.5, 1, 2, "1"]),
        "severity": st.sampled_from(["High", "low", "none", None]),
        "summary": WORDS,
    }
)


@st.composite
def answers(draw: st.DrawFn) -> str:
    """Answers in our form, in nearly our form, and in no form at all."""
    if draw(st.integers(0, 4)) == 0:
        return draw(WORDS)
    item = draw(OBJECTS)
    if draw(st.booleans()):
        item = dict(draw(st.permutations(list(item.items()))))
    text = json.dumps(item, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2])))
    open_, close = draw(st.sampled_from([("", ""), ("```json\n", "\n```"), ("\n ", ""), ("```\n", "")]))
    between = draw(st.sampled_from(["\n", "\n\n", "\r\n", " ", "", "\n```json\n"]))
    text = f"{open_}{text}{close}{between}{draw(WORDS)}"
    if draw(st.booleans()):
        return text
    at = draw(st.integers(0, len(text)))
    change = draw(st.sampled_from(["", '"', "}", "{", "\\", "NaN", ',"facts":[],', '"text":"again",']))
    return text[:at] + change + text[at + draw(st.integers(0, 3)) :]


@settings(max_examples=200, deadline=None)
@given(text=answers(), cuts=st.lists(st.integers(0, 400), max_size=30))
def test_however_it_is_cut_the_answer_reads_the_same(text: str, cuts: list[int]) -> None:
    whole_events, whole = read([text])
    places = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    for split in (pieces, list(text)):
        events, reading = read(split)
        assert texts(events) == texts(whole_events)
        assert (reading.verdict, reading.narrative, reading.problem, reading.notes) == (
            whole.verdict,
            whole.narrative,
            whole.problem,
            whole.notes,
        )
        lines = [event for event in events if isinstance(event, VerdictLine)]
        assert lines == [event for event in whole_events if isinstance(event, VerdictLine)]
        assert len(lines) <= 1
