"""Which events a Sigma rule is for: its log source against a Windows channel and event id, or a format.

Channels and event ids as in the Sigma project's own tables of Windows services and Sysmon categories. A
source that is not in these tables is tried on every event of its product: slower, but nothing is missed.
"""

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from backend.patterns.likely import Likely, Needy
from backend.patterns.windows import channel_and_id

WINDOWS = "windows_event"
MAX_PLACES = 4_096
"""Kinds of events whose rules are remembered; kinds come from the data."""

_SYSMON = "microsoft-windows-sysmon/operational"
_SECURITY = "security"
_POWERSHELL = ("microsoft-windows-powershell/operational", "powershellcore/operational")
_CLASSIC = ("windows powershell",)

SERVICES: dict[str, tuple[str, ...]] = {
    "security": (_SECURITY,),
    "system": ("system",),
    "application": ("application",),
    "sysmon": (_SYSMON, "linux-sysmon/operational"),
    "powershell": _POWERSHELL,
    "powershell-classic": _CLASSIC,
    "taskscheduler": ("microsoft-windows-taskscheduler/operational",),
    "wmi": ("microsoft-windows-wmi-activity/operational",),
    "windefend": ("microsoft-windows-windows defender/operational",),
    "bits-client": ("microsoft-windows-bits-client/operational",),
    "dns-server": ("dns server",),
    "dns-server-analytic": ("microsoft-windows-dns-server/analytical",),
    "dns-server-audit": ("microsoft-windows-dns-server/audit",),
    "dns-client": ("microsoft-windows-dns client events/operational",),
    "driver-framework": ("microsoft-windows-driverframeworks-usermode/operational",),
    "dhcp": ("microsoft-windows-dhcp-server/operational",),
    "ntlm": ("microsoft-windows-ntlm/operational",),
    "ldap_debug": ("microsoft-windows-ldap-client/debug",),
    "ldap": ("microsoft-windows-ldap-client/debug",),
    "firewall-as": ("microsoft-windows-windows firewall with advanced security/firewall",),
    "printservice-admin": ("microsoft-windows-printservice/admin",),
    "printservice-operational": ("microsoft-windows-printservice/operational",),
    "terminalservices-localsessionmanager": (
        "microsoft-windows-terminalservices-localsessionmanager/operational",
    ),
    "smbclient-security": ("microsoft-windows-smbclient/security",),
    "smbclient-connectivity": ("microsoft-windows-smbclient/connectivity",),
    "smbserver-connectivity": ("microsoft-windows-smbserver/connectivity",),
    "codeintegrity-operational": ("microsoft-windows-codeintegrity/operational",),
    "applocker": (
        "microsoft-windows-applocker/msi and script",
        "microsoft-windows-applocker/exe and dll",
        "microsoft-windows-applocker/packaged app-deployment",
        "microsoft-windows-applocker/packaged app-execution",
    ),
    "appxdeployment-server": ("microsoft-windows-appxdeploymentserver/operational",),
    "appxpackaging-om": ("microsoft-windows-appxpackaging/operational",),
    "appmodel-runtime": ("microsoft-windows-appmodel-runtime/admin",),
    "capi2": ("microsoft-windows-capi2/operational",),
    "certificateservicesclient-lifecycle-system": (
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational",
    ),
    "diagnosis-scripted": ("microsoft-windows-diagnosis-scripted/operational",),
    "lsa-server": ("microsoft-windows-lsa/operational",),
    "openssh": ("openssh/operational",),
    "security-mitigations": (
        "microsoft-windows-security-mitigations/kernel mode",
        "microsoft-windows-security-mitigations/user mode",
    ),
    "shell-core": ("microsoft-windows-shell-core/operational",),
    "vhdmp": ("microsoft-windows-vhdmp/operational",),
    "microsoft-servicebus-client": ("microsoft-servicebus-client",),
    "msexchange-management": ("msexchange management",),
    "iis-configuration": ("microsoft-iis-configuration/operational",),
}

