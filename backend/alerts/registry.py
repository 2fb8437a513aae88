"""The known formats. A new one is one file and one line here; the order is the order of recognition."""

from backend.alerts.base import Format, JsonFormat, TextFormat
from backend.alerts.cef import Cef
from backend.alerts.cloudtrail import CloudTrail
from backend.alerts.crowdstrike import CrowdStrike
from backend.alerts.defender import Defender
from backend.alerts.ecs import Ecs
from backend.alerts.falco import Falco
from backend.alerts.generic_json import GenericJson
from backend.alerts.generic_keys import GenericMapping
from backend.alerts.guardduty import GuardDuty
from backend.alerts.leef import Leef
from backend.alerts.model import FORMAT_NAMES, Alert, Head
from backend.alerts.ocsf import Ocsf
from backend.alerts.okta import Okta
from backend.alerts.pattern import Pattern
from backend.alerts.plain import Plain
from backend.alerts.securityhub import SecurityHub
from backend.alerts.sentinel import Sentinel
from backend.alerts.suricata_eve import SuricataEve
from backend.alerts.syslog import Syslog
from backend.alerts.wazuh import Wazuh
from backend.alerts.windows_event import WindowsEvent
from backend.alerts.zeek_notice import ZeekNotice

FORMATS: tuple[Format, ...] = (
    SuricataEve(),
    GuardDuty(),
    SecurityHub(),
    Ocsf(),
    CrowdStrike(),
    Wazuh(),
    Ecs(),
    ZeekNotice(),
    Falco(),
    Sentinel(),
    Defender(),
    Okta(),
    WindowsEvent(),
    CloudTrail(),
    Pattern(),
    Cef(),
    Leef(),
    Syslog(),
    GenericJson(),
    Plain(),
)
"""In the order of recognition: the first that knows a record takes it, so the generic ones stand last."""

BY_NAME: dict[str, Format] = {known.name: known for known in FORMATS}
JSON_FORMATS: tuple[JsonFormat, ...] = tuple(known for known in FORMATS if isinstance(known, JsonFormat))
TEXT_FORMATS: tuple[TextFormat, ...] = tuple(known for known in FORMATS if isinstance(known, TextFormat))


def format_named(name: str) -> Format:
    """The parser of a name that `--format` or `format=` gave.

    Raises:
        ValueError: there is no such format, or none that can be read yet; the message names those there are.
    """
    known = BY_NAME.get(name)
    if known is None:
        what = "has no parser" if name in FORMAT_NAMES else "is unknown"
        raise ValueError(
            f"format '{name}' {what}; use one of {' '.join(BY_NAME)}, or leave it to be recognised"
        )
    return known


def build_alert(raw: bytes, head: Head, mapping: GenericMapping | None = None) -> Alert:
    """The whole alert of a record's bytes and the head that was made of them; raises nothing.

    `mapping` is the source's own, where it has one, and must be the one its `Parser` was given.
    """
    known = BY_NAME.get(head.format)
    if known is None:
        return Alert(head=head, raw=raw, parse_errors=(f"format '{head.format}' has no parser here",))
    if mapping is not None and isinstance(known, GenericJson):
        return GenericJson(mapping).alert(raw, head)
    return known.alert(raw, head)
