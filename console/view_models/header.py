"""The lines around the queue: sources, models, money, lanes, stages, trouble; what an empty queue says."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from backend.api import LaneView, ModelView, Snapshot, SourceStatus, StageView
from widgets.data import LaneItem, SourceItem, StageItem
from widgets.figures import count, millis, usd
from widgets.glyphs import lane_style
from widgets.safe import Run, Shown, shown

GAP: Run = (Shown("  "), "")
DEMO_WORDS = "demonstration data, not your network"
_FOLDING = frozenset({"low", "raw"})
"""Lanes that fold alike alerts; in the others a row stands for the very same alert again alone."""
LIVE_STATES = frozenset({"live", "lagging"})


class RateMeter:
    """Records a second per source, over the last few seconds, from the counts in successive snapshots."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._seen: dict[str, list[tuple[float, int]]] = {}

    def update(self, sources: Sequence[SourceStatus], now_s: float) -> dict[str, float]:
        """Take the counts at `now_s`; the rate of each source since the window began."""
        rates: dict[str, float] = {}
        kept: dict[str, list[tuple[float, int]]] = {}
        for source in sources:
            points = [p for p in self._seen.get(source.name, []) if now_s - p[0] <= self._window_s]
            if not points or now_s - points[-1][0] >= 0.5:
                points.append((now_s, source.records))
            kept[source.name] = points
            span = now_s - points[0][0]
            rates[source.name] = max(0, source.records - points[0][1]) / span if span > 0 else 0.0
        self._seen = kept
        return rates


def short_name(name: str) -> str:
    """A source's address as it fits a status line: `kafka/alerts`, `eve.json`, `demo`."""
    scheme, separator, rest = name.partition("://")
    if not separator:
        return "demo" if name.startswith("demo:") else name
    path = rest.partition("?")[0].rstrip("/")
    last = path.rpartition("/")[2] or path
    return last if scheme == "file" else f"{scheme}/{last}"


def source_items(sources: Sequence[SourceStatus], rates: Mapping[str, float]) -> tuple[SourceItem, ...]:
    """Each source with its state, rate and, where it is known to matter, its lag."""
    return tuple(
        SourceItem(
            name=shown(short_name(source.name)),
            state=source.state,
            detail=shown(source.detail),
            per_second=rates.get(source.name),
            lag=source.lag,
            show_lag=source.kind in ("kafka", "redis", "kinesis", "file"),
        )
        for source in sources
    )


def model_runs(models: Sequence[ModelView]) -> tuple[Run, ...]:
    """Busy slots of all models, then each in trouble by name: `models 4/18  ▲ local cooling`."""
    if not models:
        return ((Shown("playbook only"), "muted"), GAP)
    busy, slots = sum(model.busy for model in models), sum(model.slots for model in models)
    style = "text" if busy else "muted"
    runs: list[Run] = [(Shown("models "), "muted"), (shown(f"{busy}/{slots}"), style), GAP]
    for model in models:
        if model.state != "ready":
            sign, style = ("▲", "warn") if model.state == "cooling" else ("■", "error")
            runs += [(shown(f"{sign} {model.name} {model.state}"), style), GAP]
    return tuple(runs)