CATEGORIES: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "process_creation": ((_SYSMON, (1,)), (_SECURITY, (4688,)), ("linux-sysmon/operational", (1,))),
    "file_change": ((_SYSMON, (2,)),),
    "network_connection": ((_SYSMON, (3,)), ("linux-sysmon/operational", (3,))),
    "sysmon_status": ((_SYSMON, (4, 16)),),
    "process_termination": ((_SYSMON, (5,)),),
    "driver_load": ((_SYSMON, (6,)),),
    "image_load": ((_SYSMON, (7,)),),
    "create_remote_thread": ((_SYSMON, (8,)),),
    "raw_access_thread": ((_SYSMON, (9,)),),
    "process_access": ((_SYSMON, (10,)),),
    "file_event": ((_SYSMON, (11,)), ("linux-sysmon/operational", (11,))),
    "registry_add": ((_SYSMON, (12,)),),
    "registry_delete": ((_SYSMON, (12,)),),
    "registry_set": ((_SYSMON, (13,)),),
    "registry_rename": ((_SYSMON, (14,)),),
    "registry_event": ((_SYSMON, (12, 13, 14)),),
    "create_stream_hash": ((_SYSMON, (15,)),),
    "pipe_created": ((_SYSMON, (17, 18)),),
    "wmi_event": ((_SYSMON, (19, 20, 21)),),
    "dns_query": ((_SYSMON, (22,)),),
    "file_delete": ((_SYSMON, (23, 26)),),
    "file_delete_detected": ((_SYSMON, (26,)),),
    "clipboard_capture": ((_SYSMON, (24,)),),
    "process_tampering": ((_SYSMON, (25,)),),
    "file_block_executable": ((_SYSMON, (27,)),),
    "file_block_shredding": ((_SYSMON, (28,)),),
    "file_executable_detected": ((_SYSMON, (29,)),),
    "sysmon_error": ((_SYSMON, (255,)),),
    "ps_module": tuple((channel, (4103,)) for channel in _POWERSHELL),
    "ps_script": tuple((channel, (4104,)) for channel in _POWERSHELL),
    "ps_classic_start": ((_CLASSIC[0], (400,)),),
    "ps_classic_provider_start": ((_CLASSIC[0], (600,)),),
    "ps_classic_script": ((_CLASSIC[0], (800,)),),
}

PRODUCTS: dict[str, frozenset[str]] = {
    "windows": frozenset({WINDOWS}),
    "aws": frozenset({"cloudtrail", "generic_json"}),
    "okta": frozenset({"okta", "generic_json"}),
    "zeek": frozenset({"zeek_notice", "generic_json"}),
}
"""Formats that a product's events come in; of a product that is not here, any but Windows'."""
_IN_WINDOWS_DRESS = frozenset({"wazuh", "ecs"})
"""Formats whose events may carry a Windows event: Wazuh's archives, Elastic's own documents."""


class Sourced(Needy, Protocol):
    """A rule as the index needs it: its log source, each part in lower case and empty where it has none."""

    category: str
    product: str
    service: str


R = TypeVar("R", bound=Sourced)


class Index(Generic[R]):
    """Rules by what they are for. Which rules an event is to be tried on is worked out once a kind."""

    def __init__(self, rules: Iterable[R]) -> None:
        self._rules = tuple(rules)
        self._places: dict[tuple[str, str], Likely[R]] = {}

    def __len__(self) -> int:
        return len(self._rules)

    def rules_for(self, event_format: str, kind: str) -> Likely[R]:
        """The rules an event of this format and kind may match, in their order."""
        place = (event_format, kind if event_format == WINDOWS else "")
        found = self._places.get(place)
        if found is None:
            found = Likely([rule for rule in self._rules if _is_for(rule, *place)])
            if len(self._places) < MAX_PLACES:
                self._places[place] = found
        return found


def _is_for(rule: Sourced, event_format: str, kind: str) -> bool:
    if event_format == WINDOWS:
        return rule.product in ("", "windows", "linux") and _in_channel(rule, *channel_and_id(kind))
    if rule.product == "windows":
        return event_format in _IN_WINDOWS_DRESS
    if not rule.product:
        # A rule for Sysmon or a Windows service alone says so by its category or service.
        return rule.category not in CATEGORIES and rule.service not in SERVICES
    formats = PRODUCTS.get(rule.product)
    return event_format in formats if formats is not None else True


def _in_channel(rule: Sourced, channel: str, number: str) -> bool:
    if rule.product == "linux" and not channel.startswith("linux-"):
        return False
    if rule.service in SERVICES and channel not in SERVICES[rule.service]:
        return False
    places = CATEGORIES.get(rule.category)
    if places is not None:
        return any(channel == where and int(number) in ids for where, ids in places if number.isdigit())
    if rule.category or (rule.service and rule.service not in SERVICES):
        return rule.product == "windows"  # a category of its own, which its fields must tell apart
    return rule.product == "windows" or rule.service in SERVICES
