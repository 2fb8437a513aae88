"""Verdict records as text: NDJSON, a table for people, or Markdown for a ticket."""

import io
import shutil
from typing import Protocol, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.engine import Analysed, record_line

MIN_WIDTH = 80
PIPED_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, where no terminal says how wide it is."""
LINKS = ("://", "www.", "@")


class VerdictWriter(Protocol):
    """Takes verdicts one by one."""

    def write(self, analysed: Analysed) -> None:
        """Take one."""
        ...

    def close(self) -> None:
        """No more will come."""
        ...


def as_utf8(stream: TextIO) -> None:
    """Make a text stream write UTF-8 whatever the locale says: JSON is nothing else."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


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
    """Collects, because column widths depend on every row; most urgent first, one line a row."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows: list[tuple[int, list[str]]] = []

    def write(self, analysed: Analysed) -> None:
        head, analysis = analysed.alert.head, analysed.result.analysis
        ends = " → ".join(end for end in (head.src_ip, head.dst_ip) if end)
        marks = [
            word
            for word, holds in (
                ("degraded", analysis.degraded),
                ("partial", analysis.partial),
                ("injection?", analysis.guardrails.injection_suspected),
            )
            if holds
        ]
        row = [
            analysed.result.lane,
            analysis.verdict.verdict,
            f"{analysis.verdict.confidence:.2f}",
            head.hostname or ends,
            head.title,
            " ".join((*marks, analysis.verdict.summary)),
        ]
        self._rows.append((-head.severity_id, row))

    def close(self) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
        for name, ratio in (("LANE", 0), ("VERDICT", 0), ("CONF", 0), ("WHERE", 2), ("ALERT", 3), ("WHY", 5)):
            table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=ratio or None)
        for _, row in sorted(self._rows, key=lambda item: item[0]):
            table.add_row(*(Text(cell) for cell in row))
        width = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns if self._stream.isatty() else PIPED_WIDTH
        Console(file=self._stream, markup=False, highlight=False, width=max(MIN_WIDTH, width)).print(table)
        self._stream.flush()


class _Markdown:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, analysed: Analysed) -> None:
        head, analysis = analysed.alert.head, analysed.result.analysis
        where = head.hostname or " → ".join(end for end in (head.src_ip, head.dst_ip) if end)
        about = [analysed.result.lane, *([plain(where)] if where else [])]
        lines = [
            f"## {plain(head.title or head.rule_name or 'Alert without a title')}",
            "",
            f"**{analysis.verdict.verdict}** ({analysis.verdict.confidence:.2f}, by"
            f" {plain(f'{analysis.provider}:{analysis.model}')}) · {' · '.join(about)}",
            "",
            analysis.narrative or plain(analysis.verdict.summary),
            "",
            "**Evidence.**",
            *(f"- [{e.id}] {e.finding.kind}: {plain(e.finding.text)}" for e in analysed.result.evidence),
            "",
        ]
        self._stream.write("\n".join(lines) + "\n")

    def close(self) -> None:
        self._stream.flush()


def plain(text: str) -> str:
    """Alert text inside Markdown: nothing of it may become markup, a link or HTML.

    Where it holds what renderers turn into links by themselves it becomes code, in which nothing is read.
    """
    if any(link in text for link in LINKS) and "`" not in text:
        return f"`{text}`"
    escaped = "".join(f"\\{c}" if c in "\\`*_[]<>#|!~&" else c for c in text)
    for link in LINKS:
        escaped = escaped.replace(link, link[:-1] + "\\" + link[-1])
    return escaped
