"""The shared corpus's cloud, identity and EDR records: each is what the formats document says it is."""

import json
from collections import Counter

import pytest

from backend.alerts.model import DeadLetter, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from tests.corpus import CORPUS
from tests.unit.alerts.reading import forbidden, texts_in
from tests.unit.alerts.test_corpus import manifest, read

pytestmark = [pytest.mark.corpus, pytest.mark.skipif(CORPUS is None, reason="no corpus")]


def outcomes(name: str) -> Counter[str]:
    """How many alerts and events of which format a file holds, after each was built whole and found safe."""
    (records,) = (entry["records"] for entry in manifest() if entry["file"] == name)
    parser = Parser()
    items = list(read(name, parser))
    assert len(items) == records
    found: Counter[str] = Counter()
    for item in items:
        assert not isinstance(item, DeadLetter), item.reason
        if isinstance(item, ParsedAlert):
            found[f"{item.head.format} alert"] += 1
            alert = parser.build_alert(item.raw, item.head)
            assert alert.head.title
            assert all(forbidden(text) == [] for text in texts_in(alert))
        else:
            found[f"{item.format} event"] += 1
    return found


def alerts(name: str) -> list[ParsedAlert]:
    return [item for item in read(name) if isinstance(item, ParsedAlert)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("guardduty/c7n_ec2-duty-event.ndjson", {"guardduty alert": 1}),
        ("guardduty/gdsoar_eventbridge.ndjson", {"guardduty alert": 9}),
        ("guardduty/gdsoar_one_pretty.json", {"guardduty alert": 1}),
        ("guardduty/panther_guardduty.ndjson", {"guardduty alert": 2}),
        ("securityhub_asff/c7n_event-securityhub-lambda-cross.ndjson", {"securityhub alert": 1}),
        ("securityhub_asff/c7n_getfindings.ndjson", {"securityhub alert": 25}),
        ("securityhub_asff/panther_asff_decoys.ndjson", {"securityhub alert": 2}),
        ("defender_sentinel/secrl_securityalert.ndjson.gz", {"sentinel alert": 118}),
        ("defender_sentinel/msticpy_alertlist_detection.csv", {"sentinel alert": 138}),
        ("defender_sentinel/r7_sentinel_incident.ndjson", {"sentinel alert": 1}),
        ("defender_sentinel/r7_defender_atp_alerts.ndjson", {"defender alert": 1}),
        ("defender_sentinel/panther_defender_xdr.ndjson", {"defender alert": 1, "defender event": 1}),
        ("defender_sentinel/panther_azure_signin.ndjson", {"generic_json event": 26}),
        (
            "crowdstrike/panther_crowdstrike.ndjson",
            {"crowdstrike alert": 5, "crowdstrike event": 47, "generic_json alert": 17},
        ),
        (
            "okta/panther_okta_systemlog.ndjson",
            {"okta alert": 1, "okta event": 11, "generic_json alert": 39},
        ),
        ("okta/r7_okta_logs.ndjson", {"okta event": 2}),
        ("raw_logs/panther_cloudtrail.ndjson", {"cloudtrail event": 192, "generic_json alert": 29}),
        ("raw_logs/panther_llm_vendor_audit.ndjson", {"generic_json event": 32}),
    ],
)
def test_what_each_file_holds(name: str, expected: dict[str, int]) -> None:
    assert outcomes(name) == expected


def test_most_audit_records_are_events() -> None:
    for name, least in (
        ("raw_logs/panther_azure_activity.ndjson", 208),
        ("raw_logs/panther_github_audit.ndjson", 150),
        ("raw_logs/panther_waf_vpcflow.ndjson", 62),
        ("defender_sentinel/panther_m365_audit.ndjson", 19),
    ):
        assert outcomes(name)["generic_json event"] >= least, name


def test_guardduty_samples_and_severities() -> None:
    bridged = alerts("guardduty/gdsoar_eventbridge.ndjson")
    assert Counter(item.head.severity_id for item in bridged) == {2: 3, 3: 4, 4: 2}
    assert all(item.head.suppressed and item.head.uid.endswith("-sample") for item in bridged)
    assert all(item.head.src_ip or item.head.rule_uid == "Trojan:EC2/DGADomainRequest.B" for item in bridged)
    real, sample = alerts("guardduty/panther_guardduty.ndjson")  # one id for both
    assert (real.head.suppressed, sample.head.suppressed) == (False, True)
    assert real.head.uid != sample.head.uid


def test_securityhub_severities_and_workflow() -> None:
    found = alerts("securityhub_asff/c7n_getfindings.ndjson")
    assert Counter(item.head.severity_id for item in found) == {1: 2, 2: 6, 3: 8, 4: 6, 5: 3}
    for item in found:
        finding = json.loads(item.raw)
        done = finding["RecordState"] == "ARCHIVED" or finding.get("Workflow", {}).get("Status") == "RESOLVED"
        assert item.head.suppressed is done
    assert len({item.head.uid for item in found}) == 25


def test_sentinel_alerts_are_complete() -> None:
    found = alerts("defender_sentinel/secrl_securityalert.ndjson.gz")
    assert sum(item.head.suppressed for item in found) == 93
    assert len({item.head.uid for item in found}) == 118
    assert {item.head.time_quality for item in found} == {"exact"}
    parser = Parser()
    built = [parser.build_alert(item.raw, item.head) for item in found]
    assert not any(alert.parse_errors for alert in built)
    assert sum(bool(alert.process.name) for alert in built) > 60
    assert sum(bool(alert.user_name) for alert in built) > 70
    assert sum(bool(alert.attacks) for alert in built) >= 95
    assert not any("$ref" in fact.value for alert in built for fact in alert.facts if "Entities" in fact.name)


def test_sentinel_rows_of_a_csv_export() -> None:
    found = alerts("defender_sentinel/msticpy_alertlist_detection.csv")
    assert Counter(item.head.severity_id for item in found) == {1: 7, 2: 5, 3: 41, 4: 85}
    assert {item.head.time_quality for item in found} == {"no_zone"}
    assert all(item.head.hostname for item in found)
    assert len({item.head.uid for item in found}) == 138


def test_crowdstrike_detections() -> None:
    found = alerts("crowdstrike/panther_crowdstrike.ndjson")
    detections = [item.head for item in found if item.head.format == "crowdstrike"]
    assert [head.severity_id for head in detections] == [1, 2, 3, 4, 5]
    assert len({head.uid for head in detections}) == 5  # one CompositeId for all
    kinds = Counter(
        item.kind for item in read("crowdstrike/panther_crowdstrike.ndjson") if isinstance(item, ParsedEvent)
    )
    assert kinds == {"FDR ProcessRollup2": 41, "FDR DnsRequest": 1, "AuthActivityAuditEvent": 5}


def test_defender_techniques() -> None:
    (item,) = alerts("defender_sentinel/r7_defender_atp_alerts.ndjson")
    made = Parser().build_alert(item.raw, item.head)
    # Two of them are deprecated or revoked; they are passed on all the same.
    assert [str(one.technique) for one in made.attacks] == ["T1064", "T1085", "T1220"]
    assert item.head.time_ms == 1611693092956
    (item,) = alerts("defender_sentinel/panther_defender_xdr.ndjson")
    made = Parser().build_alert(item.raw, item.head)
    assert [str(one.technique) for one in made.attacks] == ["T1218", "T1218.010", "T1218.011"]
