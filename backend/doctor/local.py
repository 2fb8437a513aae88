"""Sources that need nothing outside this process: the demo feed and standard input."""

from backend.doctor.case import Case


async def demo(case: Case) -> None:
    """Nothing to reach."""
    case.report.ok("sample", "alerts are made up in this process; its journal is thrown away at the end")


async def stdin(case: Case) -> None:
    """A pipe can be read only once, so it is left alone."""
    case.report.ok("sample", "not looked at: what is read from standard input can't be read again")
