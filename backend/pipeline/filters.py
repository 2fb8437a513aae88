"""The filter language of the queue: `sev>=high src:10.0.0.0/8 -rule:scan "lsass read" state:closed`.

Terms are joined by "and"; a leading `-` excludes. A bare word is looked for in title, rule, host, user and
addresses. Nothing is ever evaluated as code.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable

from backend.alerts.model import SEVERITY_NAMES
from backend.alerts.text import safe
from backend.analysis.model import VERDICTS
from backend.api import Row
from backend.lanes import LANES

Predicate = Callable[[Row], bool]


class FilterError(Exception):
    """The filter can't be read; the message says which term and what would do."""


_TERM = re.compile(r'(-?)(?:([a-z_]+)(>=|<=|>|<|=|:)("[^"]*"?|\S*)|("[^"]*"?|\S+))', re.IGNORECASE)
MAX_TEXT = 1_000
"""Characters of a filter; each term is tested on every row."""
_SEVERITY = {name.lower(): number for number, name in SEVERITY_NAMES.items()} | {
    "crit": 5, "med": 3, "info": 1, "unkn": 0,
}  # fmt: skip
_SEVERITY_NUMBERS = {str(number): number for number in SEVERITY_NAMES}
_VERDICTS = {
    "tp": "true positive",
    "fp": "false positive",
    "b": "benign",
    "s": "suspicious",
    "i": "insufficient data",
    "none": "",
}


class Filter:
    """A compiled filter: a test for rows, and whether it asks for closed ones."""

    def __init__(self, text: str) -> None:
        """Compile `text`.

        Raises:
            FilterError: a term is not understood.
        """
        self.text = safe(text.strip(), MAX_TEXT)
        self.wants_closed = False
        self._tests = [self._term(*match.groups()) for match in _TERM.finditer(self.text)]

    def __call__(self, row: Row) -> bool:
        """Whether the row passes every term. Closed rows pass only where the filter asks for them."""
        if row.state == "closed" and not self.wants_closed:
            return False
        return all(test(row) for test in self._tests)

    def _term(
        self, minus: str, field: str | None, operator: str | None, value: str | None, word: str | None
    ) -> Predicate:
        if field is None:
            wanted = (word or "").strip('"')
            if not wanted or wanted == "-":
                return _everything  # a term that is still being typed hides nothing
            test = _anywhere(wanted)
        else:
            test = self._field(field.lower(), operator or ":", (value or "").strip('"'))
        return (lambda row: not test(row)) if minus else test

    def _field(self, field: str, operator: str, value: str) -> Predicate:
        severity = field in ("sev", "severity")
        maker = _FIELDS.get(field)
        if maker is None and not severity:
            known = ("sev", *_FIELDS)
            near = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
            raise FilterError(f"no field '{field}'; {hint} To look for the text itself, put it in \"…\"")
        if not value:
            raise FilterError(
                f"'{field}{operator}' needs a value, like {field}:{_EXAMPLES.get(field, 'word')}"
            )
        if severity:
            return _severity(operator, value)
        if operator not in (":", "="):
            raise FilterError(f"'{field}{operator}': only sev can be compared; write {field}:{value}")
        if field == "state":
            self.wants_closed = self.wants_closed or value.lower() in ("closed", "any")
        assert maker is not None  # noqa: S101  # refused above
        return maker(value)


def _everything(_row: Row) -> bool:
    return True


def _anywhere(value: str) -> Predicate:
    wanted = value.lower()

    def test(row: Row) -> bool:
        head = row.head
        return any(
            wanted in text.lower()
            for text in (
                head.title,
                head.rule_name,
                head.rule_uid,
                head.hostname,
                head.user,
                head.src_ip,
                head.dst_ip,
                head.product,
            )
        )

    return test


def _severity(operator: str, value: str) -> Predicate:
    wanted = _SEVERITY.get(value.lower(), _SEVERITY_NUMBERS.get(value))
    if wanted is None:
        raise FilterError(
            f"no severity '{value}'; known are {', '.join(n.lower() for n in SEVERITY_NAMES.values())}"
        )
    level = wanted
    tests: dict[str, Predicate] = {
        ":": lambda row: row.head.severity_id == level,
        "=": lambda row: row.head.severity_id == level,
        ">=": lambda row: row.head.severity_id >= level,
        "<=": lambda row: row.head.severity_id <= level,
        ">": lambda row: row.head.severity_id > level,
        "<": lambda row: row.head.severity_id < level,
    }
    return tests[operator]


def _text(pick: Callable[[Row], str]) -> Callable[[str], Predicate]:
    def make(value: str) -> Predicate:
        wanted = value.lower()
        return lambda row: wanted in pick(row).lower()

    return make


def _address(pick: Callable[[Row], str]) -> Callable[[str], Predicate]:
    def make(value: str) -> Predicate:
        if "/" not in value:
            return lambda row: pick(row).startswith(value)
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError as error:
            raise FilterError(f"'{value}' is no network; write it as 10.0.0.0/8") from error

        def test(row: Row) -> bool:
            try:
                return ipaddress.ip_address(pick(row)) in network
            except ValueError:
                return False

        return test

    return make


def _state(value: str) -> Predicate:
    wanted = value.lower()
    if wanted == "any":
        return lambda _row: True
    if wanted == "open":
        return lambda row: row.state != "closed"
    if wanted not in ("queued", "enriching", "analysing", "paused", "triaged", "claimed", "closed"):
        raise FilterError(
            f"no state '{value}'; known are open, queued, analysing, paused, triaged, claimed, closed, any"
        )
    return lambda row: row.state == wanted


def _lane(value: str) -> Predicate:
    wanted = value.lower()
    if not any(lane.startswith(wanted) for lane in LANES):
        raise FilterError(f"no lane '{value}'; known are {', '.join(LANES)}")
    return lambda row: row.lane.startswith(wanted)


def _verdict(value: str) -> Predicate:
    wanted = _VERDICTS.get(value.lower(), value.lower())
    if not wanted:
        return lambda row: not row.verdict
    if not any(verdict.lower().startswith(wanted) for verdict in VERDICTS):
        raise FilterError(f"no verdict '{value}'; known are none, {', '.join(VERDICTS)}")
    return lambda row: row.verdict.lower().startswith(wanted)


_FIELDS: dict[str, Callable[[str], Predicate]] = {
    "src": _address(lambda row: row.head.src_ip),
    "dst": _address(lambda row: row.head.dst_ip),
    "host": _text(lambda row: row.head.hostname),
    "user": _text(lambda row: row.head.user),
    "rule": _text(lambda row: f"{row.head.rule_uid} {row.head.rule_name} {row.head.title}"),
    "title": _text(lambda row: row.head.title),
    "product": _text(lambda row: row.head.product),
    "format": _text(lambda row: row.head.format),
    "lane": _lane,
    "state": _state,
    "verdict": _verdict,
    "model": _text(lambda row: row.analysed_by),
    "by": _text(lambda row: row.decided_by),
}

_EXAMPLES = {"sev": "high", "severity": "high", "src": "10.0.0.0/8", "dst": "10.0.0.0/8", "state": "closed",
             "verdict": "tp", "lane": "critical"}  # fmt: skip
