"""Where the decoders of Wazuh 3/4 put the same thing: each log's own words, or those of its product."""

from backend.alerts.fields import Object, dig, text
from backend.alerts.model import NOTHING
from backend.alerts.text import SafeText

_AWS_ACTION = "data.aws.service.action."

SRC = (
    *("data.srcip", "data.src_ip", "data.win.eventdata.ipAddress", "data.win.eventdata.sourceIp"),
    *("data.aws.sourceIPAddress", "data.aws.source_ip_address"),
    *(
        f"{_AWS_ACTION}{action}.remoteIpDetails.ipAddressV4"
        for action in ("networkConnectionAction", "awsApiCallAction", "portProbeAction.portProbeDetails")
    ),
)
"""Source addresses."""
DST = ("data.dstip", "data.dest_ip", "data.win.eventdata.destinationIp")
"""Destination addresses."""
USER = (
    *("data.srcuser", "data.dstuser", "data.user", "data.win.eventdata.user"),
    *("data.win.eventdata.targetUserName", "data.win.eventdata.subjectUserName"),
    *("data.aws.userIdentity.userName", "data.aws.resource.accessKeyDetails.userName", "data.audit.acct"),
)
"""Who acted or was acted on."""
PROCESS = ("data.win.eventdata.image", "data.audit.exe", "data.audit.command", "data.process.name")
"""Process names and paths."""
CMD_LINE = ("data.win.eventdata.commandLine", "data.win.eventdata.processCommandLine")
"""Command lines."""
PARENT = ("data.win.eventdata.parentImage", "data.win.eventdata.parentProcessName")
"""Names of the process that started it."""
PID = ("data.win.eventdata.processId", "data.audit.pid")
"""Process ids."""
FILE = ("syscheck.path", "data.win.eventdata.targetFilename", "data.audit.file.name", "data.file")
"""Files and registry keys."""


def found(obj: Object, paths: tuple[str, ...], limit: int = 256) -> SafeText:
    """The first of several paths that holds a value; Windows writes a dash for none."""
    for path in paths:
        shown = text(dig(obj, path), limit)
        if shown and shown != "-":
            return shown
    return NOTHING
