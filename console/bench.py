"""`watchfloor bench`: this machine's figures, each beside its peer in the same run."""

import asyncio
import json
import sys

from backend.engine import BenchError, IngestReport, bench_ingest, ingest_lines
from console.logs import log_to_stderr

FELL_SHORT = 1


def run_bench(what: str, *, kafka: str | None, records: int, rounds: int, as_json: bool) -> int:
    """Measure and print; 1 if a target was missed.

    Raises:
        BenchError: it can't be measured here.
    """
    if what not in ("ingest", "all"):
        raise BenchError(f"no benchmark '{what}'; known are ingest, all")
    if records < 1000 or rounds < 1:
        raise BenchError("--records must be at least 1000 and --rounds at least 1")
    log_to_stderr()
    report: IngestReport = asyncio.run(bench_ingest(kafka, records=records, rounds=rounds))
    if as_json:
        fields = {name: getattr(report, name) for name in report.__struct_fields__}
        sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(ingest_lines(report)) + "\n")
    return 0 if report.ratio >= report.target_ratio else FELL_SHORT
