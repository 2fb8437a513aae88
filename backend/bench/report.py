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


def ingest_lines(report: IngestReport) -> list[str]:
    """The report for people."""
    verdict = "reached" if report.ratio >= report.target_ratio else "not reached"
    return [
        f"ingest   {report.records:,} EVE alerts of {report.record_bytes} bytes, median of {report.rounds}",
        f"  peer        {report.peer_per_s:>9,.0f}/s  {report.peer}",
        f"  watchfloor  {report.watchfloor_per_s:>9,.0f}/s  {report.watchfloor}",
        f"  ratio       {report.ratio:>9.2f}    target {report.target_ratio}: {verdict}",
        f"  p99 work    ingest {report.ingest_work_p99_ms:.3f} of {report.ingest_budget_ms:g} ms,"
        f" route {report.route_work_p99_ms:.3f} of {report.route_budget_ms:g} ms per alert",
        f"  stored {report.stored:,}, duplicates {report.duplicates}",
    ]
