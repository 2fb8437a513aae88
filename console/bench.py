"""`watchfloor bench`: this machine's figures, each beside its peer in the same run."""

import asyncio
import json
import sys

from backend.engine import BenchError, IngestReport, bench_ingest, ingest_lines
from console.bench_screen import ScreenReport, bench_screen, screen_lines
from console.logs import log_to_stderr

FELL_SHORT = 1
KNOWN = ("ingest", "screen", "all")


def run_bench(what: str, *, kafka: str | None, records: int, rounds: int, as_json: bool) -> int:
    """Measure and print; 1 if a target was missed.

    Raises:
        BenchError: it can't be measured here.
    """
    if what not in KNOWN:
        raise BenchError(f"no benchmark '{what}'; known are {', '.join(KNOWN)}")
    if records < 1000 or rounds < 1:
        raise BenchError("--records must be at least 1000 and --rounds at least 1")
    log_to_stderr()
    met = True
    if what in ("ingest", "all"):
        report = asyncio.run(bench_ingest(kafka, records=records, rounds=rounds))
        _print(report, ingest_lines(report), as_json)
        met = report.ratio >= report.target_ratio and report.latency_p99_ms <= report.latency_target_ms
    if what in ("screen", "all"):
        screen = asyncio.run(bench_screen(kafka, records=records, rounds=rounds))
        _print(screen, screen_lines(screen), as_json)
        met = met and screen.ratio >= screen.target_ratio
    return 0 if met else FELL_SHORT


def _print(report: IngestReport | ScreenReport, lines: list[str], as_json: bool) -> None:
    if as_json:
        fields = {name: getattr(report, name) for name in report.__struct_fields__}
        sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
