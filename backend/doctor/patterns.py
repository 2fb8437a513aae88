"""Sigma rules as the pipeline would load them: how many are usable, which are left out, and why."""

import functools
from collections.abc import Awaitable, Callable, Sequence

from backend.doctor.report import Report, halves
from backend.doctor.threads import in_thread
from backend.settings import PatternsConfig

SHOWN_PROBLEMS = 5
"""Left-out rules told one by one; of the others how many there are."""
LOAD_S = 60.0
"""A rule takes 1 to 3 ms: about ten seconds for the Sigma project's own 4,000, at each start as here."""

_MENDS = (
    ("its status is", "use the rule that took its place, or take it out of the folder"),
    ("another rule has its id", "keep one of the two, or give it an id of its own"),
    ("larger than", "split the file"),
    ("a placeholder (%", "write the values in the placeholder's stead"),
    ("regular expression", "write the expression more simply: RE2 syntax, without look-around"),
    ("a correlation of rules", "nothing to correct: the single rules that it names work by themselves"),
)
"""By what the reason holds."""

Part = tuple[str, Callable[[Report], Awaitable[None]]]


def parts(config: PatternsConfig) -> list[Part]:
    """The rules, where some are configured."""
    if not config.sigma:
        return []
    return [("patterns sigma", functools.partial(_rules, paths=tuple(config.sigma)))]


async def _rules(report: Report, paths: Sequence[str]) -> None:
    try:
        from backend.patterns.rules import RuleError, load  # only who has rules pays for pySigma
    except ImportError as error:
        report.fail("library", f"pySigma is missing ({error})", "install watchfloor[sigma]")
    began = report.clock.mono()
    try:
        async with report.clock.timeout(LOAD_S):
            loaded = await in_thread(lambda: load(paths))
    except RuleError as error:
        found, mend = halves(error)
        report.fail("rules", found, f"in [patterns] sigma, {mend}")
    except TimeoutError:
        report.fail(
            "rules",
            f"not loaded within {LOAD_S:g} s",
            "name fewer folders in [patterns] sigma, or a faster disk",
        )
    took_s = report.clock.mono() - began
    usable = len(loaded.rules)
    if usable:
        found = f"{usable:,} rule{'' if usable == 1 else 's'} loaded in {took_s:.1f} s"
        report.ok("rules", found, (round(took_s, 3), "s"))
    else:
        report.bad(
            "rules", "no rule can be used", "correct those left out, or name others in [patterns] sigma"
        )
    for problem in loaded.problems[:SHOWN_PROBLEMS]:
        report.warn("left out", problem, _mend(problem.what))
    others = loaded.problems[SHOWN_PROBLEMS:]
    if others:
        files = len({problem.path for problem in others})
        where = f"{files:,} file{'' if files == 1 else 's'}, the first {others[0].path}"
        more = f"{len(others):,} more in {where}"
        report.warn("left out", more, "mend those above and look again; the usable rules work meanwhile")


def _mend(what: str) -> str:
    for reason, mend in _MENDS:
        if reason in what.lower():
            return mend
    return "correct the rule; the others are used"
