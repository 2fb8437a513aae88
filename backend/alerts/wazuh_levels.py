"""From Wazuh's rule levels to severities: the usual scale, and a site's own."""

import re
from collections.abc import Mapping

from backend.alerts.fields import first, integer
from backend.alerts.model import SEVERITY_NAMES, Severity

HIGHEST = 16
"""The highest level that Wazuh's documents speak of."""

# FORMATS, section 3: the level from which on each severity is meant. Level 0 is "ignored" in Wazuh's words.
_USUAL = (
    (15, Severity.CRITICAL),
    (12, Severity.HIGH),
    (7, Severity.MEDIUM),
    (4, Severity.LOW),
    (0, Severity.INFORMATIONAL),
)
_BAND = re.compile(r"\s*(\d{1,2})\s*(?:-\s*(\d{1,2})\s*)?", re.ASCII)


class WazuhLevels:
    """What severity each level from 0 to `HIGHEST` means."""

    def __init__(self, bands: Mapping[str, str] | None = None) -> None:
        """Lay a site's own bands over the usual scale: {"10-14": "High", "15": "Fatal"}.

        Raises:
            ValueError: a key is no level or band of levels, two of them overlap, or a severity is unknown.
        """
        self._severities = [
            next(int(rated) for start, rated in _USUAL if level >= start) for level in range(HIGHEST + 1)
        ]
        known = {name.lower(): int(number) for number, name in SEVERITY_NAMES.items()}
        taken: dict[int, str] = {}
        for band, name in (bands or {}).items():
            severity = known.get(name.strip().lower())
            if severity is None:
                raise ValueError(
                    f"{band!r} is mapped to {name!r}; use one of {' '.join(SEVERITY_NAMES.values())}"
                )
            for level in _levels(band):
                if level in taken:
                    raise ValueError(f"level {level} is in {taken[level]!r} and in {band!r}; leave it in one")
                taken[level] = band
                self._severities[level] = severity

    def rate(self, value: object) -> int:
        """The severity of a rule's level; Unknown for anything that is none."""
        value = first(value)
        level = value if type(value) is int else integer(value, -1)
        return self._severities[level] if 0 <= level <= HIGHEST else 0


def _levels(band: str) -> range:
    found = _BAND.fullmatch(band)
    begin, end = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not begin <= end <= HIGHEST:
        raise ValueError(f"{band!r} is no level; write one from 0 to {HIGHEST}, or a band such as '12-15'")
    return range(begin, end + 1)
