"""What the scheduler says of the alerts of the scene."""

from backend.api import AheadView, LimitView, OrderView, RoomView
from tests.support.scene_rows import NOW_MS, safe

BEST = RoomView(
    name="best",
    state="ready",
    detail="",
    slots=8,
    busy=7,
    kept=1,
    held=(("critical", 2), ("high", 4), ("made up", 1)),
    waiting=3,
    limits=(
        LimitView("requests", "vendor", 4, 50, 50 / 60),
        LimitView("tokens", "config", 31_000, 40_000, 40_000 / 60),
    ),
    pause_s=0.0,
    answer_s=4.2,
)
FAST = RoomView(
    name="fast",
    state="ready",
    detail="",
    slots=8,
    busy=1,
    kept=1,
    held=(("medium", 1),),
    waiting=0,
    limits=(),
    pause_s=0.0,
    answer_s=1.4,
)
LOCAL = RoomView(
    name="local",
    state="cooling",
    detail="refused 5 of 5 calls; next try in 20 s",
    slots=2,
    busy=0,
    kept=1,
    held=(),
    waiting=0,
    limits=(),
    pause_s=0.0,
    answer_s=None,
)

CRITICAL = OrderView(
    alert_id=2,
    standing="waits",
    lane="critical",
    now_ms=NOW_MS,
    came_ms=NOW_MS - 8_000,
    deadline_ms=NOW_MS + 52_000,
    place=2,
    of=3,
    ahead=(
        AheadView("high", 1, "asked", safe("LSASS read by rundll32")),
        AheadView("critical", 1, "sooner", safe("Cobalt Strike beacon"), NOW_MS + 41_000),
    ),
    rooms=(BEST, FAST, LOCAL),
    starts_in_s=0.0,
)
HIGH = OrderView(
    alert_id=4,
    standing="waits",
    lane="high",
    now_ms=NOW_MS,
    came_ms=NOW_MS - 58_000,
    deadline_ms=NOW_MS + 242_000,
    place=12,
    of=14,
    ahead=(
        AheadView("high", 1, "asked", safe("LSASS memory read by rundll32")),
        AheadView("critical", 1, "lane", safe("New admin from unknown ASN"), NOW_MS + 52_000),
        AheadView("medium", 2, "pressing", safe("Outbound SMB blocked"), NOW_MS + 31_000),
        AheadView("high", 11, "sooner", safe("DNS tunnelling to young domain"), NOW_MS - 30_000),
    ),
    admitted=False,
    rooms=(BEST, FAST, LOCAL),
    starts_in_s=74.0,
    preempted=1,
)
