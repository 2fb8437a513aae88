"""`watchfloor doctor`: every check on a line of its own, and what to do below it."""

import asyncio
import json
import logging
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from backend.engine import Check, Settings, SettingsError, load_settings, run_doctor
from console.logs import log_to_stderr
from console.verdict_output import as_utf8

FAILED = 1
_MARKS = {"ok": "✓", "warn": "!", "failed": "✗"}
_COLOURS = {"ok": "32", "warn": "33", "failed": "31"}
"""ANSI colours of the marks, on a terminal; the marks differ without them."""
_WIDTH = 12
"""Column of the step's word."""
_INDENT = " " * (4 + _WIDTH)


def run_doctor_command(
    config: Path | None,
    sources: tuple[str, ...],
    model: str | None = None,
    base_url: str | None = None,
    *,
    spend: bool = True,
    as_json: bool,
) -> int:
    """Check, and write each check as it comes; 1 if any failed. Without `spend`, nothing that costs money.

    Raises:
        SettingsError: the configuration can't be used at all; with `as_json` it is written as a check too.
    """
    log_to_stderr()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it logs is what the checks say
    as_utf8(sys.stdout)
    try:
        settings = load_settings(config, sources, model, base_url)
    except SettingsError as error:
        if as_json:
            found, _, mend = str(error).partition("; ")
            _write(_json("config", "file", "failed", found, mend))
        raise
    return asyncio.run(_run(settings, config, spend=spend, as_json=as_json))


async def _run(settings: Settings, config: Path | None, *, spend: bool, as_json: bool) -> int:
    counted: Counter[str] = Counter()
    subject = ""
    async for check in run_doctor(settings, config_file=config, spend=spend):
        counted[check.state] += 1
        if as_json:
            _write(
                _json(check.subject, check.check, check.state, check.found, check.mend, figure=check.figure)
            )
            continue
        if check.subject != subject:
            subject = check.subject
            _write(subject)
        for line in check_lines(check, _columns(), colour=sys.stdout.isatty()):
            _write(line)
    if not as_json:
        _write(_summary(counted))
    return FAILED if counted["failed"] else 0


def check_lines(check: Check, columns: int | None, *, colour: bool) -> Iterator[str]:
    """A check as text: mark, step and what was found, aligned; what to do below it.

    `columns` is the terminal's width, None where nothing is to be wrapped: in a pipe a check is one line.
    """
    mark = _MARKS[check.state]
    if colour:
        mark = f"\x1b[{_COLOURS[check.state]}m{mark}\x1b[0m"
    found = _wrapped(check.found, columns)
    yield f"  {mark} {check.check:<{_WIDTH}}{found[0]}"
    for rest in found[1:]:
        yield f"{_INDENT}{rest}"
    if check.mend:
        first, *more = _wrapped(f"→ {check.mend}", columns)
        yield f"{_INDENT}{first}"
        for rest in more:
            yield f"{_INDENT}  {rest}"


def _wrapped(text: str, columns: int | None) -> list[str]:
    if columns is None:
        return [text]
    room = max(20, columns - len(_INDENT) - 2)
    return textwrap.wrap(text, room, break_on_hyphens=False) or [""]


def _columns() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _summary(counted: Counter[str]) -> str:
    total = counted.total()
    words = [f"{total} check{'' if total == 1 else 's'}"]
    if counted["warn"]:
        words.append(f"{counted['warn']} warning{'' if counted['warn'] == 1 else 's'}")
    words.append(f"{counted['failed']} failed" if counted["failed"] else "none failed")
    return ", ".join(words)


def _json(
    subject: str, check: str, state: str, found: str, mend: str, *, figure: tuple[float, str] | None = None
) -> str:
    fields: dict[str, object] = {
        "subject": subject,
        "check": check,
        "state": state,
        "found": found,
        "mend": mend,
    }
    if figure is not None:
        fields |= {"value": figure[0], "unit": figure[1]}
    return json.dumps(fields, ensure_ascii=False)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # a check that takes its time must not hide the ones before it
