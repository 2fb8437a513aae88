"""Queue rows: which columns each layout has, and the cell of each."""

from collections.abc import Callable, Mapping

from backend.api import Row
from widgets.data import Cell, Column, RowData, Tone
from widgets.figures import age, count, countdown, countdown_style, usd
from widgets.glyphs import (
    guard_glyph,
    guard_style,
    severity_label,
    severity_style,
    state_style,
    state_word,
    verdict_glyph,
    verdict_short,
    verdict_style,
)
from widgets.safe import Run, Shown, shown

ARROW = " → "
BLANK = Cell(Shown(""))


class QueueContext:
    """What a cell needs besides its row: the time, and each lane's SLA for the countdown's colour."""

    __slots__ = ("now_ms", "sla_s")

    def __init__(self, now_ms: int = 0, sla_s: Mapping[str, float] | None = None) -> None:
        self.now_ms = now_ms
        self.sla_s = dict(sla_s or {})


TIMES = "\N{MULTIPLICATION SIGN}"
"""Before the number of alerts that a row stands for."""


def took(ms: float) -> str:
    """How long a verdict took, in at most six cells: `43ms`, `2.1s`, `1:41`."""
    if ms < 950:
        return f"{ms:.0f}ms"
    return f"{ms / 1000:.1f}s" if ms < 59_950 else countdown(ms / 1000)


def sla_cell(row: Row, context: QueueContext) -> Cell:
    """Time left to the deadline; once there is a verdict, how long it took and whether that met the SLA."""
    if row.verdict_ms:
        taken = took(max(0, row.verdict_ms - row.received_ms))
        if row.sla_met is False:
            return Cell(shown(f"✗ {taken}"), "sla-breached")
        return Cell(shown(f"✓ {taken}"), "sla-ok" if row.sla_met else "muted")
    if not row.deadline_ms or row.state == "closed":
        return Cell(Shown("·"), "faint")
    left = (row.deadline_ms - context.now_ms) / 1000
    return Cell(shown(countdown(left)), countdown_style(left, context.sla_s.get(row.lane, 0.0)))


def severity_cell(row: Row, context: QueueContext) -> Cell:
    """Glyph and word."""
    style = severity_style(row.severity_id)
    weight = " bold" if row.severity_id >= 5 else ""
    return Cell(shown(severity_label(row.severity_id)), style + weight)


def age_cell(row: Row, context: QueueContext) -> Cell:
    """Since it was received."""
    return Cell(shown(age(max(0.0, (context.now_ms - row.received_ms) / 1000))), "muted")


def title_of(row: Row) -> Shown:
    """The alert's title, or the best that stands for one."""
    head = row.head
    return shown(head.title or head.rule_name or head.rule_uid or head.format)


def guard_findings(row: Row) -> tuple[str, ...]:
    """What the checks have to say of a row, the gravest first."""
    found = (
        ("injection", row.injection),
        ("struck", row.struck > 0),
        ("withheld", row.withheld > 0),
        ("closed", row.closed_by_machine),
    )
    return tuple(name for name, there in found if there)


def title_cell(row: Row, context: QueueContext) -> Cell:
    """What checks found and how many it stands for, which no long title may hide; the title; more marks."""
    extra: list[Run] = []
    if row.promoted:
        extra.append((shown(f" ▲ {row.promoted.partition(':')[0]}"), "warn"))
    if row.has_note:
        extra.append((Shown(" ✎"), "accent"))
    if row.degraded or row.partial:
        extra.append((Shown(" later" if row.owed else " ~"), "warn"))
    style = "strong" if row.state not in ("closed", "triaged") else "text"
    runs: list[Run] = [(shown(guard_glyph(one)), f"{guard_style(one)} bold") for one in guard_findings(row)]
    if runs:
        runs.append((Shown(" "), ""))
    if row.owed:
        runs.append((Shown("~ "), "warn"))  # in front: a long title hides the word behind it
    if row.count > 1:
        runs.append((shown(f"{TIMES}{count(row.count)} "), "accent bold"))
    runs += [(title_of(row), style), *extra]
    return Cell(*runs[0], tuple(runs[1:]))


def flow_cell(row: Row, context: QueueContext) -> Cell:
    """Who acts on whom: addresses, else user and host."""
    head = row.head
    if head.src_ip and head.dst_ip:
        return Cell(shown(head.src_ip), "text", ((Shown(ARROW), "faint"), (shown(head.dst_ip), "text")))
    if head.user and head.hostname:
        return Cell(shown(head.user), "text", ((Shown(" on "), "faint"), (short_host(head.hostname), "text")))
    one = head.src_ip or head.user or short_host(head.hostname) or head.dst_ip
    return Cell(shown(one), "text") if one else BLANK


