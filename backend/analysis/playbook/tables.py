"""The playbook's knowledge: techniques, behaviours and families, read once from the tables in `data`."""

from importlib.resources import files
from typing import Literal

import msgspec

_DATA = files("backend.analysis.playbook") / "data"


class Technique(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the playbook knows of one ATT&CK technique or tactic."""

    name: str
    family: str
    weight: int
    """0: common in harmless work … 3: hardly anything but an attack."""
    text: str
    id: str = ""


class Family(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """How one kind of activity is explained and followed up."""

    label: str
    risk: str
    innocent: str
    checks: tuple[str, str, str]
    act: tuple[str, ...]


class Behaviour(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One rule on an alert's words; the keys are explained in behaviours_network.toml."""

    id: str
    family: str
    points: int
    text: str
    match: tuple[tuple[str, ...], ...]
    technique: str = ""
    where: Literal["any", "command", "rule", "lineage"] = "any"
    kind: Literal["hostile", "harmless", "noise", "test"] = "hostile"
    strong: bool = False


class _Techniques(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tactics: dict[str, Technique]
    techniques: dict[str, Technique]


class _Families(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    families: dict[str, Family]


class _Behaviours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    behaviours: tuple[Behaviour, ...]


def _load_techniques() -> tuple[dict[str, Technique], dict[str, Technique]]:
    table = msgspec.toml.decode((_DATA / "techniques.toml").read_bytes(), type=_Techniques)

    def named(part: dict[str, Technique]) -> dict[str, Technique]:
        return {key: msgspec.structs.replace(one, id=key) for key, one in part.items()}

    return named(table.tactics), named(table.techniques)


def _load_behaviours() -> tuple[Behaviour, ...]:
    found: list[Behaviour] = []
    for part in ("host", "network", "harmless"):
        data = (_DATA / f"behaviours_{part}.toml").read_bytes()
        found.extend(msgspec.toml.decode(data, type=_Behaviours).behaviours)
    return tuple(sorted(found, key=lambda one: one.id))


TACTICS, TECHNIQUES = _load_techniques()
FAMILIES: dict[str, Family] = msgspec.toml.decode(
    (_DATA / "families.toml").read_bytes(), type=_Families
).families
BEHAVIOURS = _load_behaviours()


def technique(technique_id: str, tactic_id: str = "") -> Technique | None:
    """The entry for a technique: its own, its parent's, its tactic's; None where none of them is known."""
    own = technique_id.strip().upper()
    return (
        TECHNIQUES.get(own)
        or TECHNIQUES.get(own.partition(".")[0])
        or TACTICS.get(tactic_id.strip().upper())
        or TACTICS.get(own)
    )
