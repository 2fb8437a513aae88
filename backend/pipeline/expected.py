"""When an alert's turn comes, as far as slots, rate limits and the time of an answer can tell."""

from collections.abc import Callable, Sequence

import msgspec

from backend.order_views import OrderView, RoomView

Rooms = Callable[[str], Sequence[RoomView]]


def expected_s(view: OrderView, rooms: Rooms, batch_size: Callable[[str], int]) -> OrderView:
    """The view with the seconds until its work starts, if nothing more urgent comes.

    What goes before it and asks the same model first makes so many calls (`batch_size` alerts of a lane share
    one); these and those under way take the slots in turns, an answer's usual time each, and no faster than
    the rate limits fill. A model that is down costs no time: the next one, or the built-in analyst, answers.
    """
    if view.standing in ("works", "none", "stored"):
        return view
    room = _asked_first(view.rooms)
    if room is None:
        return msgspec.structs.replace(view, starts_in_s=_forms_s(view))
    calls = sum(
        one.count / max(1, batch_size(one.lane))
        for one in view.ahead
        if (other := _asked_first(rooms(one.lane))) is not None and other.name == room.name
    )
    slots = _slots_s(room, view.lane, calls)
    if slots is None:
        return view
    return msgspec.structs.replace(view, starts_in_s=max(slots, _limits_s(room, calls), _forms_s(view)))


def _asked_first(rooms: Sequence[RoomView]) -> RoomView | None:
    return next((one for one in rooms if one.state == "ready"), None)


def _forms_s(view: OrderView) -> float:
    return view.together.left_s if view.together is not None else 0.0


def _slots_s(room: RoomView, lane: str, calls: float) -> float | None:
    """Until a slot is free for it: 0 where one is, None where no answer has been timed yet."""
    usable = room.slots - (0 if lane == "critical" else room.kept)
    beyond = calls + room.busy + room.waiting + 1 - usable
    if beyond <= 0:
        return 0.0
    if lane == "critical" and room.busy > dict(room.held).get("critical", 0):
        return 0.0  # a lower lane's stream gives way
    return beyond / usable * room.answer_s if room.answer_s is not None else None


def _limits_s(room: RoomView, calls: float) -> float:
    """Until the rate limits let it go, behind those in front."""
    requests = [one for one in room.limits if one.what == "requests" and one.per_s > 0]
    return max([room.pause_s, *((calls + 1 - one.left) / one.per_s for one in requests)])
