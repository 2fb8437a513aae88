"""ATT&CK tactics by name: many products write the name where the id is wanted."""

import re

from backend.alerts.fields import LONG_CHARS, listed

_NAMES = {
    "TA0043": "reconnaissance",
    "TA0042": "resource development",
    "TA0001": "initial access",
    "TA0002": "execution",
    "TA0003": "persistence",
    "TA0004": "privilege escalation",
    "TA0005": "defense evasion",
    "TA0006": "credential access",
    "TA0007": "discovery",
    "TA0008": "lateral movement",
    "TA0009": "collection",
    "TA0011": "command and control",
    "TA0010": "exfiltration",
    "TA0040": "impact",
}
_IDS = {name.replace(" ", ""): identifier for identifier, name in _NAMES.items()}

_BETWEEN = re.compile(r"[^A-Za-z _-]+")
_MAX_NAMES = 32


def tactic_id(name: object) -> str:
    """The id (TA0002) of an enterprise tactic's name, however it is spelt: "Credential Access",
    "credential_access", "CredentialAccess"; empty for anything else.
    """
    if not isinstance(name, str) or len(name) > 40:
        return ""
    return _IDS.get("".join(char for char in name.lower() if char.isalpha()), "")


def tactics_named(value: object) -> list[str]:
    """The ids of the tactics a string, or each string of a list, names; words that name none are passed over.

    One string may name several ("LateralMovement, Impact", or a JSON list in a string).
    """
    found: dict[str, None] = {}
    for item in listed(value)[:_MAX_NAMES]:
        if isinstance(item, str):
            names = _BETWEEN.split(item[:LONG_CHARS])[:_MAX_NAMES]
            found.update({known: None for name in names if (known := tactic_id(name))})
    return list(found)