def short_host(name: str) -> Shown:
    """A host without its domain, which in a queue is nearly always the same; addresses stay whole."""
    label, dot, rest = name.partition(".")
    return shown(label if dot and not rest.replace(".", "").isdigit() else name)


def host_cell(row: Row, context: QueueContext) -> Cell:
    """The host it happened on."""
    return Cell(short_host(row.head.hostname), "muted")


def state_cell(row: Row, context: QueueContext) -> Cell:
    """Where it stands in the pipeline or with a person."""
    return Cell(shown(state_word(row.state)), state_style(row.state))


def _waiting(row: Row) -> Cell:
    """What stands in a verdict's place while there is none."""
    return Cell(shown(state_word(row.state)), state_style(row.state))


def short_verdict_cell(row: Row, context: QueueContext) -> Cell:
    """The verdict in two or three letters with its confidence."""
    if not row.verdict:
        return _waiting(row)
    text = f"{verdict_glyph(row.verdict)} {verdict_short(row.verdict)}"
    weight = " bold" if row.verdict == "True Positive" else ""
    note: Run = (Shown(" ✓"), "muted") if row.decided_by else (shown(f" {row.confidence:.2f}"), "muted")
    return Cell(shown(text), verdict_style(row.verdict) + weight, (note,))


def verdict_cell(row: Row, context: QueueContext) -> Cell:
    """The same beside a column that tells the state: nothing until there is a verdict."""
    return short_verdict_cell(row, context) if row.verdict else Cell(Shown("·"), "faint")


def cost_cell(row: Row, context: QueueContext) -> Cell:
    """Dollars spent on it so far."""
    return Cell(shown(usd(row.cost_usd)), "muted") if row.cost_usd > 0 or row.verdict_ms else BLANK


CELLS: dict[str, Callable[[Row, QueueContext], Cell]] = {
    "sla": sla_cell,
    "severity": severity_cell,
    "age": age_cell,
    "title": title_cell,
    "flow": flow_cell,
    "host": host_cell,
    "state": state_cell,
    "short_verdict": short_verdict_cell,
    "verdict": verdict_cell,
    "cost": cost_cell,
}

_SLA = Column("sla", Shown("SLA"), 7, align="right")
_SEVERITY = Column("severity", Shown("SEV"), 6)
_FLOW = Shown("SOURCE → DESTINATION")

LAYOUTS: dict[str, tuple[Column, ...]] = {
    "narrow": (
        _SLA,
        _SEVERITY,
        Column("title", Shown("ALERT"), 20, flex=5),
        Column("flow", Shown("SRC → DST / HOST"), 16, flex=1, priority=1),
        Column("short_verdict", Shown("VERDICT"), 10),
    ),
    "wide": (
        _SLA,
        _SEVERITY,
        Column("age", Shown("AGE"), 3, priority=3, align="right"),
        Column("title", Shown("ALERT"), 20, flex=6),
        Column("flow", Shown("SRC → DST"), 14, flex=1, priority=2),
        Column("short_verdict", Shown("VERDICT"), 10),
        Column("cost", Shown("COST"), 7, priority=4, align="right", from_width=80),
    ),
    "ultra": (
        _SLA,
        _SEVERITY,
        Column("age", Shown("AGE"), 3, priority=3, align="right"),
        Column("title", Shown("ALERT"), 26, flex=4),
        Column("flow", _FLOW, 20, flex=1, priority=2),
        Column("host", Shown("HOST"), 10, flex=1, priority=6),
        Column("state", Shown("STATE"), 7, priority=5),
        Column("verdict", Shown("VERDICT"), 10),
        Column("cost", Shown("COST"), 7, priority=4, align="right"),
    ),
}
"""The columns of each layout of the main screen."""


def tone_of(row: Row, context: QueueContext) -> Tone:
    """How a whole row is set apart: owed too late, or done with."""
    if row.state == "closed":
        return "dim"
    if row.deadline_ms and not row.verdict_ms and row.deadline_ms < context.now_ms:
        return "breached"
    return ""


def row_data(row: Row, columns: tuple[Column, ...], context: QueueContext) -> RowData:
    """One queue row for a table with these columns."""
    cells = tuple(CELLS[column.key](row, context) for column in columns)
    return RowData(row.id, cells, tone_of(row, context))
