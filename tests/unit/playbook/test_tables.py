"""The tables: complete, consistent, and free of what a check of claims would stumble over."""

import json
import re

import pytest

from backend.analysis.model import ACTIONS
from backend.analysis.playbook.reading import read
from backend.analysis.playbook.tables import BEHAVIOURS, FAMILIES, TACTICS, TECHNIQUES, technique
from tests.corpus import CORPUS
from tests.unit.playbook.builders import alert


def test_size_and_range() -> None:
    assert len(TECHNIQUES) >= 60
    assert len(TACTICS) == 14
    assert all(0 <= one.weight <= 3 for one in (*TECHNIQUES.values(), *TACTICS.values()))


def test_references_hold() -> None:
    families = {one.family for one in (*TECHNIQUES.values(), *TACTICS.values())}
    families |= {one.family for one in BEHAVIOURS}
    assert families <= set(FAMILIES)
    assert {one.technique for one in BEHAVIOURS if one.technique} <= set(TECHNIQUES)
    assert {action for family in FAMILIES.values() for action in family.act} <= set(ACTIONS)
    assert len({one.id for one in BEHAVIOURS}) == len(BEHAVIOURS)


def test_only_the_rules_own_name_speaks_for_harmless() -> None:
    for one in BEHAVIOURS:
        if one.kind == "hostile":
            assert one.points >= 0, one.id
        else:
            assert one.where == "rule", one.id
            assert one.points <= 0, one.id


def test_pieces_are_lower_case_and_not_empty() -> None:
    for one in BEHAVIOURS:
        for pieces in one.match:
            assert pieces
            assert all(piece.strip() and piece == piece.lower() for piece in pieces), one.id


def test_texts_name_no_host_file_or_address() -> None:
    texts = [one.text for one in (*TECHNIQUES.values(), *TACTICS.values())]
    texts += [one.text for one in BEHAVIOURS]
    for family in FAMILIES.values():
        texts += [family.label, family.risk, family.innocent, *family.checks]
    for text in texts:
        assert not re.search(r"\w\.\w", text), text


def test_fallbacks() -> None:
    def name(technique_id: str, tactic: str = "") -> str:
        found = technique(technique_id, tactic)
        return found.name if found else ""

    assert name("T1003.001") == "LSASS Memory"
    assert name("T1003.999") == "OS Credential Dumping"
    assert name("t1486 ") == "Data Encrypted for Impact"
    assert name("T9999", "TA0011") == "Command and Control"
    assert name("", "TA0040") == "Impact"
    assert technique("T9999") is None
    assert technique("", "") is None


@pytest.mark.corpus
@pytest.mark.skipif(CORPUS is None, reason="the shared corpus is not there")
def test_ids_and_names_are_mitres() -> None:
    assert CORPUS is not None
    data = json.loads((CORPUS / "mitre/enterprise_techniques.json").read_text("utf-8"))
    names = {one["id"]: one["name"] for one in (*data["techniques"], *data["tactics"])}
    for key, one in (*TECHNIQUES.items(), *TACTICS.items()):
        assert names[key] == one.name


@pytest.mark.parametrize(
    "text",
    [
        "A-Dns-Clc2",
        "User account disabled in Microsoft Defender portal",
        "vnc -ex",
        "ConsoleLogin success rootDeviceName=/dev/xvda",
        "directory service replication succeeded",
        "monitor connected",
        "public bucketing of metrics, bucket list",
        "the storage account of torsten",
        "betweetw patch window",
        "regular savepoint",
    ],
)
def test_words_inside_other_words_are_no_behaviour(text: str) -> None:
    assert read(alert("medium", "Event", description=text)).behaviours == ()
