"""Severity words and numbers to OCSF `severity_id`. What is not known is Unknown, never Low.

The scales of single vendors stand in their parsers; here is what they share.
"""

from collections.abc import Callable

from backend.alerts.model import Severity
from backend.alerts.text import SafeText, safe

_NAMED: dict[str, Severity] = {
    "fatal": Severity.FATAL,
    "critical": Severity.CRITICAL,
    "crit": Severity.CRITICAL,
    "very high": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
    "emerg": Severity.CRITICAL,
    "alert": Severity.CRITICAL,
    "high": Severity.HIGH,
    "major": Severity.HIGH,
    "severe": Severity.HIGH,
    "error": Severity.HIGH,
    "err": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "med": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "warning": Severity.MEDIUM,
    "warn": Severity.MEDIUM,
    "low": Severity.LOW,
    "minor": Severity.LOW,
    "notice": Severity.LOW,
    "informational": Severity.INFORMATIONAL,
    "information": Severity.INFORMATIONAL,
    "info": Severity.INFORMATIONAL,
    "debug": Severity.INFORMATIONAL,
}
WORDS: dict[str, int] = {word: int(level) for word, level in _NAMED.items()}
"""Words vendors use, lower case; the syslog-like ones are read as Falco's priorities are."""


def from_word(value: object) -> int:
    """The severity a word names, whatever its case and the blanks around it; 0 for anything else."""
    if not isinstance(value, str) or len(value) > 40:
        return 0
    return WORDS.get(value.strip().lower().replace("-", " ").replace("_", " "), 0)


def highest(value: object, one: Callable[[object], int]) -> int:
    """`one` of a single value; of a list (or of a key that came twice) the highest of its items."""
    if isinstance(value, list):
        return max((one(item) for item in value[:64]), default=0)
    return one(value)


def native(value: object) -> SafeText:
    """The vendor's own word or number as it is kept beside the mapped one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return safe(value, 64)
