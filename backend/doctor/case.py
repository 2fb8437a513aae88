"""One source as its probe is given it."""

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from backend.alerts.recognise import Parser
from backend.doctor.report import Report
from backend.doctor.sample import judge
from backend.sources.options import SourceOptions
from backend.sources.uri import Address


class Case(msgspec.Struct, frozen=True):
    """A source whose address and settings are in order, and where to say what is found."""

    report: Report
    address: Address
    options: SourceOptions
    parser: Parser
    fixed_format: str | None
    """The format the config or the address fixes."""

    async def judge(self, data: bytes, where: str) -> None:
        """Say what a record of this source is."""
        await judge(self.report, self.parser, data, where, self.fixed_format)


Probe = Callable[[Case], Coroutine[Any, Any, None]]
"""Looks at one kind of source, step by step, and changes nothing."""
