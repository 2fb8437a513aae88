"""RE2, which no input makes slow, without its habit of writing to standard error."""

from typing import Any

import re2
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RE2RegexEngine

RegexError: type[Exception] = re2.error
"""An expression that RE2 does not take: broken, or with look-around and back references."""

_options = re2.Options()
_options.log_errors = False  # it would be written into the middle of the console
_options.max_mem = 8 << 20


def compile_quietly(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    """A compiled expression with `search` and `fullmatch`. Raises `RegexError`."""
    return re2.compile(pattern, options=_options)


class _Quiet(RE2RegexEngine):
    """pySigma's engine for checking the expressions of rules, as above."""

    def compile(self, pattern: str, flags: int = 0) -> Any:  # noqa: ANN401
        """See `compile_quietly`; the flags are looked at again where the expression is used."""
        del flags
        return compile_quietly(pattern)


POLICY = SigmaPolicy(regex_engine=_Quiet())
"""pySigma's safe defaults: nothing from outside a rule's own file, no network."""
