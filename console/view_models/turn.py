"""Where an alert stands in the scheduler, in words: its turn, what goes before it, what room models have."""

from backend.api import LimitView, OrderView, RoomView
from console.view_models.detail import Line
from widgets.figures import UNKNOWN, count, countdown
from widgets.glyphs import lane_style
from widgets.measure import fit
from widgets.safe import Run, Shown, shown
from widgets.wrap import wrap_runs

NAME, VALUE = 10, 14
WIDE = 70
"""Cells that a popup has for its lines on a screen of 80."""
MOST_AHEAD = 4
"""Lines about what goes before it; what is beyond is told in the last one."""

_WHY = {
    "asked": "a person waits for it",
    "lane": "lane goes first",
    "sooner": "due sooner",
    "forward": "may be opened next",
    "pressing": "would be late",
}
_PLAIN = {
    "none": ("over", "text", "it waits for no model: it is in no queue"),
    "works": ("now", "ok bold", "a worker has it"),
    "asked": ("next", "ok bold", "a person asked for it: before every lane"),
}
_TIMES = {1: "once", 2: "twice"}


def field(name: str, value: str, style: str, words: str = "", *, wide: int = WIDE) -> list[Line]:
    """A name, a value in its column, and words wrapped beside them."""
    head: list[Run] = [(shown(f"{name:<{NAME}}"), "muted"), (shown(f"{value:<{VALUE - 1}} "), style)]
    first, *rest = wrap_runs([(shown(words), "muted")], wide - NAME - VALUE) or [[]]
    return [(*head, *first), *(((Shown(" " * (NAME + VALUE)), ""), *line) for line in rest)]


def turn_lines(view: OrderView, fits: int, wide: int = WIDE) -> tuple[Line, ...]:
    """What the scheduler says of an alert in at most `fits` lines of `wide` cells; details go first."""
    words = wide - NAME - VALUE
    turn, ahead, start = _turn(view), _ahead(view, words), _start(view)
    past = _past(view)
    room = fits - len(turn) - len(ahead) - len(start) - len(past)
    return tuple([*turn, *ahead, *_rooms(view, max(1, room), words), *start, *past][: max(1, fits)])


def _turn(view: OrderView) -> list[Line]:
    together = view.together
    if view.note:
        return field("turn", UNKNOWN, "muted", view.note)
    if view.standing in _PLAIN:
        return field("turn", *_PLAIN[view.standing])
    if together is not None and together.left_s > 0:
        value = f"batch {together.alerts} of {together.size}"
        return field("turn", value, "strong bold", f"alike ones may join for {together.left_s:.1f} s more")
    if together is not None:
        return field("turn", f"batch of {together.alerts}", "strong bold", "full, and next in its lane")
    if view.standing == "stored":
        words = "in the journal, until there is room in memory"
        return field("turn", "far back", "text", words)
    words = f"in its lane, {'what is due soonest' if view.deadline_ms else 'the oldest'} first"
    return field("turn", f"{view.place:,} of {view.of:,}", "strong bold", words)


def _ahead(view: OrderView, wide: int) -> list[Line]:
    if view.standing not in ("waits", "asked"):
        return []
    if not view.ahead:
        return field("in front", "nothing", "ok", "the next free worker takes it")
    lines: list[Line] = []
    for number, one in enumerate(view.ahead[:MOST_AHEAD]):
        words = _WHY[one.why]
        if one.deadline_ms:
            words += f", {_due(one.deadline_ms - view.now_ms)}"
        if one.title:
            words += f" · {one.title}"
        style = f"{lane_style(one.lane)} bold"
        lines += field(
            "" if number else "in front",
            f"{one.count:,} {one.lane}",
            style,
            fit(words, wide).rstrip(),
            wide=wide + NAME + VALUE,
        )
    beyond = sum(one.count for one in view.ahead[MOST_AHEAD:])
    if beyond:
        lines += field("", f"{beyond:,} more", "text", f"{view.in_front:,} in all")
    return lines


