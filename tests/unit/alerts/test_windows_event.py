"""Windows event log records: counted by channel and id, in every shape shippers give them."""

import copy
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.fields import Object
from backend.alerts.model import DeadLetter, Head, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from backend.alerts.windows_event import WindowsEvent
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, line, one, reason_of

EVTX: dict[str, object] = {
    "Event": {
        "#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
        "System": {
            "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}},
            "EventID": 4688,
            "TimeCreated": {"#attributes": {"SystemTime": "2025-12-31T22:59:58.629574Z"}},
            "Correlation": None,
            "Channel": "Security",
            "Computer": "ws-1.example",
        },
        "EventData": {"NewProcessName": "C:\\Windows\\System32\\cmd.exe"},
    }
}
FLAT: dict[str, object] = {
    "TimeCreated": "2025-12-31 22:59:58.629",
    "SourceName": "Microsoft-Windows-Security-Auditing",
    "EventID": 4688,
    "Channel": "Security",
    "Hostname": "WS-1",
    "Message": "A new process has been created.\r\n",
}
BEATS: dict[str, object] = {
    "winlog": {"channel": "Security", "event_id": "4688", "provider_name": "P"},
    "message": "A new process has been created.",
}
CREATED = ParsedEvent("windows_event", "Security 4688")


def evtx(**changes: object) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(EVTX)
    document["Event"] |= changes
    return document


def with_system(**changes: object) -> dict[str, Any]:
    document = evtx()
    document["Event"]["System"] |= changes
    return document


@pytest.mark.parametrize(
    "document", [EVTX, FLAT, BEATS, {"winlog.channel": "Security", "winlog.event_id": 4688}]
)
def test_each_shape_is_counted(document: dict[str, object]) -> None:
    assert one(document) == CREATED
    assert one(line(document) + b"\r") == CREATED


def test_the_typed_and_the_tolerant_path_agree() -> None:
    assert WindowsEvent().typed(line(EVTX), NOW_MS) == CREATED
    assert WindowsEvent().read(evtx(), line(EVTX), NOW_MS) == CREATED
    assert WindowsEvent().typed(line(FLAT), NOW_MS) is None


@pytest.mark.parametrize("data", [{"a": 1}, [{"Name": "a"}], ["x"], None, "text"])
def test_event_data_may_be_anything(data: object) -> None:
    assert one(evtx(EventData=data)) == CREATED
    assert one(evtx(UserData=data)) == CREATED


@pytest.mark.parametrize(
    "number", [4688, "4688", [4688], {"#text": 4688, "#attributes": {"Qualifiers": 0}}, {"Value": "4688"}]
)
def test_event_ids_in_every_shape(number: object) -> None:
    assert one(with_system(EventID=number)) == CREATED
    assert one(FLAT | {"EventID": number}) == CREATED


@pytest.mark.parametrize("number", [None, "x", {}, {"#text": None}, -1, 2**40, True])
def test_without_a_readable_event_id_it_is_a_dead_letter(number: object) -> None:
    assert reason_of(with_system(EventID=number)) == "Windows event without a readable EventID"


def test_the_provider_stands_in_for_a_channel() -> None:
    assert one(with_system(Channel=None)) == ParsedEvent(
        "windows_event", "Microsoft-Windows-Security-Auditing 4688"
    )
    assert one(FLAT | {"Channel": ""}) == ParsedEvent(
        "windows_event", "Microsoft-Windows-Security-Auditing 4688"
    )
    assert one(with_system(Channel={}, Provider=None)) == ParsedEvent("windows_event", "unknown channel 4688")


def test_the_kind_is_safe_and_short() -> None:
    item = one(with_system(Channel="\x1b[2J" + "x" * 500))
    assert isinstance(item, ParsedEvent) and item.kind.startswith("␛[2J") and len(item.kind) <= 80


def test_documents_without_anything_between_them() -> None:
    items = Parser().parse(line(EVTX) + line(EVTX), NOW_MS)
    assert [type(item) for item in items] == [ParsedEvent, ParsedEvent]


def test_what_only_has_such_keys_is_not_windows() -> None:
    assert not WindowsEvent().recognises({"Channel": 5, "EventID": 1})
    assert not WindowsEvent().recognises({"Event": {"System": "x"}})


def test_any_head_gets_its_facts() -> None:
    alert = WindowsEvent().alert(line(EVTX), Head("u", "windows_event", 0, 0, SafeText("t")))
    facts = {str(fact.name): str(fact.value) for fact in alert.facts}
    assert facts["Event.EventData.NewProcessName"] == "C:\\Windows\\System32\\cmd.exe"


@given(mutated(EVTX, FLAT, BEATS))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    assert Parser().parse(raw, NOW_MS)
    assert isinstance(WindowsEvent().head(raw, NOW_MS), ParsedEvent | DeadLetter)
