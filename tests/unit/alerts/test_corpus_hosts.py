"""The shared corpus of the formats of hosts and sensors: Wazuh, Zeek, Falco, Windows."""

import json
from collections import Counter

import pytest

from backend.alerts.base import JsonFormat
from backend.alerts.model import Head, Parsed, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.registry import BY_NAME
from backend.alerts.suricata_eve import SuricataEve
from tests.corpus import CORPUS
from tests.unit.alerts.reading import NOW_MS
from tests.unit.alerts.test_corpus import manifest, read, root

pytestmark = [pytest.mark.corpus, pytest.mark.skipif(CORPUS is None, reason="no corpus")]


def items_in(folder: str) -> dict[str, list[Parsed]]:
    """Every record of a folder's files, each as many as the manifest says."""
    found = {}
    for entry in manifest():
        name = str(entry["file"])
        if name.startswith(folder) and not entry["malformed"]:
            found[name] = list(read(name))
            assert len(found[name]) == entry["records"], name
    assert found
    return found


def heads_in(folder: str, format_name: str) -> list[Head]:
    """The heads of a folder's alerts, which are all there is in it and all of one format."""
    items = [item for items in items_in(folder).values() for item in items]
    heads = [item.head for item in items if isinstance(item, ParsedAlert)]
    assert len(heads) == len(items)
    assert {head.format for head in heads} == {format_name}
    return heads


def test_wazuh() -> None:
    heads = heads_in("wazuh/", "wazuh")
    assert len(heads) == 1124
    assert len({head.uid for head in heads}) == 1124  # 258 of them share one vendor id
    assert all(head.title and head.rule_uid and head.hostname and head.severity_id for head in heads)
    assert sum(head.time_quality == "received" for head in heads) == 258  # templates with "{timestamp}"
    assert not any(head.dst_ip.endswith(":80") for head in heads)


def test_suricata_alerts_wrapped_by_wazuh_are_their_native_twins() -> None:
    twins = 0
    parser = Parser()
    lines = (root() / "wazuh/aecid_ossec_spiral.ndjson").read_bytes().splitlines()
    for raw in lines:
        document = json.loads(raw)
        if not document["full_log"].startswith("{"):
            continue
        twins += 1
        native = SuricataEve().head(document["full_log"].encode(), NOW_MS)
        (wrapped,) = parser.parse(raw, NOW_MS)
        without = json.dumps({key: value for key, value in document.items() if key != "full_log"}).encode()
        (from_data,) = parser.parse(without, NOW_MS)
        assert isinstance(native, Head)
        assert isinstance(wrapped, ParsedAlert) and isinstance(from_data, ParsedAlert)
        assert wrapped.head.uid == from_data.head.uid == native.uid
        assert (wrapped.head.rule_uid, wrapped.head.format) == ("86601", "wazuh")
        assert wrapped.head.severity_id >= native.severity_id
    assert twins == 138


def test_wazuh_5() -> None:
    heads = heads_in("ecs_detection/", "wazuh")
    assert len(heads) == 116
    assert len({head.uid for head in heads}) == 116
    assert all(head.severity_id and head.time_quality == "exact" for head in heads)
    for items in items_in("ecs_detection/").values():
        for item in items:
            assert isinstance(item, ParsedAlert)
            assert item.head.severity_native == json.loads(item.raw)["wazuh"]["rule"]["level"]


def test_zeek_notices_are_the_same_from_json_and_tsv() -> None:
    from_json = [i.head for i in read("zeek_notice/zed_notice.ndjson") if isinstance(i, ParsedAlert)]
    from_tsv = [i.head for i in read("zeek_notice/zed_notice.tsv.log") if isinstance(i, ParsedAlert)]
    assert len(from_json) == len({head.uid for head in from_json}) == 207
    assert from_tsv == from_json


def test_zeek_weird_is_counted() -> None:
    kinds = Counter(read("zeek_notice/zed_weird_first3000.ndjson.gz"))
    assert kinds == {ParsedEvent("zeek_notice", "weird"): 3000}


def test_zeeks_own_test_logs() -> None:
    heads = heads_in("zeek_notice/zeek_btest/", "zeek_notice")
    assert len(heads) == 23
    assert {head.time_quality for head in heads} == {"received"}
    assert all(head.title and head.rule_uid for head in heads)
    brute = next(head for head in heads if head.rule_uid == "SSH::Password_Guessing")
    assert (brute.src_ip, brute.severity_id) == ("192.168.56.1", 3)


def test_falco() -> None:
    items = items_in("falco/")
    kinds = Counter(type(item).__name__ for item in items["falco/falco_docs.ndjson"])
    assert kinds == {"ParsedAlert": 12, "ParsedEvent": 5}  # metrics snapshots
    kinds = Counter(type(item).__name__ for item in items["falco/falco_docs_text.log"])
    assert kinds == {"ParsedAlert": 32, "ParsedEvent": 2}  # dropped system calls
    heads = [i.head for found in items.values() for i in found if isinstance(i, ParsedAlert)]
    assert {head.format for head in heads} == {"falco"}
    assert all(head.severity_id and head.title and head.uid for head in heads)
    assert len({head.uid for head in heads}) == 44
    assert Counter(head.time_quality for head in heads) == {"exact": 12, "no_date": 32}


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("raw_logs/sigma_regression_windows.ndjson.gz", 84),
        ("raw_logs/otrf_cmd_sam_copy_esentutl.ndjson.gz", 915),
        ("raw_logs/otrf_psh_mavinject_dll_notepad.ndjson.gz", 509),
        ("raw_logs/sigma_concatenated/", 17),
    ],
)
def test_windows_events_are_counted(name: str, records: int) -> None:
    items = [item for found in items_in(name).values() for item in found]
    assert len(items) == records
    for item in items:
        assert isinstance(item, ParsedEvent)
        assert item.format == "windows_event" and item.kind.rpartition(" ")[2].isdigit()


def test_both_paths_agree_on_every_record() -> None:
    fast = 0
    for folder in ("wazuh/", "zeek_notice/zed", "falco/"):
        for items in items_in(folder).values():
            for item in items:
                if not isinstance(item, ParsedAlert) or not item.raw.startswith(b"{"):
                    continue
                known = BY_NAME[item.head.format]
                assert isinstance(known, JsonFormat)
                tolerant = known.read(json.loads(item.raw), item.raw, NOW_MS)
                assert known.head(item.raw, NOW_MS) == tolerant == item.head
                fast += known.typed(item.raw, NOW_MS) is not None
    assert fast == 728 + 207 + 12
