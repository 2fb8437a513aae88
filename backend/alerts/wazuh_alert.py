"""The whole alert of Wazuh 3/4: what its decoders found, and what Wazuh's own modules report."""

import re

import msgspec

from backend.alerts.details import (
    MAX_FACTS,
    Observables,
    facts,
    hash_kind,
    is_under,
    pair_attacks,
    techniques_in,
)
from backend.alerts.fields import LONG_CHARS, Object, dig, is_ip, mapping, text, whole
from backend.alerts.model import NOTHING, Alert, Attack, Endpoint, File, Head, Observable, Process
from backend.alerts.tactics import tactics_named
from backend.alerts.text import SafeText
from backend.alerts.wazuh_fields import CMD_LINE, FILE, PARENT, PID, PROCESS, found
from backend.alerts.wazuh_suricata import wrapped_alert

_HIDDEN = (
    *("timestamp", "@timestamp", "id", "rule.description", "rule.level", "rule.id", "rule.mitre"),
    *("agent.name", "agent.ip", "data.srcip", "data.srcport", "data.dstip", "data.dstport"),
    *("rule.pci_dss", "rule.gpg13", "rule.gdpr", "rule.hipaa", "rule.nist_800_53", "rule.tsc"),
)
# The log itself and what was read out of it; all of it quotes whoever caused the log line.
_QUOTED = ("data", "full_log", "previous_output", "previous_log", "syscheck")
# Parts of `data` that Wazuh's own modules write.
_WAZUHS_OWN = (
    *("data.vulnerability", "data.cis", "data.sca", "data.integration", "syscheck.event", "syscheck.mode"),
    *("syscheck.changed_attributes", "syscheck.md5_after", "syscheck.sha1_after", "syscheck.sha256_after"),
)
_HASHES = re.compile(r"(MD5|SHA1|SHA256)=([0-9A-Fa-f]+)", re.ASCII | re.IGNORECASE)
_VENDOR = SafeText("Wazuh")


def build_alert(obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
    """The whole alert; of a Suricata alert inside, its details too, under the names Suricata gives them."""
    made = _own(obj, raw, head, notes)
    inner = wrapped_alert(obj, head)
    if inner is None:
        return made
    outer = tuple(fact for fact in made.facts if not is_under(fact.name, ("data", "full_log")))
    return msgspec.structs.replace(
        made,
        category=inner.category or made.category,
        dst=inner.dst,
        file=inner.file,
        attacks=tuple(dict.fromkeys((*made.attacks, *inner.attacks))),
        observables=tuple(dict.fromkeys((*inner.observables, *made.observables))),
        facts=(*outer, *inner.facts)[:MAX_FACTS],
        action=inner.action,
    )


def _own(obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
    agent_ip = text(dig(obj, "agent.ip"))
    device_ip = agent_ip if is_ip(agent_ip) else NOTHING  # "any" for agents without a fixed address
    process, file = _process(obj), _file(obj)
    return Alert(
        head=head,
        raw=raw,
        vendor=_VENDOR,
        product=head.product,
        description=text(obj.get("full_log"), LONG_CHARS) or text(dig(obj, "rule.description"), LONG_CHARS),
        category=text(dig(obj, "rule.groups")),
        src=Endpoint(head.src_ip, head.src_port),
        dst=Endpoint(head.dst_ip, head.dst_port),
        device_hostname=head.hostname,
        device_ip=device_ip,
        user_name=head.user,
        process=process,
        file=file,
        attacks=_attacks(obj),
        observables=_observables(obj, head, device_ip, process, file),
        facts=facts(obj, _HIDDEN, lambda path: is_under(path, _QUOTED) and not is_under(path, _WAZUHS_OWN)),
        action=text(dig(obj, "data.action")),
        parse_errors=notes,
    )


def _process(obj: Object) -> Process:
    line = found(obj, CMD_LINE, LONG_CHARS)
    if not line:
        arguments = mapping(dig(obj, "data.audit.execve"))
        line = text(
            " ".join(str(text(arguments.get(f"a{index}"))) for index in range(16)).strip(), LONG_CHARS
        )
    return Process(
        name=found(obj, PROCESS, LONG_CHARS),
        pid=whole(found(obj, PID)),
        cmd_line=line,
        parent_name=found(obj, PARENT, LONG_CHARS),
    )


def _file(obj: Object) -> File:
    path = found(obj, FILE, LONG_CHARS)
    digests = _digests(obj)
    return File(
        name=SafeText(re.split(r"[\\/]", path)[-1]),
        path=path,
        sha256=next((one for one in digests if hash_kind(one) == "sha256"), NOTHING),
        md5=next((one for one in digests if hash_kind(one) == "md5"), NOTHING),
    )


def _digests(obj: Object) -> list[SafeText]:
    """Hashes: after a change as file monitoring found it, and Sysmon's `SHA1=…,MD5=…` in one string."""
    values = [text(dig(obj, f"syscheck.{kind}_after")) for kind in ("sha256", "sha1", "md5")]
    sysmon = text(dig(obj, "data.win.eventdata.hashes"), LONG_CHARS)
    values += [SafeText(digest) for _, digest in _HASHES.findall(sysmon)]
    values += [text(dig(obj, f"data.virustotal.source.{kind}")) for kind in ("sha1", "md5")]
    return [value for value in values if hash_kind(value)]


def _attacks(obj: Object) -> tuple[Attack, ...]:
    """`rule.mitre`: ids of techniques and names of tactics, in lists that need not be of one length."""
    mitre = mapping(dig(obj, "rule.mitre"))
    return pair_attacks(techniques_in(mitre.get("id")), tactics_named(mitre.get("tactic")))


def _observables(
    obj: Object, head: Head, device_ip: SafeText, process: Process, file: File
) -> tuple[Observable, ...]:
    seen = Observables()
    seen.add("IP Address", [head.src_ip, head.dst_ip, device_ip])
    seen.add("Hostname", head.hostname)
    seen.add("User Name", [head.user, dig(obj, "data.dstuser"), dig(obj, "data.srcuser")])
    seen.add("Process Name", process.name, 1024)
    seen.add("Command Line", process.cmd_line, 1024)
    seen.add("File Path", file.path, 1024)
    seen.add("Hash", list(_digests(obj)))
    seen.add("URL", dig(obj, "data.url"), 2300)
    return seen.all()
