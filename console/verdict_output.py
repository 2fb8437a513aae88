"""Verdict records as text: NDJSON, a table for people, or Markdown for a ticket."""

from typing import Protocol, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.engine import Analysed, record_line

TITLE_WIDTH = 60


class VerdictWriter(Protocol):
    """Takes verdicts one by one."""

    def write(self, analysed: Analysed) -> None:
        """Take one."""
        ...

    def close(self) -> None:
        """No more will come."""
        ...


def writer_for(output: str, stream: TextIO) -> VerdictWriter:
    """The writer for `ndjson`, `table` or `markdown`."""
    kinds: dict[str, type[_Ndjson] | type[_Table] | type[_Markdown]] = {
        "ndjson": _Ndjson,
        "table": _Table,
        "markdown": _Markdown,
    }
    return kinds[output](stream)


class _Ndjson:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, analysed: Analysed) -> None:
        self._stream.write(record_line(analysed).decode("utf-8") + "\n")

    def close(self) -> None:
        self._stream.flush()


class _Table:
    """Collects, because column widths depend on every row; most urgent first."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows: list[tuple[int, list[str]]] = []

    def write(self, analysed: Analysed) -> None:
        head, verdict = analysed.alert.head, analysed.result.analysis.verdict
        ends = " → ".join(end for end in (head.src_ip, head.dst_ip) if end)
        place = head.hostname or ends
        row = [
            analysed.result.lane,
            head.title[:TITLE_WIDTH],
            place,
            verdict.verdict,
            f"{verdict.confidence:.2f}",
            verdict.summary,
        ]
        self._rows.append((-head.severity_id, row))

    def close(self) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("LANE", "ALERT", "WHERE", "VERDICT", "CONF", "SUMMARY"):
            table.add_column(name, overflow="fold" if name == "SUMMARY" else "ellipsis")
        for _, row in sorted(self._rows, key=lambda item: item[0]):
            table.add_row(*(Text(cell) for cell in row))
        Console(file=self._stream, markup=False, highlight=False).print(table)
        self._stream.flush()


class _Markdown:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, analysed: Analysed) -> None:
        head, analysis = analysed.alert.head, analysed.result.analysis
        lines = [
            f"## {_plain(head.title)}",
            "",
            f"**{analysis.verdict.verdict}** ({analysis.verdict.confidence:.2f}, by"
            f" {analysis.provider}:{analysis.model}) · {analysed.result.lane} · {_plain(head.hostname)}",
            "",
            analysis.narrative or analysis.verdict.summary,
            "",
            *(f"- {e.id} ({e.finding.kind}) {_plain(e.finding.text)}" for e in analysed.result.evidence),
            "",
        ]
        self._stream.write("\n".join(lines) + "\n")

    def close(self) -> None:
        self._stream.flush()


def _plain(text: str) -> str:
    """Alert text inside Markdown: nothing of it may become markup or a link."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|!" else c for c in text)
