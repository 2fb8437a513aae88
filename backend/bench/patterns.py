"""How many raw lines a minute one core mines, by CPU time, and whether memory stays flat while it does."""

import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from backend.alerts.model import ParsedEvent
from backend.alerts.recognise import Parser
from backend.patterns.event import Event
from backend.patterns.findings import MinerLimits
from backend.patterns.lines import line_of
from backend.patterns.mining import Miner

TARGET_PER_MINUTE = 1_000_000
"""Lines mined a minute on one core."""
RATE_PER_MS = 17
"""Lines a millisecond of the clock that the miner is told: the target's rate."""
MAX_GROWTH = 0.15
"""Flat memory: all templates that may be known fit in it, and Python's allocator rounds up."""
BATCH = 10_000
START_MS = 1_767_322_800_000

_PROGRAMS = (
    "sshd",
    "sudo",
    "systemd",
    "kernel",
    "cron",
    "postfix/smtpd",
    "nginx",
    "dockerd",
    "named",
    "dhcpd",
)
_VERBS = (
    "started",
    "stopped",
    "accepted",
    "refused",
    "opened",
    "closed",
    "reloaded",
    "flushed",
    "joined",
    "left",
)
_NOUNS = (
    "session",
    "connection",
    "service",
    "zone",
    "lease",
    "container",
    "mount",
    "socket",
    "query",
    "worker",
)


class PatternsReport(msgspec.Struct, frozen=True):
    """One run's figures. CPU seconds are of the process: reading the line, its header, and mining it."""

    bench: str
    lines: int
    parse_cpu_s: float
    """Recognising and counting the line, which intake does anyway."""
    mine_cpu_s: float
    lines_per_minute: int
    """Mined, by CPU time."""
    target_per_minute: int
    ratio: float
    templates: int
    new: int
    rss_half_mb: float
    """Memory of the process half way …"""
    rss_end_mb: float
    """… and at the end."""
    target_growth: float = MAX_GROWTH

    @property
    def growth(self) -> float:
        """Of memory over the second half, as a share of what it was half way."""
        return self.rss_end_mb / self.rss_half_mb - 1

    @property
    def met(self) -> bool:
        """Whether lines were mined fast enough in memory that stayed flat."""
        return self.lines_per_minute >= self.target_per_minute and self.growth <= self.target_growth


def raw_lines(count: int, *, seed: int = 7, strange: float = 0.01) -> Iterator[bytes]:
    """`count` syslog lines of about 1,000 patterns; of `strange` of them no word was ever seen before."""
    rng = random.Random(seed)  # noqa: S311 - load, not secrets
    for number in range(count):
        program = _PROGRAMS[rng.randrange(10)]
        verb, noun, other = (words[rng.randrange(10)] for words in (_VERBS, _NOUNS, _NOUNS))
        if rng.random() < strange:
            verb, noun, other = (f"{rng.randbytes(6).hex()}".translate(_LETTERS) for _ in range(3))
        yield (
            f"<86>Jan  2 03:04:{number % 60:02d} host-{number % 40:02d} {program}[{rng.randrange(30_000)}]: "
            f"{verb} {noun} for {other} from 10.0.{rng.randrange(256)}.{rng.randrange(256)} "
            f"port {rng.randrange(65_536)} id={rng.randbytes(4).hex()} took {rng.randrange(900)} ms"
        ).encode()


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def run(lines: int = 1_000_000, *, limits: MinerLimits | None = None) -> PatternsReport:
    """Mine `lines` lines in this thread; takes about a quarter of a minute a million."""
    parser = Parser()
    miner = Miner(limits or MinerLimits(learn_ms=0))
    parse_s = mine_s = 0.0
    found = 0
    rss_half = 0.0
    source = raw_lines(lines)
    for start in range(0, lines, BATCH):
        batch = list(islice(source, BATCH))
        now_ms = START_MS + start // RATE_PER_MS
        began = time.process_time()
        parsed = [(line, item) for line in batch for item in parser.parse(line, now_ms)]
        between = time.process_time()
        for line, item in parsed:
            if isinstance(item, ParsedEvent):
                kind, text = line_of(Event(item.format, item.kind, item.raw or line))
                found += miner.add("bench", kind, text, now_ms) is not None
        found += len(miner.settled(now_ms))
        ended = time.process_time()
        parse_s += between - began
        mine_s += ended - between
        if start <= lines // 2:
            rss_half = _rss_mb()
    per_minute = round(miner.lines / mine_s * 60) if mine_s else 0
    return PatternsReport(
        bench="patterns",
        lines=miner.lines,
        parse_cpu_s=round(parse_s, 2),
        mine_cpu_s=round(mine_s, 2),
        lines_per_minute=per_minute,
        target_per_minute=TARGET_PER_MINUTE,
        ratio=round(per_minute / TARGET_PER_MINUTE, 2),
        templates=miner.known,
        new=found,
        rss_half_mb=round(rss_half, 1),
        rss_end_mb=round(_rss_mb(), 1),
    )


def patterns_lines(report: PatternsReport) -> list[str]:
    """The report in words."""
    fast = "reached" if report.lines_per_minute >= report.target_per_minute else "not reached"
    flat = "reached" if report.growth <= report.target_growth else "not reached"
    return [
        f"patterns {report.lines:,} raw lines on one core, by CPU time",
        f"  mined       {report.lines_per_minute:>9,} a minute, {report.mine_cpu_s:g} s in all"
        f"    target {report.target_per_minute:,}: {fast}",
        f"  intake      {report.parse_cpu_s:g} s besides, to recognise and count them",
        f"  known       {report.templates:,} patterns at the end, {report.new:,} told as new",
        f"  memory      {report.rss_half_mb:.0f} MB half way, {report.rss_end_mb:.0f} MB at the end,"
        f" {report.growth:+.0%}    target {report.target_growth:+.0%}: {flat}",
    ]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6