def clock_run(wall_ms: int) -> Run:
    """The time to the minute, UTC: it changes seldom, so that an idle screen sends nothing."""
    return (shown(datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%H:%MZ")), "muted")


def lane_items(
    lanes: Sequence[LaneView], sla_s: Mapping[str, float], passed_s: float = 0.0
) -> tuple[LaneItem, ...]:
    """The lanes, their times moved on by what has passed since the snapshot was made."""
    return tuple(
        LaneItem(
            name=lane.name,
            queued=lane.queued,
            running=lane.running,
            oldest_s=None if lane.oldest_ms is None else lane.oldest_ms / 1000 + passed_s,
            breach_in_s=None if lane.breach_in_ms is None else lane.breach_in_ms / 1000 - passed_s,
            per_minute=lane.per_minute,
            sla_s=sla_s.get(lane.name, 0.0),
            note=shared_note(lane),
        )
        for lane in lanes
    )


def shared_note(lane: LaneView) -> Shown:
    """What a lane's alerts share now, in a few cells: the batch that forms, or its folds."""
    if lane.forming:
        return shown(f"batch {lane.forming}/{lane.forming_of}")
    if not lane.folds:
        return Shown("")
    if lane.name in _FOLDING:
        return shown(f"{count(lane.folds)} fold{'' if lane.folds == 1 else 's'}")
    return shown(f"{count(lane.folded)} repeat{'' if lane.folded == 1 else 's'}")


def shared_lines(lanes: Sequence[LaneView]) -> tuple[tuple[Run, ...], ...]:
    """What is batched, folded and so not asked about alert by alert, in words; nothing where all is."""
    lines: list[tuple[Run, ...]] = []
    for lane in lanes:
        name: Run = (shown(f" {lane.name:<9}"), lane_style(lane.name))
        if lane.held:
            words = f"batch {lane.forming} of {lane.forming_of} forms" if lane.forming else "batch waits"
            left = f", goes in {lane.forming_left_s} s" if lane.forming else ""
            lines.append((name, (shown(words), "text"), (shown(left), "muted")))
        if lane.folded:
            rows = f"{count(lane.folds)} row{'' if lane.folds == 1 else 's'}" if lane.folds else "closed rows"
            what = "alike folded" if lane.name in _FOLDING else "repeats"
            lines.append(
                (name, (shown(f"{count(lane.folded)} {what}"), "text"), (shown(f" on {rows}, kept"), "muted"))
            )
    return tuple(lines)


def stage_items(stages: Sequence[StageView]) -> tuple[StageItem, ...]:
    """The stages' p99 against their budgets."""
    return tuple(
        StageItem(
            name=stage.name,
            budget_ms=stage.budget_ms,
            work_p99_ms=stage.work_p99_ms,
            wait_p99_ms=stage.wait_p99_ms,
            work_p50_ms=stage.work_p50_ms,
            count=stage.count,
            trend=stage.trend,
        )
        for stage in stages
    )


def strip_aside(snapshot: Snapshot) -> tuple[Run, ...]:
    """What stands at the end of the stage strip: money saved, records set aside."""
    runs: list[Run] = []
    if snapshot.dead_letters:
        runs += [(shown(f"{count(snapshot.dead_letters)} unreadable"), "warn"), GAP]
    if snapshot.cost.saved_usd > 0:
        runs.append((shown(f"saved {usd(snapshot.cost.saved_usd)}"), "muted"))
    return tuple(runs)


def notices(snapshot: Snapshot, failed: str, limit: int) -> tuple[tuple[Run, ...], ...]:
    """The lines under the header: what failed, what is wrong and what is done about it, that it is a demo."""
    lines: list[tuple[Run, ...]] = []
    if failed:
        lines.append(((Shown("■ engine stopped  "), "error bold"), (shown(failed), "text")))
    lines += [((Shown("▲ "), "warn bold"), (shown(words), "text")) for words in snapshot.trouble]
    if len(lines) > limit:
        more = len(lines) - limit
        lines = lines[:limit]
        lines[-1] += ((shown(f"   +{more} more"), "warn"),)
    if snapshot.demo:
        tag: tuple[Run, ...] = ((Shown("DEMO"), "warn bold"), (shown(f" · {DEMO_WORDS}"), "muted"))
        lines.append(tag)
    return tuple(lines)


def coarse_age(seconds: float) -> str:
    """An age in steps coarse enough that a quiet screen hardly ever changes."""
    if seconds < 10:
        return "just now"
    if seconds < 60:
        return f"{int(seconds // 10) * 10} s ago"
    minutes = int(seconds // 60)
    return f"{minutes} min ago" if minutes < 60 else f"{minutes // 60} h ago"


def empty_lines(snapshot: Snapshot, now_ms: int) -> tuple[Run, ...]:
    """What the queue says when it shows nothing: that all is well, or why nothing is seen."""
    sources = snapshot.sources
    live = sum(1 for source in sources if source.state in LIVE_STATES)
    ended = sum(1 for source in sources if source.state == "finished")
    last = max((source.last_record_ms for source in sources), default=0)
    heard = f"last event {coarse_age(max(0, now_ms - last) / 1000)}" if last else "no event yet"
    of = f"{live} of {len(sources)} source{'' if len(sources) == 1 else 's'} live"
    if ended:
        of += f", {ended} finished"
    where: Run = (shown(f"{heard} · {of}"), "muted" if live == len(sources) else "warn")
    if snapshot.filter_text:
        others = snapshot.open_total
        words = (
            f"{count(others)} open without it · esc clears it" if others else "nothing else is open either"
        )
        return ((Shown("nothing matches the filter"), "text"), (shown(words), "muted"), where)
    if not snapshot.alerts_total:
        return ((Shown("no alert yet"), "text"), where)
    return ((Shown("queue clear"), "ok"), where)


def totals_lines(snapshot: Snapshot) -> tuple[tuple[Run, ...], ...]:
    """What happened since start: what came, what was decided, how much of it late."""
    done = sum(lane.done for lane in snapshot.lanes)
    late = sum(lane.breached for lane in snapshot.lanes)
    dead, lag = snapshot.dead_letters, snapshot.engine_lag_ms
    rows: tuple[tuple[str, str, str], ...] = (
        ("alerts", count(snapshot.alerts_total), "strong"),
        ("other events", count(snapshot.events_total), "text"),
        ("verdicts", count(done), "strong"),
        ("late for their SLA", count(late), "sla-breached" if late else "text"),
        ("read twice, known", count(snapshot.duplicates), "text"),
        ("unreadable", count(dead), "warn" if dead else "text"),
        ("engine loop lag p99", millis(lag), "warn" if lag > 100 else "text"),
    )
    return tuple(
        ((shown(f" {name:<32}"), "muted"), (shown(f"{value:>9}"), style)) for name, value, style in rows
    )
