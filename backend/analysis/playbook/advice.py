"""What to do: actions from the allow-list, their targets from the alert's own fields and nowhere else."""

from collections.abc import Callable

from backend.alerts.model import NOTHING
from backend.alerts.text import SafeText
from backend.analysis.model import ACTIONS, RecommendedAction
from backend.analysis.playbook.reading import Picture
from backend.analysis.playbook.score import Score
from backend.analysis.playbook.tables import FAMILIES
from backend.enrichment.addresses import is_internal

MAX_ACTIONS = 4


def actions(picture: Picture, score: Score, verdict: str) -> tuple[RecommendedAction, ...]:
    """The recommended actions, most urgent first; none where nothing needs doing."""
    if verdict in ("Benign", "Test"):
        return ()
    if verdict == "False Positive":
        wanted: tuple[str, ...] = ("open_ticket",)
    elif verdict == "Insufficient Data":
        wanted = ("watch", "open_ticket")
    else:
        wanted = FAMILIES[picture.family].act
        if score.hard and verdict == "True Positive":
            wanted = (*wanted[:3], "notify_owner")
        if verdict == "Suspicious":
            # Not sure enough to interrupt anybody's work: look closer first.
            wanted = (*(one for one in wanted if not ACTIONS[one]), "watch", "open_ticket")[:2]
    found: dict[tuple[str, str], RecommendedAction] = {}
    for action in wanted:
        target = _TARGETS[action](picture)
        if target:
            found.setdefault((action, target), RecommendedAction(action, target, ACTIONS[action]))
    return tuple(found.values())[:MAX_ACTIONS]


def _machine(picture: Picture) -> SafeText:
    if picture.host:
        return picture.host
    inside = (end for end in (picture.src, picture.dst) if end and is_internal(end))
    return next(inside, NOTHING)


def _outside(picture: Picture) -> SafeText:
    """The address to block: outside, the far end first. One's own are never blocked from here."""
    ends = (picture.dst, picture.src) if picture.direction == "outbound" else (picture.src, picture.dst)
    return next((end for end in ends if end and is_internal(end) is False), NOTHING)


def _domain(picture: Picture) -> SafeText:
    own = {picture.host.lower(), picture.alert.src.hostname.lower(), picture.alert.dst.hostname.lower()}
    if picture.direction == "outbound":
        own.discard(picture.alert.dst.hostname.lower())
    names = (
        one.value
        for one in picture.alert.observables
        if one.type in ("Hostname", "Domain", "Domain Name") and "." in one.value
    )
    return next((name for name in names if name.lower() not in own), NOTHING)


def _file(picture: Picture) -> SafeText:
    file = picture.alert.file
    return file.path or file.sha256 or file.name


def _process(picture: Picture) -> SafeText:
    return picture.alert.process.name


def _user(picture: Picture) -> SafeText:
    return picture.user


def _anything(picture: Picture) -> SafeText:
    return picture.host or picture.user or picture.src or picture.dst or picture.title


def _rule(picture: Picture) -> SafeText:
    head = picture.alert.head
    return head.rule_name or head.title or head.rule_uid


_TARGETS: dict[str, Callable[[Picture], SafeText]] = {
    "isolate_host": _machine,
    "collect_forensics": _machine,
    "disable_user": _user,
    "reset_password": _user,
    "revoke_sessions": _user,
    "block_ip": _outside,
    "block_domain": _domain,
    "quarantine_file": _file,
    "kill_process": _process,
    "open_ticket": _rule,
    "notify_owner": _anything,
    "watch": _anything,
}
