"""The entities of a Microsoft Sentinel alert: a JSON list in a string, whose objects refer to one another.

`{"$ref": "4"}` stands for the object with `"$id": "4"`, which may lie inside another entity of the list.
"""

from collections.abc import Iterator

from backend.alerts.details import Observables, hash_kind
from backend.alerts.fields import (
    LONG_CHARS,
    Object,
    file_path,
    first,
    integer,
    listed,
    mapping,
    opened,
    port,
    text,
)
from backend.alerts.model import NOTHING, Endpoint, File, Process
from backend.alerts.text import SafeText, safe

_MAX_OBJECTS = 2000
_MAX_DEPTH = 12
_MAX_SHOWN = 60

# What names an entity, for where one stands inside another.
_LABELS = (
    *("UserPrincipalName", "HostName", "Name", "Address", "Url", "Value", "DomainName", "CommandLine"),
    *("ResourceId", "Key", "Subject", "SessionId", "ProcessId", "MailboxPrimaryAddress"),
)


class Entities:
    """One alert's entities, in document order, with references resolved."""

    def __init__(self, value: object) -> None:
        """`value` is the field as it stands: a JSON list in a string, or the list itself."""
        given = opened(value)
        self._top = (
            [mapping(item) for item in given if isinstance(item, dict)] if isinstance(given, list) else []
        )
        self._by_id: dict[str, Object] = {}
        self._all: list[Object] = []
        for item in self._top:
            self._index(item, 0)

    def _index(self, found: Object, depth: int) -> None:
        if len(self._all) >= _MAX_OBJECTS or depth > _MAX_DEPTH:
            return
        self._all.append(found)
        if identity := text(found.get("$id")):
            self._by_id.setdefault(identity, found)
        for value in found.values():
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, dict):
                    self._index(item, depth + 1)

    def resolve(self, value: object) -> Object:
        """An object, or the one it refers to; empty where there is none."""
        found = mapping(value)
        return self._by_id.get(text(found["$ref"]), {}) if "$ref" in found else found

    def of(self, kind: str) -> Iterator[Object]:
        """Every entity of a type ("host", "ip", …; case is ignored), nested ones too."""
        for found in self._all:
            if text(found.get("Type"), 40).lower() == kind:
                yield found

    def host(self) -> SafeText:
        """The first host's name, with its domain where it has one."""
        for found in self.of("host"):
            name = text(found.get("HostName")) or text(found.get("NetBiosName"))
            domain = text(found.get("DnsDomain"))
            if name:
                return safe(f"{name}.{domain}", 256) if domain and "." not in name else name
        return NOTHING

    def user(self) -> SafeText:
        """The first account: its principal name, else domain and name."""
        return next((name for found in self.of("account") if (name := _account(found))), NOTHING)

    def endpoints(self) -> tuple[Endpoint, Endpoint]:
        """Source and destination of the first connection; else the first address, taken for the source."""
        for kind in ("network-connection", "networkconnection"):
            for found in self.of(kind):
                src, dst = (self.resolve(found.get(f"{side}Address")) for side in ("Source", "Destination"))
                return (
                    Endpoint(text(src.get("Address")), port(found.get("SourcePort"))),
                    Endpoint(text(dst.get("Address")), port(found.get("DestinationPort"))),
                )
        address = next((one for found in self.of("ip") if (one := text(found.get("Address")))), NOTHING)
        return Endpoint(address), Endpoint()

    def process(self) -> tuple[Process, File]:
        """The process the alert is about, with its image: the first with a command line and no child."""
        found = self._subject()
        image = self.resolve(found.get("ImageFile"))
        parent = self.resolve(self.resolve(found.get("ParentProcess")).get("ImageFile"))
        process = Process(
            name=text(image.get("Name"), LONG_CHARS),
            pid=_pid(found.get("ProcessId")),
            cmd_line=text(found.get("CommandLine"), LONG_CHARS),
            parent_name=text(parent.get("Name"), LONG_CHARS),
        )
        return process, self._file(self._lone_file() or image)

    def _subject(self) -> Object:
        processes = list(self.of("process"))
        parents = {id(self.resolve(found.get("ParentProcess"))) for found in processes}
        telling = [
            found for found in processes if text(found.get("CommandLine")) and id(found) not in parents
        ]
        return (telling or processes or [{}])[0]

    def _lone_file(self) -> Object:
        """A file that is no process's image."""
        images = {id(self.resolve(found.get("ImageFile"))) for found in self.of("process")}
        for found in self._top:
            if text(found.get("Type"), 40).lower() == "file" and id(found) not in images:
                return found
        return {}

    def _file(self, found: Object) -> File:
        hashes = {"md5": NOTHING, "sha1": NOTHING, "sha256": NOTHING}
        for item in listed(found.get("FileHashes"))[:20]:
            value = first(self.resolve(item).get("Value"))
            if kind := hash_kind(value):
                hashes[kind] = text(value)
        return File(
            text(found.get("Name"), LONG_CHARS),
            file_path(found.get("Directory"), found.get("Name")),
            hashes["sha256"],
            hashes["md5"],
        )

    def observe(self, seen: Observables) -> None:
        """Add what can be looked up elsewhere."""
        for kind, caption, key in (
            ("ip", "IP Address", "Address"),
            ("url", "URL", "Url"),
            ("filehash", "Hash", "Value"),
            ("mailbox", "Email Address", "MailboxPrimaryAddress"),
            ("mailmessage", "Email Address", "Sender"),
            ("mailmessage", "IP Address", "SenderIP"),
            ("azure-resource", "Resource UID", "ResourceId"),
            ("file", "File Name", "Name"),
        ):
            for found in self.of(kind):
                seen.add(caption, found.get(key), 2300 if caption == "URL" else 512)
        for kind, key in (("host", "HostName"), ("dns", "DomainName")):
            for found in self.of(kind):
                seen.add_host(found.get(key))
        for found in self.of("account"):
            seen.add("User Name", _account(found))

    def shown(self) -> list[Object]:
        """Every entity once, flat: where one stands inside another, its name."""
        typed = [found for found in self._all if found.get("Type") is not None]
        return [self._flat(found) for found in typed[:_MAX_SHOWN]]

    def _flat(self, found: Object) -> Object:
        made: Object = {}
        for key, value in found.items():
            if key == "$id":
                continue
            inside = (
                [self._label(item) for item in value[:20]] if isinstance(value, list) else self._label(value)
            )
            made[key] = inside
        return made

    def _label(self, value: object) -> object:
        if not isinstance(value, dict):
            return value
        target = self.resolve(value)
        label = next((one for key in _LABELS if (one := text(target.get(key), 512))), NOTHING)
        if not label and isinstance(target.get("ImageFile"), dict):
            label = text(self.resolve(target.get("ImageFile")).get("Name"), 512)
        return label


def _account(found: Object) -> SafeText:
    if principal := text(found.get("UserPrincipalName")):
        return principal
    name, suffix, domain = (text(found.get(key)) for key in ("Name", "UPNSuffix", "NTDomain"))
    if not name:
        return text(found.get("DisplayName")) or text(found.get("Sid")) or text(found.get("AadUserId"))
    if suffix and "@" not in name:
        return safe(f"{name}@{suffix}", 256)
    return safe(f"{domain}\\{name}", 256) if domain and "\\" not in name else name


def _pid(value: object) -> int:
    """Decimal, or hexadecimal with 0x in front."""
    given = text(value, 32)
    if given[:2].lower() == "0x":
        try:
            return min(int(given, 16), 1 << 53)
        except ValueError:
            return 0
    return max(0, min(integer(given), 1 << 53))
