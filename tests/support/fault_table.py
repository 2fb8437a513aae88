"""Plays every fault of a model over every vendor's wire and prints what came of each, as Markdown.

    python -m tests.support.fault_table [streams] [answers] [crowds]

Without a name all three tables are printed. Ends with 1 where a cell is not as it must be; that cell says
what is wrong.
"""

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path

import structlog

from backend.analysis.ladder import Ladder
from backend.providers.registry import warm
from tests.integration.providers.asking import VENDORS
from tests.support.faults.answers import ANSWER_FAULTS
from tests.support.faults.cells import play_stream, wrong_stream
from tests.support.faults.crowds import CROWD_FAULTS
from tests.support.faults.listed import absent
from tests.support.faults.streams import STREAM_FAULTS
from tests.support.faults.triage import play_answer, wrong_answer
from tests.support.vendors.bedrock import ENVIRONMENT, FOREIGN

NONE = "\N{EN DASH}"
Cell = tuple[str, str]
"""What a cell shows, and what is wrong with it; empty where nothing is."""
Play = Callable[[str, str], Awaitable[Cell]]
"""Plays one row over one vendor's wire."""


async def stream_cell(vendor: str, name: str) -> Cell:
    """One fault of one call."""
    fault = STREAM_FAULTS[name]
    if vendor in fault.none:
        return NONE, ""
    cell = await play_stream(vendor, fault)
    return cell.words, wrong_stream(vendor, fault, cell)


async def answer_cell(vendor: str, name: str) -> Cell:
    """One fault through the whole engine."""
    fault = ANSWER_FAULTS[name]
    if vendor in fault.none:
        return NONE, ""
    with tempfile.TemporaryDirectory() as folder:
        cell = await play_answer(vendor, fault, Path(folder))
    return cell.words, wrong_answer(vendor, fault, cell)


async def crowd_cell(vendor: str, name: str) -> Cell:
    """One fault of many alerts."""
    with tempfile.TemporaryDirectory() as folder:
        cell = await CROWD_FAULTS[name](vendor, Path(folder))
    return cell.words, cell.wrong


TABLES: dict[str, tuple[str, Iterable[str], Play]] = {
    "streams": ("One call: its outcome, and when it came", STREAM_FAULTS, stream_cell),
    "answers": ("One alert: whose verdict, and what the analysis took", ANSWER_FAULTS, answer_cell),
    "crowds": ("Many alerts", CROWD_FAULTS, crowd_cell),
}


async def rows_of(names: Iterable[str], play: Play) -> dict[str, dict[str, Cell]]:
    """Every row's cell for every vendor; one that can't be played says why."""
    rows: dict[str, dict[str, Cell]] = {}
    for name in names:
        rows[name] = {}
        for vendor in VENDORS:
            try:
                rows[name][vendor] = await play(vendor, name)
            except Exception as exc:  # noqa: BLE001 - a cell that can't be played is shown, not the table's end
                rows[name][vendor] = "", f"{type(exc).__name__}: {exc}"
    return rows


def reasons() -> list[str]:
    """Why a vendor's cell is a dash, one line each."""
    found: dict[str, None] = {}
    for name, none in absent():
        by_reason: dict[str, list[str]] = {}
        for vendor, why in none.items():
            by_reason.setdefault(why, []).append(vendor)
        found |= dict.fromkeys(f"{name}, {' and '.join(who)}: {why}" for why, who in by_reason.items())
    return list(found)


def as_markdown(title: str, rows: Mapping[str, Mapping[str, Cell]]) -> Iterator[str]:
    """One table, line by line."""
    yield f"### {title}"
    yield ""
    yield f"| fault | {' | '.join(VENDORS)} |"
    yield "|---" * (len(VENDORS) + 1) + "|"
    for name, cells in rows.items():
        shown = (f"**WRONG** {wrong}" if wrong else words for words, wrong in cells.values())
        yield f"| {name} | {' | '.join(one.replace('|', '/').replace(chr(10), ' ')[:400] for one in shown)} |"
    yield ""


@contextlib.contextmanager
def borrowed_environment() -> Iterator[None]:
    """Credentials that only the scripted AWS takes, and none of this machine's."""
    before = dict(os.environ)
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def main(chosen: Iterable[str]) -> int:
    """Print the chosen tables; 1 where something in them is wrong."""
    await warm(VENDORS)
    await Ladder.warm()
    wrong = cells = 0
    for key in chosen:
        title, names, play = TABLES[key]
        rows = await rows_of(names, play)
        print("\n".join(as_markdown(title, rows)), flush=True)  # noqa: T201 - what it is for
        wrong += sum(bool(cell[1]) for row in rows.values() for cell in row.values())
        cells += sum(cell[0] != NONE for row in rows.values() for cell in row.values())
    print(f"{NONE} no such thing on that wire:\n")  # noqa: T201
    print("\n".join(f"- {line}" for line in reasons()))  # noqa: T201
    print(f"\n{cells} cells played, {wrong} wrong.")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asked = sys.argv[1:] or list(TABLES)
    if unknown := [name for name in asked if name not in TABLES]:
        sys.exit(f"no table {unknown[0]!r}: known are {', '.join(TABLES)}")
    with borrowed_environment():
        sys.exit(asyncio.run(main(asked)))
