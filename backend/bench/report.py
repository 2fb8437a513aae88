"""What a measurement gives."""

import msgspec


class BenchError(Exception):
    """The measurement can't be made; the message says what is missing, in one line."""


class IngestReport(msgspec.Struct, frozen=True):
    """One run's figures; rates are records a second, the median of the rounds."""

    bench: str
    records: int
    record_bytes: int
    rounds: int
    peer: str
    peer_per_s: float
    faststream_per_s: float | None
    """FastStream's batched subscriber, which stores nothing; None where it is not installed. One round."""
    watchfloor: str
    watchfloor_per_s: float
    ratio: float
    """watchfloor's rate over the peer's."""
    target_ratio: float
    duplicates: int
    stored: int
    ingest_work_p99_ms: float
    ingest_budget_ms: float
    route_work_p99_ms: float
    route_budget_ms: float
    rss_start_mb: float
    """Resident memory, megabytes, when a tenth was stored …"""
    rss_end_mb: float
    """… and when all was."""
    latency_rate_per_s: int
    latency_counted: int
    latency_p50_ms: float
    """From the moment an alert is sent to the commit that holds it."""
    latency_p99_ms: float
    latency_target_ms: float

    @property
    def met(self) -> bool:
        """Whether rate and latency reached their targets."""
        return self.ratio >= self.target_ratio and self.latency_p99_ms <= self.latency_target_ms


def ingest_lines(report: IngestReport) -> list[str]:
    """The report for people."""
    verdict = "reached" if report.ratio >= report.target_ratio else "not reached"
    return [
        f"ingest   {report.records:,} EVE alerts of {report.record_bytes} bytes, median of {report.rounds}",
        f"  peer        {report.peer_per_s:>9,.0f}/s  {report.peer}",
        f"  watchfloor  {report.watchfloor_per_s:>9,.0f}/s  {report.watchfloor}",
        *_framework(report),
        f"  ratio       {report.ratio:>9.2f}    target {report.target_ratio}: {verdict}",
        f"  p99 work    ingest {report.ingest_work_p99_ms:.3f} of {report.ingest_budget_ms:g} ms,"
        f" route {report.route_work_p99_ms:.3f} of {report.route_budget_ms:g} ms per alert",
        f"  latency     p50 {report.latency_p50_ms:g} ms, p99 {report.latency_p99_ms:g} of"
        f" {report.latency_target_ms:g} ms from broker to journal at {report.latency_rate_per_s:,}/s",
        f"  memory      {report.rss_start_mb:.0f} MB after a tenth, {report.rss_end_mb:.0f} MB at the end",
        f"  stored {report.stored:,}, duplicates {report.duplicates}",
    ]


def _framework(report: IngestReport) -> list[str]:
    if report.faststream_per_s is None:
        return ["  FastStream  not installed, not measured"]
    return [f"  FastStream  {report.faststream_per_s:>9,.0f}/s  batched subscriber, nothing stored"]
