"""Windows events under the names that Sigma rules use, whichever shipper wrote them.

evtx as JSON (`Event.System`, `Event.EventData`), Elastic's `winlog`, Wazuh's `data.win`, and flat records of
NXLog. `EventID`, `Channel`, `Provider_Name` and `Computer` stand beside the event's own data.
"""

from backend.alerts.fields import Object, dig, first, mapping

_NEW_PROCESS = {
    "Image": "newprocessname",
    "ParentImage": "parentprocessname",
    "User": "subjectusername",
}
"""Security 4688 says the same as Sysmon 1 under other names; `process_creation` rules use Sysmon's."""
_ECS = {
    "Image": "process.executable",
    "CommandLine": "process.command_line",
    "ParentImage": "process.parent.executable",
    "ParentCommandLine": "process.parent.command_line",
}


def windows_fields(obj: Object) -> tuple[Object, Object] | None:
    """A Windows event's named fields, and the rest of its document; None where it is no Windows event."""
    event = mapping(obj.get("Event"))
    if system := mapping(event.get("System")):
        named = _system(system, event.get("EventData"), event.get("UserData"))
        return _with_aliases(named), {}
    if winlog := mapping(obj.get("winlog")):
        return _with_aliases(_winlog(winlog, obj)), {
            key: value for key, value in obj.items() if key != "winlog"
        }
    win = mapping(dig(obj, "data.win")) or mapping(obj.get("win"))
    if system := mapping(win.get("system")):
        named = {
            "EventID": system.get("eventID"),
            "Channel": system.get("channel"),
            "Provider_Name": system.get("providerName"),
            "Computer": system.get("computer"),
            "SystemTime": system.get("systemTime"),
            **mapping(win.get("eventdata")),
        }
        return _with_aliases(named), {}
    if "EventID" in obj and ("Channel" in obj or "SourceName" in obj or "ProviderName" in obj):
        named = {**obj, "EventID": _number(obj["EventID"])}
        named.setdefault("Provider_Name", obj.get("ProviderName") or obj.get("SourceName"))
        named.setdefault("Computer", obj.get("Hostname"))
        return _with_aliases(named), {}
    return None


def channel_and_id(kind: str) -> tuple[str, str]:
    """Channel in lower case and event id, out of the kind that Windows events are counted by."""
    channel, _, number = kind.rpartition(" ")
    return channel.lower(), number


def _system(system: Object, data: object, user_data: object) -> Object:
    provider = dig(system, "Provider.#attributes.Name") or dig(system, "Provider.Name")
    created = dig(system, "TimeCreated.#attributes.SystemTime") or dig(system, "TimeCreated.SystemTime")
    named: Object = {
        "EventID": _number(system.get("EventID")),
        "Channel": system.get("Channel"),
        "Provider_Name": provider,
        "Computer": system.get("Computer"),
        "Level": system.get("Level"),
        "Task": system.get("Task"),
        "Opcode": system.get("Opcode"),
        "Keywords": system.get("Keywords"),
        "EventRecordID": system.get("EventRecordID"),
        "SystemTime": created,
    }
    for outer in (mapping(user_data).values(), [data]):
        for part in outer:
            for key, value in mapping(part).items():
                if key == "Data":
                    _named_data(value, named)
                elif not key.startswith("#"):
                    named[key] = _content(value)
    return named


def _winlog(winlog: Object, obj: Object) -> Object:
    named: Object = {
        "EventID": winlog.get("event_id"),
        "Channel": winlog.get("channel"),
        "Provider_Name": winlog.get("provider_name"),
        "Computer": winlog.get("computer_name"),
    }
    for name, path in _ECS.items():
        if (value := dig(obj, path)) is not None:
            named[name] = value
    for part in (winlog.get("user_data"), winlog.get("event_data")):
        named.update(mapping(part))
    return named


def _named_data(value: object, named: Object) -> None:
    """`Data` elements: each with its name, or, as old providers write them, without."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            name = dig(item, "#attributes.Name") or item.get("@Name") or item.get("Name")
            if isinstance(name, str):
                named[name] = _content(item)
                continue
        kept = named.setdefault("Data", [])
        if isinstance(kept, list):
            kept.append(_content(item))


def _content(value: object) -> object:
    """An element's text, where it has attributes too."""
    if isinstance(value, dict):
        return next((value[key] for key in ("#text", "#value") if key in value), value)
    return value


def _number(value: object) -> object:
    """An event id, which may be an object of the number and its qualifiers."""
    value = first(value)
    if isinstance(value, dict):
        return next((value[key] for key in ("#text", "Value", "value", "text") if key in value), None)
    return value


def _with_aliases(named: Object) -> Object:
    low = {str(key).lower(): value for key, value in named.items()}
    if str(low.get("eventid")) == "4688":
        for alias, name in _NEW_PROCESS.items():
            if alias.lower() not in low and name in low:
                named[alias] = low[name]
        if "commandline" not in low and "processcommandline" in low:
            named["CommandLine"] = low["processcommandline"]
    return named
