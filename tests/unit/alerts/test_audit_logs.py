"""CloudTrail and other logs that are no alerts: counted by what they are."""

import pytest
from hypothesis import given

from backend.alerts.cloudtrail import CloudTrail
from backend.alerts.fields import Object
from backend.alerts.generic_keys import GenericMapping
from backend.alerts.model import Head, ParsedEvent
from backend.alerts.recognise import Parser
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, head_of, line, one, reason_of

CALL: dict[str, object] = {
    "eventVersion": "1.08",
    "eventSource": "iam.amazonaws.com",
    "eventName": "CreateAccessKey",
    "eventTime": "2025-12-31T00:00:00Z",
    "sourceIPAddress": "203.0.113.9",
    "requestParameters": None,
    "userIdentity": {"type": "Root"},
}
M365: dict[str, object] = {
    "CreationTime": "2025-12-31T00:00:00",
    "Operation": "Set-Mailbox",
    "Workload": "Exchange",
    "RecordType": 1,
    "OrganizationId": "o-1",
    "UserId": "ann@corp.example",
    "Id": "i-1",
}
AZURE: dict[str, object] = {
    "time": "2025-12-31T00:00:00.0000000Z",
    "resourceId": "/subscriptions/s-1",
    "operationName": "microsoft.insights/actiongroups/delete",
    "category": "Administrative",
    "resultType": "Succeeded",
    "callerIpAddress": "203.0.113.9",
}
WAF: dict[str, object] = {
    "timestamp": 1767139200000,
    "webaclId": "arn:aws:wafv2:x",
    "terminatingRuleId": "r",
    "action": "BLOCK",
    "httpRequest": {"clientIp": "203.0.113.9", "uri": "/admin"},
}


@pytest.mark.parametrize(
    "document",
    [CALL, {"detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "detail": CALL}],
)
def test_cloudtrail(document: dict[str, object]) -> None:
    assert one(document) == ParsedEvent("cloudtrail", "iam")
    assert CloudTrail().read(document, line(document), NOW_MS) == ParsedEvent("cloudtrail", "iam")


def test_cloudtrails_own_envelope() -> None:
    items = Parser().parse(line({"Records": [CALL, CALL | {"eventSource": "ec2.amazonaws.com"}]}), NOW_MS)
    told = [(item.format, item.kind, item.sub) for item in items if isinstance(item, ParsedEvent)]
    assert told == [("cloudtrail", "iam", 0), ("cloudtrail", "ec2", 1)]


def test_cloudtrail_that_is_none() -> None:
    fixed = Parser(fixed_format="cloudtrail")
    assert reason_of({"eventSource": "x"}, fixed) == "cloudtrail record without eventSource or eventName"
    assert head_of({"eventName": "ConsoleLogin"}).format == "generic_json"


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (M365, "m365 Exchange"),
        ({key.lower(): value for key, value in M365.items()}, "m365 Exchange"),
        ({key: value for key, value in M365.items() if key != "Workload"}, "m365"),
        (M365 | {"Workload": "\x1b[2J" * 9}, "m365"),
        (AZURE, "azure Administrative"),
        (AZURE | {"category": "SignInLogs"}, "azure SignInLogs"),
        ({key: value for key, value in AZURE.items() if key != "category"}, "azure"),
        (WAF, "aws waf BLOCK"),
        ({"srcAddr": "10.0.0.1", "dstAddr": "203.0.113.9", "dstPort": 443, "action": "ACCEPT"}, "vpc flow"),
        (
            {"query_name": "x.example", "query_type": "A", "query_timestamp": "2025-12-31T00:00:00Z"},
            "route53 query",
        ),
        (
            {"action": "repo.destroy", "actor": "ann", "org": "o", "@timestamp": 1767139200000},
            "github audit repo",
        ),
        ({"action": "completed", "repository": {"id": 1}, "workflow_job": {"id": 2}}, "github workflow_job"),
        ({"ref": "refs/heads/x", "repository": {}, "pusher": {"name": "ann"}, "sender": {}}, "github push"),
        ({"action": "created", "repository": {}, "sender": {}}, "github event"),
        (
            {
                "id": "activity_01",
                "type": "claude_chat_created",
                "actor": {},
                "created_at": "x",
                "organization_id": "o",
            },
            "anthropic audit",
        ),
        (
            {
                "object": "organization.audit_log",
                "type": "login.failed",
                "actor": {},
                "effective_at": 1767139200,
            },
            "openai audit",
        ),
        ({"modelId": "m", "operation": "Converse", "requestId": "r", "input": {}}, "bedrock invocation"),
    ],
)
def test_logs_are_counted(document: dict[str, object], kind: str) -> None:
    assert one(document) == ParsedEvent("generic_json", kind)


@pytest.mark.parametrize(
    "document",
    [
        M365 | {"Severity": "High", "Operation": "AlertTriggered", "Workload": "SecurityComplianceCenter"},
        AZURE | {"category": "Security"},
        AZURE | {"category": "Alert"},
        {"action": "secret_scanning_alert.create", "actor": "github", "org": "o"},
        {"action": "created", "repository": {"id": 1}, "sender": {}, "alert": {"number": 1}},
        WAF | {"severity": "high"},
        {"action": "blocked", "actor": "ann"},
        {"srcAddr": "10.0.0.1", "dstAddr": "203.0.113.9"},
        {"repository": "org/x", "title": "x"},
    ],
)
def test_what_rates_or_names_an_alert_is_one(document: dict[str, object]) -> None:
    assert head_of(document).format == "generic_json"


def test_a_source_with_its_own_mapping_decides_for_itself() -> None:
    assert head_of(WAF, Parser(mapping=GenericMapping(title="terminatingRuleId"))).title == "r"


@given(mutated(CALL, M365, AZURE, WAF, {"detail-type": "x", "detail": CALL}))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    Parser().parse(raw, NOW_MS)
    assert not isinstance(CloudTrail().head(raw, NOW_MS), Head)
