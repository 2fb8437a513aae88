"""The alert and its evidence as a model sees them: JSON between delimiters nobody can guess.

Fields are capped, what an attacker could have written is marked `"attacker": true`, and nothing in it can end
the block, open a chat template's role, or hide from a reader.
"""

import json
import re
import unicodedata
from collections.abc import Sequence

from backend.alerts.model import SEVERITY_NAMES, Alert
from backend.clock import iso
from backend.enrichment.base import Evidence

FIELD_CHARS = 400
COMMAND_CHARS = 1_200
"""A command line is often the whole case, so it may be longer than other fields."""
ALERT_CHARS = 12_000
"""About 4,000 tokens; the least telling facts are left out to stay below."""
RAW_CHARS = 1_500
"""A raw record longer than this is left out whole: half a record misleads."""
_UNMAPPED = frozenset({"generic_json", "plain", "syslog"})
"""Formats whose fields are guessed, so that the raw record is worth its tokens beside them."""
MAX_FACTS = 40
MAX_OBSERVABLES = 20
MAX_EVIDENCE = 40

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
# In JSON these escapes mean the same character, but no tokenizer takes them for a control token of a chat
# template (<|im_end|>, </s>, [INST]), and no text can look like a delimiter line.
_TEMPLATE_TOKEN = re.compile(r"<|\[(?=/?[A-Z_]{4,20}\])")


def clean(text: str, limit: int = FIELD_CHARS) -> str:
    """`text` without what cannot be seen, at most `limit` characters long with the rest counted."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        text = "".join(
            char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs", "Cn")
        )
    elif not text.isprintable():
        text = "".join(char for char in text if char in "\n\t" or char.isprintable())
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def data_block(alert: Alert, evidence: Sequence[Evidence], nonce: str) -> str:
    """The block for one alert. `nonce` is random and unknown to whoever wrote the alert."""
    body = {"alert": alert_data(alert), "evidence": [_evidence(item) for item in evidence[:MAX_EVIDENCE]]}
    return f"BEGIN DATA {nonce}\n{dump(body)}\nEND DATA {nonce}"


def dump(value: object) -> str:
    """JSON on one line in which no chat-template token and no delimiter can stand."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _TEMPLATE_TOKEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def harmless(text: str) -> str:
    """`text` in which no tokenizer finds a control token of a chat template: a space is put into each."""
    return _TEMPLATE_TOKEN.sub(r"\g<0> ", text)


def alert_data(alert: Alert) -> dict[str, object]:
    """The alert's fields under the contract's names, those an attacker could choose marked."""
    head = alert.head
    data: dict[str, object] = {
        "time": iso(head.time_ms),
        "severity": SEVERITY_NAMES.get(head.severity_id, "Unknown"),
        "title": clean(head.title),
        "rule": clean(" ".join(filter(None, (head.rule_uid, head.rule_name)))),
        "product": clean(" ".join(filter(None, (alert.vendor, alert.product or head.product)))),
        "description": clean(alert.description, COMMAND_CHARS) if alert.description != head.title else "",
        "category": clean(alert.category),
        "product_did": clean(alert.action),
        "product_status": clean(alert.status),
        "count": alert.count if alert.count > 1 else "",
        "attacks": [clean("/".join(filter(None, (a.tactic, a.technique))), 40) for a in alert.attacks[:20]],
        "src_endpoint": _endpoint(alert.src.ip or head.src_ip, alert.src.port or head.src_port),
        "dst_endpoint": _endpoint(alert.dst.ip or head.dst_ip, alert.dst.port or head.dst_port),
        "src_hostname": _hostile(alert.src.hostname),
        "dst_hostname": _hostile(alert.dst.hostname),
        "device": clean(" ".join(filter(None, (alert.device_hostname or head.hostname, alert.device_ip)))),
        "user": _hostile(alert.user_name or head.user),
        "process": _hostile(alert.process.name),
        "parent_process": _hostile(alert.process.parent_name),
        "cmd_line": _hostile(alert.process.cmd_line, COMMAND_CHARS),
        "file": _hostile(alert.file.path or alert.file.name),
        "sha256": clean(alert.file.sha256, 64),
        "md5": clean(alert.file.md5, 32),
        "unread_fields": [clean(error, 100) for error in alert.parse_errors[:5]],
    }
    data = {name: value for name, value in data.items() if value}
    _fill(data, alert)
    return data


def _fill(data: dict[str, object], alert: Alert) -> None:
    """Add observables, facts and the raw record as far as the alert's cap allows, the most telling first."""
    room = ALERT_CHARS - len(dump(data))
    head = alert.head
    shown: set[str] = {alert.src.ip or head.src_ip, alert.dst.ip or head.dst_ip, alert.user_name or head.user}
    shown |= {alert.device_hostname or head.hostname, alert.device_ip, alert.src.hostname, alert.dst.hostname}
    shown |= {alert.process.name, alert.process.cmd_line, alert.file.path, alert.file.sha256, alert.file.md5}
    for name, items in (("observables", _observables(alert, shown)), ("facts", _facts(alert))):
        kept: list[object] = []
        for item in items:
            room -= len(dump(item)) + 1
            if room < 0:
                break
            kept.append(item)
        if kept:
            data[name] = kept
        if len(kept) < len(items):
            data[f"{name}_left_out"] = len(items) - len(kept)
    if alert.facts and head.format not in _UNMAPPED:
        return
    if len(alert.raw) <= min(RAW_CHARS, room):
        data["raw"] = _hostile(alert.raw.decode("utf-8", "replace"), RAW_CHARS)
    else:
        data["raw_left_out_bytes"] = len(alert.raw)


def _observables(alert: Alert, shown: set[str]) -> list[str]:
    lines = [
        f"{one.type}: {clean(one.value, 200)}"
        for one in alert.observables[:MAX_OBSERVABLES]
        if one.value not in shown
    ]
    return list(dict.fromkeys(lines))


def _facts(alert: Alert) -> list[dict[str, object]]:
    facts = []
    for fact in alert.facts[:MAX_FACTS]:
        item: dict[str, object] = {"name": clean(fact.name, 80), "value": clean(fact.value)}
        if fact.attacker:
            item["attacker"] = True
        facts.append(item)
    return facts


def _endpoint(ip: str, port: int) -> str:
    shown = clean(ip, 60)
    if shown and port:
        return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"
    return shown


def _hostile(text: str, limit: int = FIELD_CHARS) -> object:
    return {"value": clean(text, limit), "attacker": True} if text else ""


def _evidence(item: Evidence) -> dict[str, object]:
    data: dict[str, object] = {
        "id": item.id,
        "kind": item.finding.kind,
        "text": clean(item.finding.text),
    }
    if item.finding.hard:
        data["hard"] = True
    if item.finding.cache == "stale":
        data["stale"] = True
    return data
