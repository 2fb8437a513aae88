"""What the measurement of streams gives."""

import msgspec

FIRST_TARGET_MS = 5.0
"""The first token may come so much later than from the bare SDK, at p99."""
CPU_TARGET = 2.0
"""CPU a token, as a multiple of the bare SDK's own."""
RATE_TARGET = 0.99
"""Received over sent: what is lost to a hundredth is the timers' own jitter at the ends of a stream."""


class FirstToken(msgspec.Struct, frozen=True):
    """Milliseconds from the beginning of a call, on both sides by turns."""

    tokens_per_s: int
    """At which the server writes; 0 is as fast as the socket takes it."""
    calls: int
    """On each side."""
    bare_p50_ms: float
    bare_p99_ms: float
    ours_p50_ms: float
    ours_p99_ms: float
    later_p99_ms: float
    """Ours at p99 less the bare SDK's at p99 …"""
    words_later_p99_ms: float
    """… and the same for the first words that can be read in the transcript."""


class VendorFigures(msgspec.Struct, frozen=True):
    """One vendor's stream through the whole analysis path, beside its bare SDK."""

    provider: str
    sdk: str
    """Name and version of the peer."""
    calls: int
    tokens: int
    """In each answer."""
    received: int
    """Answers that came whole and word for word, of both sides."""
    bare_us: float
    """CPU microseconds a token at full speed."""
    ours_us: float
    ratio: float
    first: tuple[FirstToken, ...]


class ManyFigures(msgspec.Struct, frozen=True):
    """Many streams at once on one engine."""

    streams: int
    tokens: int
    tokens_per_s: int
    whole: int
    """Streams whose answer came whole."""
    worst_ratio: float
    """Rate received over rate sent, of the slowest stream …"""
    worst_stream: int
    """… and which that was."""
    median_ratio: float
    loop_lag_p99_ms: float
    """Of the engine's loop meanwhile."""


class StreamReport(msgspec.Struct, frozen=True):
    """One run's figures."""

    bench: str
    vendors: tuple[VendorFigures, ...]
    many: ManyFigures
    first_target_ms: float = FIRST_TARGET_MS
    cpu_target: float = CPU_TARGET
    rate_target: float = RATE_TARGET

    @property
    def met(self) -> bool:
        """Whether every target was reached."""
        first = all(
            one.later_p99_ms <= self.first_target_ms for vendor in self.vendors for one in vendor.first
        )
        cpu = all(vendor.ratio <= self.cpu_target for vendor in self.vendors)
        return first and cpu and self.many.whole == self.many.streams and self._kept_up

    @property
    def _kept_up(self) -> bool:
        return self.many.worst_ratio >= self.rate_target


def stream_lines(report: StreamReport) -> list[str]:
    """The report for people."""
    lines: list[str] = []
    for vendor in report.vendors:
        lines += _vendor_lines(vendor, report)
    many = report.many
    reached = "reached" if report._kept_up and many.whole == many.streams else "not reached"
    return [
        *lines,
        f"streams  {many.streams} at once on one engine, {many.tokens} tokens each at {many.tokens_per_s}/s",
        f"  received    worst {many.worst_ratio:.3f} of what was sent (stream {many.worst_stream}),"
        f" median {many.median_ratio:.3f}    target {report.rate_target:g}: {reached}",
        f"  whole       {many.whole} of {many.streams}, engine's loop lag p99 {many.loop_lag_p99_ms:.1f} ms",
    ]


def _vendor_lines(vendor: VendorFigures, report: StreamReport) -> list[str]:
    cpu = "reached" if vendor.ratio <= report.cpu_target else "not reached"
    lines = [
        f"stream   {vendor.provider}: {vendor.calls} calls of {vendor.tokens} tokens a side,"
        f" {vendor.received} whole; peer {vendor.sdk}",
        f"  CPU         {vendor.ours_us:.1f} µs a token, bare SDK {vendor.bare_us:.1f},"
        f" ratio {vendor.ratio:.2f}    target {report.cpu_target:g}: {cpu}",
    ]
    for one in vendor.first:
        speed = f"{one.tokens_per_s} tokens/s" if one.tokens_per_s else "full speed"
        first = "reached" if one.later_p99_ms <= report.first_target_ms else "not reached"
        lines.append(
            f"  first token p99 {one.ours_p99_ms:.1f} ms, bare {one.bare_p99_ms:.1f}, at {speed}:"
            f" {one.later_p99_ms:+.1f} ms ({one.words_later_p99_ms:+.1f} to the first words)"
            f"    target {report.first_target_ms:g}: {first}"
        )
    return lines
