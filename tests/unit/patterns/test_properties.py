"""No input makes the stage raise: bytes, documents, and what a rule may ask of them."""

import functools
import tempfile
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from backend.clock import SystemClock
from backend.patterns.documents import SOURCE, record_of
from backend.patterns.event import Event
from backend.patterns.lines import line_of
from backend.patterns.matching import Matcher
from backend.patterns.raw import RawEvent
from backend.patterns.rules import load
from backend.patterns.stage import PATTERN_PARSERS
from tests.unit.patterns.building import WINDOWS_RULES, miner, write_rule

ANYTHING = [
    "A: '*'",
    "A|contains: 'a'",
    "A|re: '.'",
    "A|cidr: '10.0.0.0/8'",
    "A: 1",
    "A|gt: 0",
    "A: null",
    "A|exists: true",
    "A|fieldref: B",
    "A|hour: 1",
    "A: true",
]

NAMES = st.sampled_from(
    ["A", "B", "Event", "System", "EventData", "Data", "UserData", "EventID", "Channel", "winlog", "data",
     "win", "system", "eventdata", "#text", "#attributes", "Name", "message", "Image", "CommandLine"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just("10.0.0.1")
DOCUMENTS = st.dictionaries(
    NAMES | st.text(max_size=5),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4)
        ),
        max_leaves=20,
    ),
    max_size=6,
)
FORMATS = st.sampled_from(
    ["plain", "syslog", "generic_json", "windows_event", "cloudtrail", "ecs", "nonsense"]
)
KINDS = st.text(max_size=20) | st.sampled_from(
    ["Microsoft-Windows-Sysmon/Operational 1", "Security 4688", "x ²"]
)


@functools.cache
def matcher() -> Matcher:
    with tempfile.TemporaryDirectory() as folder:
        body = "\n".join(f"  s{n}:\n    {one}" for n, one in enumerate(ANYTHING))
        for number, source in enumerate(("product: windows", "product: linux", "category: x")):
            uid = f"0f4ef3cb-6a6a-4c1a-9d4b-4d5e0c9ef10{number}"
            write_rule(
                Path(folder), f"{body}\n  condition: 1 of s*", source=source, uid=uid, name=f"{number}.yml"
            )
        found = load([folder, str(WINDOWS_RULES)])
    assert not found.problems
    return Matcher(found.rules, SystemClock())


def examined(format_: str, kind: str, raw: bytes) -> None:
    raw_event = RawEvent("s\udcff", "p", 1, 0, 0, format_, kind, raw)
    made = matcher()
    for _, rules in made.choose([raw_event]):
        seen = Event(format_, kind, raw)
        likely = list(rules(seen))
        assert [rule for rule in rules.rules if rule.match(seen)] == [
            rule for rule in likely if rule.match(seen)
        ]
        for match in made.try_on(raw_event, rules):
            (parsed,) = PATTERN_PARSERS[SOURCE].parse(match.raw, 0)
            assert parsed.head == match.head  # type: ignore[union-attr]  # an alert
            assert PATTERN_PARSERS[SOURCE].build_alert(match.raw, match.head).parse_errors == ()
    assert made.failed == ()
    event = Event(format_, kind, raw)
    mined = miner()
    for _ in range(3):
        mined.add("s", *line_of(event), 0)
    for finding in mined.settled(0):
        (parsed,) = PATTERN_PARSERS[SOURCE].parse(record_of(finding, 0).data, 0)
        assert parsed.head.title.startswith("New log pattern")  # type: ignore[union-attr]  # an alert


@given(FORMATS, KINDS, st.binary(max_size=300))
def test_any_bytes(format_: str, kind: str, raw: bytes) -> None:
    examined(format_, kind, raw)


@given(FORMATS, KINDS, st.text(max_size=300))
def test_any_line(format_: str, kind: str, line: str) -> None:
    examined(format_, kind, line.encode("utf-8", "surrogatepass"))


@given(FORMATS, KINDS, DOCUMENTS)
def test_any_document(format_: str, kind: str, document: dict[str, object]) -> None:
    examined(format_, kind, msgspec.json.encode(document))
