"""Figures as people read them at a glance: countdowns, ages, dollars, counts, latencies, bars."""

from collections.abc import Sequence

UNKNOWN = "—"
"""Shown for a figure that could not be read: never 0, which would claim that it was."""

_SPARKS = "▁▂▃▄▅▆▇█"
_ASCII_SPARKS = "_.-=+*##"


def countdown(seconds: float | None) -> str:
    """Time left: `0:41`, `14:20`, `1h02`, `2d04`; a breached one counts up as `-0:12`; None is —."""
    if seconds is None:
        return UNKNOWN
    sign = "-" if seconds < 0 else ""
    # A deadline in 40.2 s has 0:40 left, one missed by 0.2 s is missed: both round towards the worse.
    whole = int(-seconds) if seconds < 0 else int(seconds)
    if whole < 3600:
        return f"{sign}{whole // 60}:{whole % 60:02d}"
    hours = whole // 3600
    if hours < 24:
        return f"{sign}{hours}h{whole % 3600 // 60:02d}"
    return f"{sign}{hours // 24}d{hours % 24:02d}"


def countdown_style(seconds: float | None, sla_s: float) -> str:
    """Its style: breached below 0, soon in the last quarter of the SLA, else ok."""
    if seconds is None:
        return "muted"
    if seconds < 0:
        return "sla-breached"
    return "sla-soon" if sla_s > 0 and seconds < sla_s / 4 else "sla-ok"


def age(seconds: float | None) -> str:
    """How long ago, in the largest whole unit: `3s`, `4m`, `2h`, `5d`; None is —."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def usd(dollars: float | None) -> str:
    """Dollars: `$0`, `$0.0004`, `$0.021`, `$11.20`, `$1.2k`; None is —."""
    if dollars is None:
        return UNKNOWN
    sign, value = ("-", -dollars) if dollars < 0 else ("", dollars)
    if value == 0:
        return "$0"
    if value < 0.00005:
        return f"{sign}<$0.0001"
    if value < 0.0995:
        return f"{sign}${value:.4f}" if value < 0.00095 else f"{sign}${value:.3f}"
    return f"{sign}${value:.2f}" if value < 999.5 else f"{sign}${count(value)}"


def count(number: float | None) -> str:
    """A count in at most four characters: `220`, `1.9k`, `12k`, `3.4M`; None is —."""
    if number is None:
        return UNKNOWN
    value = float(number)
    if value < 999.5:
        return f"{value:.0f}"
    for unit in ("k", "M", "G"):
        value /= 1000
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return f"{value:.0f}G"


def rate(per_second: float | None) -> str:
    """Events a second, or a minute where they are rarer: `1.2k/s`, `14/s`, `6/min`; None is —."""
    if per_second is None:
        return UNKNOWN
    if per_second >= 1 or per_second == 0:
        return f"{count(per_second)}/s"
    return f"{count(max(1, round(per_second * 60)))}/min"


def millis(milliseconds: float | None) -> str:
    """A latency: `0.4 ms`, `41 ms`, `1.2 s`, `2:05`; None is —."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 9.95:
        text = f"{milliseconds:.1f}".removesuffix(".0")
        return f"{text} ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 99.95 else countdown(seconds)


def against(milliseconds: float | None, budget_ms: float) -> str:
    """A latency before its budget, in the budget's unit: `3/10 ms`, `1.2/2.0 s`, `—/5 ms`."""
    if budget_ms >= 1000:
        value = UNKNOWN if milliseconds is None else f"{milliseconds / 1000:.1f}"
        return f"{value}/{budget_ms / 1000:.1f} s"
    if milliseconds is None:
        value = UNKNOWN
    elif milliseconds < 9.95:
        value = f"{milliseconds:.1f}".removesuffix(".0")
    else:
        value = f"{milliseconds:.0f}" if milliseconds < 9999.5 else f"{milliseconds / 1000:.0f}k"
    return f"{value}/{budget_ms:.0f} ms"


def percent(fraction: float | None) -> str:
    """A fraction as whole per cent; None is —."""
    return UNKNOWN if fraction is None else f"{fraction * 100:.0f} %"


def sparkline(values: Sequence[float], width: int, *, top: float = 0.0, ascii_only: bool = False) -> str:
    """The last `width` values as bars, scaled to the highest of them or to `top`; padded at the left."""
    signs = _ASCII_SPARKS if ascii_only else _SPARKS
    recent = [max(0.0, value) for value in list(values)[-width:]]
    highest = max([top, *recent]) if recent else 0.0
    if highest <= 0:
        return signs[0] * width
    marks = [signs[min(7, int(value / highest * 7.999))] for value in recent]
    return signs[0] * (width - len(marks)) + "".join(marks)


def filled(fraction: float, width: int) -> int:
    """How many of `width` cells a fraction fills: at least 1 above 0, all of them only at 1."""
    if fraction <= 0 or width <= 0:
        return 0
    if fraction >= 1:
        return width
    return min(max(1, round(fraction * width)), max(1, width - 1))


def bar(fraction: float, width: int, *, full: str = "━", rest: str = "─") -> tuple[str, str]:
    """A level as its two parts, what is filled and what is not, `width` cells together."""
    cells = filled(fraction, width)
    return full * cells, rest * (width - cells)