def _due(left_ms: int) -> str:
    return f"{countdown(abs(left_ms) / 1000)} {'left' if left_ms >= 0 else 'over'}"


def _rooms(view: OrderView, fits: int, wide: int) -> list[Line]:
    """Its models: first how each is doing, then, as far as there is room, what their limits leave."""
    if view.note or view.standing == "none":
        return []
    if not view.rooms:
        return field("models", "none", "text", "the built-in analyst answers at once")[:fits]
    lines: list[Line] = []
    if not view.admitted:
        words = "all are at their limits; it keeps its place"
        lines += field("models", "no room", "warn bold", words)
    each = [_room(one, view.lane, wide) for one in view.rooms]
    limits = [_limits(one) for one in view.rooms]
    left = fits - len(lines) - sum(map(len, each))
    for room, limit in zip(each, limits, strict=True):
        lines += room
        if limit and left >= len(limit):
            lines += limit
            left -= len(limit)
    return lines[:fits]


def _room(room: RoomView, lane: str, wide: int) -> list[Line]:
    name = room.name if len(room.name) < NAME else f"{room.name[: NAME - 2]}…"
    if room.state != "ready":
        return field(name, room.state, "sla-soon" if room.state == "cooling" else "sla-breached", room.detail)
    free = room.slots - room.busy - (room.kept if lane != "critical" else 0)
    value = f"{room.busy} of {room.slots} busy"
    return field(name, value, "ok" if free > 0 else "sla-soon", _slots(room, wide), wide=wide + NAME + VALUE)


def _slots(room: RoomView, wide: int) -> str:
    """Who holds a model's slots, in one line: in short where there is much to say."""
    held = [", ".join(f"{number} {who}" for who, number in room.held)] if room.held else []
    waiting = [f"{room.waiting} wait"] if room.waiting else []
    kept = [f"{room.kept} kept for critical"] if room.kept else []
    words = "; ".join([*held, *kept, *waiting])
    if len(words) <= wide:
        return words
    return fit("; ".join([*held, f"{room.kept} kept", *waiting]), wide).rstrip()


def _limits(room: RoomView) -> list[Line]:
    """The tightest of a model's rate limits."""
    if room.state != "ready" or not room.limits:
        return []
    tight = min(room.limits, key=lambda one: one.left / max(1, one.of))
    words = f"{tight.what} left, {_says(tight)}; {count(tight.per_s * 60)} a minute"
    value = f"{count(tight.left)} of {count(tight.of)}"
    lines = field("", value, "sla-soon" if room.pause_s > 0 else "ok", words)
    if room.pause_s > 0:
        lines += field("", f"{countdown(room.pause_s)} pause", "sla-soon", "until its limits let a call go")
    return lines


def _says(limit: LimitView) -> str:
    return "says its vendor" if limit.by == "vendor" else "as configured"


def _start(view: OrderView) -> list[Line]:
    if view.standing not in ("waits", "asked", "forming", "formed"):
        return []
    usual = [one.answer_s for one in view.rooms if one.state == "ready" and one.answer_s is not None]
    pace = f"{usual[0]:.1f} s an answer, " if usual else ""
    if view.starts_in_s is None:
        return field("start", UNKNOWN, "muted", "not known: no answer has been timed yet")
    value = "at once" if view.starts_in_s < 1 else f"in {countdown(view.starts_in_s)}"
    return field("start", value, "strong bold", f"{pace}if nothing more urgent comes")


def _past(view: OrderView) -> list[Line]:
    lines: list[Line] = []
    if view.preempted:
        value = _TIMES.get(view.preempted, f"{view.preempted} times")
        lines += field("gave way", value, "text", "to a critical alert; what was written is kept")
    if view.tries:
        value = _TIMES.get(view.tries, f"{view.tries} times")
        lines += field("failed", value, "warn", "in a stage; it is tried three times")
    return lines
