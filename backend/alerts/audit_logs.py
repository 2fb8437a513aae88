"""Audit and flow logs that no product calls an alert, told by their keys: they are counted, not triaged.

Keys are compared without case, because pipelines change it on the way.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from backend.alerts.fields import Object, mapping, text
from backend.alerts.text import safe

# A record that rates or names an alert is one, whatever else it looks like.
_ALERT_KEYS = frozenset(
    {"severity", "alertseverity", "alert", "alertid", "alertname", "alertdisplayname", "title"}
)
_AZURE_ALERTS = frozenset({"alert", "security"})
"""Categories of Azure's activity log whose records are alerts: of Monitor, and of Defender for Cloud."""

_GITHUB_ACTION = re.compile(r"([a-z_]{2,40})\.[a-z_.]{2,60}")
_GITHUB_ALERTS = frozenset(
    {"secret_scanning_alert", "code_scanning_alert", "repository_vulnerability_alert", "dependabot_alert"}
)
_GITHUB_HOOKS = frozenset(
    {
        "workflow_job",
        "workflow_run",
        "pull_request",
        "issue",
        "review",
        "comment",
        "pusher",
        "commits",
        "pages",
    }
    | {"check_run", "release", "sender"}
)
_VPC_FLOW = frozenset(
    {"dstport", "srcport", "flowdirection", "interfaceid", "interface_id", "vpcid", "vpc_id", "instanceid"}
    | {"action", "packets", "bytes"}
)
_WORD = re.compile(r"[A-Za-z0-9 _.-]{1,40}", re.ASCII)


class _Log(NamedTuple):
    """One kind of log."""

    keys: frozenset[str]
    """All of these it has, in lower case."""
    kind: Callable[[Object], str]
    """What it is counted as; empty where it is not this log after all."""


def audit_kind(obj: Object) -> str:
    """What a record of a known audit or flow log is counted as; empty for anything else."""
    lower = {key.lower(): value for key, value in obj.items()}
    if not _ALERT_KEYS.isdisjoint(lower):
        return ""
    for log in _LOGS:
        if lower.keys() >= log.keys and (kind := log.kind(lower)):
            return kind
    return ""


def _word(value: object) -> str:
    """A short plain word; values that could be anything are not counted by."""
    given = text(value, 60)
    return given if _WORD.fullmatch(given) else ""


def _named(prefix: str, value: object) -> str:
    return safe(f"{prefix} {_word(value)}".rstrip(), 60)


def _azure(found: Object) -> str:
    if "resourceid" not in found and "calleripaddress" not in found:
        return ""
    category = _word(found.get("category"))
    return "" if category.lower() in _AZURE_ALERTS else _named("azure", category)


def _github_audit(found: Object) -> str:
    action = _GITHUB_ACTION.fullmatch(text(found["action"], 120))
    return f"github audit {action.group(1)}" if action and action.group(1) not in _GITHUB_ALERTS else ""


def _github_hook(found: Object) -> str:
    named = sorted(_GITHUB_HOOKS.intersection(found))
    if not named or not isinstance(found["repository"], dict):
        return ""
    if "pusher" in named or "commits" in named:
        return "github push"
    telling = [name for name in named if name != "sender"]
    return f"github {telling[0]}" if telling else "github event"


def _vpc_flow(found: Object) -> str:
    return "vpc flow" if not _VPC_FLOW.isdisjoint(found) else ""


def _claude(found: Object) -> str:
    kind = text(found["type"], 80)
    is_activity = kind.startswith("claude_") or text(found.get("id")).startswith("activity_")
    return "anthropic audit" if is_activity and isinstance(found["actor"], dict) else ""


def _openai(found: Object) -> str:
    return "openai audit" if text(found["object"]) == "organization.audit_log" else ""


def _bedrock(found: Object) -> str:
    is_call = text(found.get("schematype")) == "ModelInvocationLog" or "input" in found
    return "bedrock invocation" if is_call else ""


_LOGS = (
    _Log(
        frozenset({"operation", "workload", "recordtype", "creationtime"}),
        lambda found: _named("m365", found["workload"]),
    ),
    _Log(
        frozenset({"operation", "recordtype", "creationtime", "organizationid", "userid"}),
        lambda _: "m365",
    ),
    _Log(frozenset({"operationname", "time"}), _azure),
    _Log(
        frozenset({"webaclid", "httprequest", "action"}),
        lambda found: _named("aws waf", found["action"]) if mapping(found["httprequest"]) else "",
    ),
    _Log(frozenset({"query_name", "query_type", "query_timestamp"}), lambda _: "route53 query"),
    _Log(frozenset({"srcaddr", "dstaddr"}), _vpc_flow),
    _Log(frozenset({"action", "actor"}), _github_audit),
    _Log(frozenset({"repository"}), _github_hook),
    _Log(frozenset({"modelid", "operation", "requestid"}), _bedrock),
    _Log(frozenset({"type", "actor", "created_at", "organization_id"}), _claude),
    _Log(frozenset({"object", "type", "actor", "effective_at"}), _openai),
)
