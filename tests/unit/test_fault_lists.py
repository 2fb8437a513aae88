"""The lists of faults and the tables that show them: no row missing, no cell empty without a reason."""

import pytest

from tests.integration.providers.asking import VENDORS
from tests.support.fault_table import TABLES, as_markdown, reasons, rows_of
from tests.support.faults.listed import FAULTS, SDKS, absent

LISTED = [*FAULTS.items(), *SDKS.items()]


@pytest.mark.parametrize(("named", "rows"), LISTED, ids=[name for name, _ in LISTED])
def test_what_is_listed_has_a_row(named: str, rows: tuple[str, ...]) -> None:
    assert rows, named
    for vendor in VENDORS:
        played = [row for row in rows if vendor not in _none(row)]
        assert played or all(_none(row)[vendor] for row in rows), f"{vendor} has neither a cell nor a reason"


def _none(row: str) -> dict[str, str]:
    return {vendor: why for name, none in absent() if name == row for vendor, why in none.items()}


def test_a_dash_has_a_reason() -> None:
    lines = "\n".join(reasons())
    for name, none in absent():
        assert set(none) < set(VENDORS), f"{name}: some wire must have it"
        assert all(why and why in lines for why in none.values())


async def test_every_row_has_a_cell_for_every_vendor_also_where_it_breaks() -> None:
    async def play(vendor: str, name: str) -> tuple[str, str]:
        if vendor == "azure":
            raise TimeoutError("nothing came")
        return f"{vendor} did {name}", ""

    for title, names, _ in TABLES.values():
        rows = await rows_of(names, play)
        assert list(rows) == list(names)
        head, *lines = [line for line in as_markdown(title, rows) if line.startswith("| ")]
        assert len(lines) == len(list(names))
        for line in (head, *lines):
            assert line.count("|") == len(VENDORS) + 2
        assert all("**WRONG** TimeoutError: nothing came" in line for line in lines)
