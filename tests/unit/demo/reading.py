"""Reads demo events the way FORMATS describes the vendors' shapes, apart from the product's parsers."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from backend.sources.demo.timeline import DemoEvent, generate

START_MS = 1_767_225_600_000
HOUR = 5_000
"""About an hour of the feed, in events."""

_WORDS = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_RATINGS = {"Informational": 1, "Minor": 2, "Major": 4, "Critical": 5}


def first(count: int, seed: int = 7, start_ms: int = START_MS) -> list[DemoEvent]:
    return list(itertools.islice(generate(seed, start_ms), count))


def parsed(events: list[DemoEvent]) -> Iterator[tuple[DemoEvent, dict[str, Any]]]:
    for event in events:
        try:
            yield event, json.loads(event.data)
        except ValueError:
            continue


def shape(obj: dict[str, Any]) -> str:
    if "event_type" in obj:
        return "suricata_eve"
    if "class_uid" in obj:
        return "ocsf"
    return f"in-house {obj['product']}"


def severity(obj: dict[str, Any]) -> int | None:
    """OCSF severity_id of an alert; None for what is no alert."""
    if "event_type" in obj:
        return _suricata(obj["alert"]) if obj["event_type"] == "alert" else None
    if "class_uid" in obj:
        return int(obj["severity_id"]) if obj["class_uid"] == 2004 else None
    return _WORDS.get(str(obj.get("severity") or obj.get("risk") or "").lower(), 0)


def _suricata(alert: dict[str, Any]) -> int:
    rating = alert["metadata"].get("signature_severity", [""])[0]
    return _RATINGS.get(rating, {1: 4, 2: 3, 3: 2}[alert["severity"]])


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def attack_pairs(obj: dict[str, Any]) -> list[tuple[list[str], list[str]]]:
    """Technique ids and tactic ids that stand together in an event."""
    pairs = [([a["technique"]["uid"]], [a["tactic"]["uid"]]) for a in obj.get("attacks", [])]
    metadata = obj.get("alert", {}).get("metadata", {})
    if "mitre_technique_id" in metadata:
        pairs.append((metadata["mitre_technique_id"], metadata["mitre_tactic_id"]))
    if "mitre" in obj:
        pairs.append((obj["mitre"]["techniques"], obj["mitre"]["tactics"]))
    return pairs


def without_times(obj: object, key: str = "") -> object:
    """The event with everything that tells the time blanked."""
    if isinstance(obj, dict):
        return {name: without_times(value, name) for name, value in obj.items()}
    if isinstance(obj, list):
        return [without_times(value, key) for value in obj]
    return "" if re.fullmatch(r"time|timestamp|ts|start|created_at|created_time|event_time", key) else obj
