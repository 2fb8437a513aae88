"""`watchfloor export`: the journal's records on standard output."""

import json
import sys

from backend.engine import Settings, export_dead_letters, export_records, to_csv, waiting
from console.since import since_ms
from console.verdict_output import as_utf8


def run_export(settings: Settings, since: str, output: str, *, dead_letters: bool) -> int:
    """Write the records; what still waits for its verdict is counted on standard error."""
    start = since_ms(since)
    as_utf8(sys.stdout)
    write = sys.stdout.write
    if dead_letters:
        for letter in export_dead_letters(settings, start):
            write(json.dumps(letter, ensure_ascii=False) + "\n")
    elif output == "csv":
        write(to_csv(None))
        for record in export_records(settings, start):
            write(to_csv(record))
    else:
        for record in export_records(settings, start):
            write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    left = waiting(settings)
    if left and not dead_letters:
        wait = "alert still waits for its" if left == 1 else "alerts still wait for their"
        sys.stderr.write(f"{left} {wait} verdict, not among these\n")
    return 0
