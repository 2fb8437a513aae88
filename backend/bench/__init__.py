"""Measuring this machine: every figure beside its peer or limit in the same run, as a ratio."""

from backend.bench.report import BenchError, IngestReport, ingest_lines

__all__ = ["BenchError", "IngestReport", "bench_ingest", "ingest_lines"]


async def bench_ingest(kafka: str | None, *, records: int, rounds: int) -> IngestReport:
    """Measure ingest with the broker at `kafka`, or with a packaged one that is started for it.

    Raises:
        BenchError: there is no broker to measure with.
    """
    from backend.bench.broker import packaged_broker
    from backend.bench.ingest import run

    if kafka is not None:
        return await run(kafka, records=records, rounds=rounds)
    async with packaged_broker() as bootstrap:
        return await run(bootstrap, records=records, rounds=rounds)
