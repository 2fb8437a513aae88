"""The corpus's Windows records: each is raised by the rule for what it shows, and background noise by none.

The records' labels name the Sigma rule each must trigger, not what is in it; the rules here are our own, for
the same behaviour.
"""

import gzip
from collections import defaultdict

import msgspec
import pytest

from backend.alerts.model import ParsedEvent
from backend.alerts.recognise import Parser
from backend.clock import SystemClock
from backend.patterns.matching import Matcher
from backend.patterns.raw import Match, RawEvent
from backend.patterns.rules import load
from tests.corpus import CORPUS
from tests.unit.patterns.building import WINDOWS_RULES

EXPECTED: dict[str, list[int]] = {
    "AMSI switched off in the registry": [76],
    "AMSI switched off with reg.exe": [17],
    "Account hidden from the sign-in screen": [82],
    "Cached credentials listed": [35],
    "Certutil exports a key": [27],
    "Certutil fetches a file": [25],
    "Crash handler loads the dump library": [4],
    "Deleted data overwritten": [30],
    "Download from a bare address with bitsadmin": [19],
    "Download from a bare address with curl": [39],
    "Download with bitsadmin": [18, 19, 20],
    "Event log written where none belongs": [9],
    "Explicit credentials used towards this machine": [5],
    "Fake recycle bin": [13],
    "File name with a right to left override": [14],
    "Hidden local account": [74],
    "Package of a known supply chain attack installed": [2],
    "Process calls itself svchost": [62],
    "Process opens LSASS through the dump library": [16],
    "Python one-liner decodes base64": [52],
    "Run key written with reg.exe": [53],
    "Scheduled task of the system disabled": [6],
    "Service binary staged in a folder of its own under Temp": [3],
    "Shell started by a Node.js server": [1, 61],
    "Sub-process created with wmic": [69],
    "Task of the system disabled in the scheduler": [7],
    "Value of the scheduler cache removed": [72, 73],
    "Download from a file sharing site with bitsadmin": [20],
}
"""Rule to the lines of `sigma_regression_windows` it must raise, 1 the first."""

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(CORPUS is None, reason="the shared corpus is not here"),
]


def matches(name: str) -> tuple[list[RawEvent], list[Match]]:
    assert CORPUS is not None
    parser = Parser()
    events: list[RawEvent] = []
    with gzip.open(CORPUS / "raw_logs" / name) as lines:
        for number, line in enumerate(lines, start=1):
            (item,) = parser.parse(line, 0)
            assert isinstance(item, ParsedEvent)
            events.append(RawEvent("s", "p", number, 0, 0, item.format, item.kind, line))
    found = load([str(WINDOWS_RULES)])
    assert not found.problems
    matcher = Matcher(found.rules, SystemClock())
    tried = matcher.run(matcher.choose(events))
    assert (tried.skipped, matcher.failed) == (0, ())
    return events, tried.matches


def test_known_bad_records_are_raised_by_their_rules_and_by_no_other() -> None:
    events, found = matches("sigma_regression_windows.ndjson.gz")
    assert len(events) == 84
    raised: dict[str, list[object]] = defaultdict(list)
    for match in found:
        raised[match.head.title].append(match.event.offset)
    assert dict(raised) == EXPECTED


def test_levels_are_those_of_the_labels() -> None:
    assert CORPUS is not None
    labels = (CORPUS / "labelled/sigma_regression_windows.labels.ndjson").read_bytes().splitlines()
    levels = {number: msgspec.json.decode(line)["level"] for number, line in enumerate(labels, start=1)}
    _, found = matches("sigma_regression_windows.ndjson.gz")
    worst: dict[int, Match] = {}
    for match in sorted(found, key=lambda one: one.head.severity_id):
        worst[int(match.event.offset)] = match
    assert {number: one.head.severity_native for number, one in worst.items()} == {
        n: levels[n] for n in worst
    }


@pytest.mark.parametrize("name", ["otrf_cmd_sam_copy_esentutl", "otrf_psh_mavinject_dll_notepad"])
def test_background_noise_is_raised_by_none(name: str) -> None:
    events, found = matches(f"{name}.ndjson.gz")
    assert len(events) > 500
    assert [match.head.title for match in found] == []
