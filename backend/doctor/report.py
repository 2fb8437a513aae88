"""What doctor says: one check after another, each with what was found and what to do about it."""

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Literal, NoReturn

import msgspec

from backend.alerts.text import SafeText, safe
from backend.clock import Clock

State = Literal["ok", "warn", "failed"]

STEP_S = 3.0
"""Longest time for one step, in seconds. What a pipeline works with answers in milliseconds."""
_SHOWN = 500
_CREDENTIALS = re.compile(r"//[^/?#]*@")


Figure = tuple[float, str]
"""A number and its unit: ms, tokens/s, USD …"""


class Check(msgspec.Struct, frozen=True):
    """One step of looking at one part."""

    subject: SafeText
    """The part: `config`, `journal`, `source ADDRESS`, `model NAME`, `enrichment NAME`,
    `patterns sigma`, `sink ADDRESS`."""
    check: str
    """The step in a word: address, DNS, TCP, TLS, key, login, topic, group, sample …"""
    state: State
    """`warn` works, but not as one may expect; `failed` does not work."""
    found: SafeText
    mend: SafeText
    """What to do about it; empty where nothing has to be done."""
    figure: Figure | None = None
    """What was measured, where something was."""


class Stopped(Exception):
    """A step failed that all further ones of its part rest on."""


class Report:
    """Takes down the checks of one part, in order."""

    def __init__(self, subject: str, clock: Clock, say: Callable[[Check], None]) -> None:
        """Every check is handed to `say` at once."""
        self.clock = clock
        self._subject = safe(without_credentials(subject), _SHOWN)
        self._say = say

    def ok(self, check: str, found: object, figure: Figure | None = None) -> None:
        """All is well."""
        self._take("ok", check, found, "", figure)

    def warn(self, check: str, found: object, mend: str, figure: Figure | None = None) -> None:
        """It works, but not as one may expect."""
        self._take("warn", check, found, mend, figure)

    def bad(self, check: str, found: object, mend: str) -> None:
        """It does not work; what comes after it is looked at all the same."""
        self._take("failed", check, found, mend)

    def fail(self, check: str, found: object, mend: str) -> NoReturn:
        """It does not work, and nothing after it can. Raises `Stopped`."""
        self._take("failed", check, found, mend)
        self.stop()

    def stop(self) -> NoReturn:
        """Nothing more can be looked at. Raises `Stopped`."""
        raise Stopped

    @contextlib.asynccontextmanager
    async def within(self, check: str, found: str, mend: str) -> AsyncIterator[None]:
        """Give a block `STEP_S`; if it takes longer, `check` has failed in these words."""
        try:
            async with self.clock.timeout(STEP_S):
                yield
        except TimeoutError:
            self.fail(check, f"{found} within {STEP_S:g} s", mend)

    def _take(self, state: State, check: str, found: object, mend: str, figure: Figure | None = None) -> None:
        self._say(Check(self._subject, check, state, safe(str(found), _SHOWN), safe(mend, _SHOWN), figure))


def without_credentials(address: str) -> str:
    """An address as it may be shown, also where somebody wrote a password into it."""
    return _CREDENTIALS.sub("//…@", address)


def halves(error: object, *prefixes: str) -> tuple[str, str]:
    """A one-line error of ours ("what; how to mend it") as what was found and how to mend it.

    The first of `prefixes` that it starts with is left out: the subject says the same.
    """
    text = str(error)
    for prefix in prefixes:
        if prefix and text.startswith(f"{prefix}: "):
            text = text[len(prefix) + 2 :]
            break
    found, _, mend = text.partition("; ")
    return without_credentials(found), mend or "correct it in the configuration"
