"""The fields of the Elastic Common Schema, in documents whose keys are dotted, nested, or both."""

from backend.alerts.details import Observables
from backend.alerts.fields import LONG_CHARS, Object, dig, endpoint, first, is_ip, listed, text, whole
from backend.alerts.model import NOTHING, Endpoint, File, Observable, Process
from backend.alerts.text import SafeText

ECS_OWN = (
    *("@timestamp", "agent", "ecs", "data_stream", "observer", "rule", "kibana", "signal", "threat", "tags"),
    *(
        "labels",
        "cloud",
        "orchestrator",
        "elastic",
        "input",
        "log",
        "host.id",
        "host.ip",
        "host.os",
        "host.mac",
    ),
    *("host.name", "host.hostname", "host.architecture", "host.type", "related.ip", "related.hash"),
    *("event.kind", "event.category", "event.type", "event.action", "event.outcome", "event.module"),
    *("event.dataset", "event.created", "event.ingested", "event.severity", "event.risk_score", "event.code"),
    *("event.provider", "event.id", "event.collector", "event.start", "event.end", "event.sequence"),
    *("source.ip", "source.port", "source.geo", "source.as", "destination.ip", "destination.port"),
    *("destination.geo", "destination.as", "client.ip", "client.geo", "client.as", "server.ip", "network"),
    *("process.pid", "process.entity_id", "process.hash", "process.code_signature", "file.hash", "user.id"),
)
"""What sensors and detection engines state; the rest (names, paths, requests, messages) others chose."""

# What a feed lists and the event was found to match.
_INDICATORS = ("threat.indicator", "threat.enrichments.indicator", "wazuh.threat.enrichments.indicator")


def found(obj: Object, *paths: str, limit: int = 256) -> SafeText:
    """The first of several paths that holds a value."""
    for path in paths:
        if shown := text(dig(obj, path), limit):
            return shown
    return NOTHING


def side(obj: Object, *roles: str) -> Endpoint:
    """Where a connection came from or went to: the first role with an address or a name."""
    for role in roles:
        address = first(dig(obj, f"{role}.ip"))
        if address is None and is_ip(first(dig(obj, f"{role}.address"))):
            address = first(dig(obj, f"{role}.address"))
        ip, number = endpoint(address, dig(obj, f"{role}.port"))
        name = found(obj, f"{role}.domain", f"{role}.address")
        if ip or name:
            return Endpoint(ip, number, NOTHING if is_ip(name) else name)
    return Endpoint()


def host(obj: Object) -> SafeText:
    """The name of the device an event is of."""
    return found(obj, "host.name", "host.hostname", "agent.hostname", "agent.name")


def user(obj: Object) -> SafeText:
    """Who acted."""
    return found(obj, "user.name", "user.email", "source.user.name", "client.user.name")


def process(obj: Object) -> Process:
    """The process an event is of."""
    line = found(obj, "process.command_line", limit=LONG_CHARS)
    if not line:
        args = [str(text(arg)) for arg in listed(dig(obj, "process.args"))[:64]]
        line = text(" ".join(args), LONG_CHARS)
    return Process(
        name=found(obj, "process.name", "process.executable"),
        pid=whole(dig(obj, "process.pid")),
        cmd_line=line,
        parent_name=found(obj, "process.parent.name", "process.parent.executable"),
    )


def file(obj: Object) -> File:
    """The file an event is of; without one, the hashes of the process."""
    return File(
        name=found(obj, "file.name", limit=LONG_CHARS),
        path=found(obj, "file.path", limit=LONG_CHARS),
        sha256=found(obj, "file.hash.sha256", "process.hash.sha256"),
        md5=found(obj, "file.hash.md5", "process.hash.md5"),
    )


def observables(obj: Object, hostname: SafeText) -> tuple[Observable, ...]:
    """What can be looked up: addresses, names (the device's is given), hashes, URLs, mail addresses."""
    seen = Observables()
    for role in ("source", "destination", "client", "server"):
        seen.add("IP Address", dig(obj, f"{role}.ip"))
        seen.add_host(dig(obj, f"{role}.domain"))
        seen.add_host(dig(obj, f"{role}.address"))
    seen.add("IP Address", dig(obj, "related.ip"))
    seen.add("Hostname", hostname)
    seen.add("User Name", user(obj))
    seen.add_host(dig(obj, "dns.question.name"))
    seen.add_host(dig(obj, "url.domain"))
    seen.add("URL", [dig(obj, "url.full") or dig(obj, "url.original")], 2300)
    seen.add("User Agent", dig(obj, "user_agent.original"), 512)
    seen.add("Process Name", found(obj, "process.name", "process.executable"))
    seen.add("File Name", dig(obj, "file.name"), 512)
    seen.add("File Path", dig(obj, "file.path"), 1024)
    for what in ("file", "process", "dll", *(f"{indicator}.file" for indicator in _INDICATORS)):
        for kind in ("sha256", "sha1", "md5"):
            seen.add("Hash", dig(obj, f"{what}.hash.{kind}"))
    seen.add("Email Address", [dig(obj, "user.email"), dig(obj, "email.from.address")])
    for indicator in _INDICATORS:
        seen.add("IP Address", dig(obj, f"{indicator}.ip"))
        seen.add("URL", dig(obj, f"{indicator}.url.full"), 2300)
    return seen.all()
