"""The shared corpus: every record of the known formats is read, as often and as what the manifest says."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.alerts.export import alert_record
from backend.alerts.framing import split_documents
from backend.alerts.model import DeadLetter, Parsed, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from tests.corpus import CORPUS
from tests.unit.alerts.reading import EVE, FINDING, NOW_MS, forbidden, texts_in

pytestmark = [pytest.mark.corpus, pytest.mark.skipif(CORPUS is None, reason="no corpus")]

JSON_CONTAINERS = {"ndjson", "json_array", "json_concatenated", "json_document"}
NO_ALERTS = {"mitre", "geoip", "prompt_injection", "terminal_escape", "threat_intel"}


def root() -> Path:
    assert CORPUS is not None
    return CORPUS


def manifest() -> list[dict[str, object]]:
    entries: list[dict[str, object]] = json.loads((root() / "MANIFEST.json").read_bytes())
    return entries


def read(name: str, parser: Parser | None = None) -> Iterator[Parsed]:
    used = parser or Parser()
    path = root() / name
    with gzip.open(path) if name.endswith(".gz") else path.open("rb") as stream:
        for frame in split_documents(stream):  # type: ignore[arg-type]  # GzipFile reads like BinaryIO
            assert not frame.reason
            yield from used.parse(frame.data, NOW_MS)


def test_suricata() -> None:
    counts: Counter[str] = Counter()
    severities: Counter[int] = Counter()
    uids = set()
    for entry in manifest():
        name = str(entry["file"])
        if not name.startswith("suricata_eve/") or entry["malformed"]:
            continue
        items = list(read(name))
        assert len(items) == entry["records"], name
        for item in items:
            counts[type(item).__name__] += 1
            if isinstance(item, ParsedAlert):
                assert item.head.format == "suricata_eve"
                assert item.head.title and item.head.rule_uid and item.head.src_ip
                assert item.head.time_quality == ("no_zone" if "honeypot" in name else "exact")
                severities[item.head.severity_id] += 1
                uids.add(item.head.uid)
    assert counts == {"ParsedAlert": 950, "ParsedEvent": 4259}
    assert severities[0] == 0
    assert len(uids) >= 940  # EVE has no id; a few records in the captures are the same event


def test_ocsf() -> None:
    for name in ("ocsf/prowler_aws.ocsf.json", "ocsf/prowler_gcp.ocsf.json"):
        heads = [item.head for item in read(name) if isinstance(item, ParsedAlert)]
        assert len(heads) == 5
        assert {head.format for head in heads} == {"ocsf"}
        assert len({head.uid for head in heads}) == 5  # finding_info.uid is one placeholder for all
        assert all(head.time_ms // 1000 in (1739539623, 1739539640) for head in heads)
        documents = json.loads((root() / name).read_bytes())
        for head, document in zip(heads, documents, strict=True):
            passed = document["status_code"] == "PASS"
            assert head.severity_id == (1 if passed else document["severity_id"])
            assert head.title == document["finding_info"]["title"]


def test_ocsf_network_activity_is_no_alert() -> None:
    kinds = Counter(
        item.kind
        for item in read("raw_logs/panther_waf_vpcflow.ndjson")
        if isinstance(item, ParsedEvent) and item.format == "ocsf"
    )
    assert sum(kinds.values()) == 2
    assert set(kinds) == {"class 4003"}


def test_the_two_malformed_lines() -> None:
    reasons = []
    for name in (
        "suricata_eve/malformed/fever_jsonparse_eve_broken1.ndjson",
        "wazuh/malformed/wazuhqa_read_invalid_json_alerts.ndjson",
    ):
        dead = [item for item in read(name) if isinstance(item, DeadLetter)]
        assert len(dead) == 1
        reasons.append(dead[0].reason)
    assert reasons[0] == "JSON ends before it is complete (after 33 bytes)"
    assert reasons[1].startswith("JSON is malformed at byte 44")


def test_every_json_record_is_read_and_safe() -> None:
    files = 0
    for entry in manifest():
        name = str(entry["file"])
        if entry["container"] not in JSON_CONTAINERS or entry["malformed"] or name.split("/")[0] in NO_ALERTS:
            continue
        if name.endswith(".labels.ndjson"):
            continue
        files += 1
        parser = Parser()
        items = list(read(name, parser))
        assert len(items) == entry["records"], name
        assert not any(isinstance(item, DeadLetter) for item in items), name
        for item in items[:200]:
            if isinstance(item, ParsedAlert):
                alert = parser.build_alert(item.raw, item.head)
                assert isinstance(json.loads(item.raw), dict)
                assert all(forbidden(text) == [] for text in texts_in(alert)), name
                json.dumps(alert_record(alert, NOW_MS))
    assert files > 40


def test_labelled_generic_alerts() -> None:
    parser = Parser()
    with gzip.open(root() / "labelled/ait_ads_russellmitchell.ndjson.gz") as stream:
        lines = stream.read().splitlines()
    assert len(lines) == 45_544
    for raw in lines[::50]:
        source = json.loads(raw)
        (item,) = parser.parse(raw, NOW_MS)
        assert isinstance(item, ParsedAlert)
        record = alert_record(parser.build_alert(item.raw, item.head), NOW_MS)
        assert record["title"] == source["title"]
        assert record["time"] == source["time"].replace("Z", ".000Z")
        assert record["device"] == {"hostname": source["host"], "ip": source["ip"]}
        assert record["severity"] == (source.get("severity") or "Unknown")
        assert record["rule"] == {"uid": source["rule_id"], "name": ""}


@pytest.mark.parametrize(
    "name",
    [
        *("edr_other/panther_carbonblack.ndjson", "edr_other/r7_sentinelone_threats_small.ndjson"),
        *("cloud_other/panther_wiz.ndjson", "cloud_other/panther_snyk_tracebit_canary.ndjson"),
        "mail_other/panther_proofpoint_sublime.ndjson",
    ],
)
def test_other_products_have_a_title_and_a_time(name: str) -> None:
    heads = [item.head for item in read(name) if isinstance(item, ParsedAlert)]
    assert heads and all(head.format == "generic_json" for head in heads)
    assert not any(head.title == "JSON record without a title" for head in heads)
    # One Snyk test event has no time at all.
    assert sum(head.time_quality == "received" for head in heads) <= 1


def test_sentinelone_has_no_severity_and_says_what_it_has() -> None:
    (item,) = read("edr_other/r7_sentinelone_threats_small.ndjson")
    assert isinstance(item, ParsedAlert)
    assert (item.head.severity_id, item.head.severity_native) == (0, "Malware / black / mitigated")
    assert item.head.hostname == "WindowsX64"


def test_escape_payloads_planted_in_every_field() -> None:
    payloads: list[str] = json.loads((root() / "terminal_escape/blns.json").read_bytes())
    folder = root() / "terminal_escape/xterm_escape_sequence_files"
    payloads += [path.read_bytes().decode("latin-1") for path in sorted(folder.iterdir())]
    parser = Parser()
    bases: list[dict[str, object]] = [
        EVE,
        FINDING,
        {"title": "", "host": "", "user": "", "url": "", "cmdline": ""},
    ]
    for payload in payloads:
        for base in bases:
            document = plant(base, payload)
            (item,) = parser.parse(json.dumps(document).encode(), NOW_MS)
            assert isinstance(item, ParsedAlert)
            alert = parser.build_alert(item.raw, item.head)
            assert all(forbidden(text) == [] for text in texts_in(alert))


def plant(base: object, payload: str) -> object:
    """A copy of a document with every string replaced, but what makes it the format it is."""
    if isinstance(base, dict):
        return {
            key: value if key == "event_type" else plant(value, payload + key)
            for key, value in [*base.items(), ("http", {"url": payload})]
            if key != "http" or "event_type" in base
        }
    return payload if isinstance(base, str) else base
