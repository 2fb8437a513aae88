"""Sigma rules from files: read by pySigma, compiled once; what can't be used is listed and left out."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

import msgspec
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from backend.alerts.tactics import tactic_id
from backend.patterns.conditions import Node, compiled
from backend.patterns.event import Event
from backend.patterns.likely import Need, together
from backend.patterns.regexes import POLICY
from backend.patterns.values import Unsupported

MAX_FILE_BYTES = 1 << 20
MAX_FILES = 50_000
"""The Sigma project's own collection has about 4,000."""
ENDINGS = (".yml", ".yaml")
LEVELS = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
"""Sigma's levels as OCSF severities; a rule without one is Unknown."""
_RETIRED = frozenset({"deprecated", "unsupported"})
MAX_TAGS = 32


class RuleError(Exception):
    """The rules can't be read at all. The message says which path, what is wrong, and how to mend it."""


class Problem(msgspec.Struct, frozen=True, gc=False):
    """A rule that is left out, and why."""

    path: str
    rule: str
    """Its title; empty where not even that can be read."""
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}: {self.what}" if self.rule else f"{self.path}: {self.what}"


class Rule:
    """A rule ready to be tried."""

    __slots__ = (
        "_roots",
        "category",
        "description",
        "level",
        "needs",
        "product",
        "service",
        "severity_id",
        "tactics",
        "techniques",
        "title",
        "uid",
    )  # fmt: skip

    def __init__(self, rule: SigmaRule, roots: Sequence[Node]) -> None:
        source = rule.logsource
        self.category = (source.category or "").lower()
        self.product = (source.product or "").lower()
        self.service = (source.service or "").lower()
        self.title = rule.title or "Sigma rule without a title"
        self.uid = str(rule.id) if rule.id else hashlib.sha256(self.title.encode()).hexdigest()[:32]
        self.description = rule.description or ""
        self.level = rule.level.name.lower() if rule.level else ""
        self.severity_id = LEVELS.get(self.level, 0)
        tags = [(tag.namespace.lower(), tag.name) for tag in rule.tags[:MAX_TAGS]]
        attack = [name for namespace, name in tags if namespace == "attack"]
        self.techniques = [name.upper() for name in attack if name[:1] in "tT" and name[1:5].isdigit()]
        self.tactics = [known for name in attack if (known := tactic_id(name))]
        self._roots = tuple(roots)
        self.needs: Sequence[Need] | None = together([root.needs for root in roots])

    def match(self, event: Event) -> bool:
        """Whether any of its conditions holds."""
        return any(root.match(event) for root in self._roots)

    def evidence(self, event: Event) -> dict[str, str]:
        """The fields and values by which an event matched, by the rule's names for them."""
        found: dict[str, str] = {}
        for root in self._roots:
            if root.match(event):
                root.explain(event, found)
        return found


class Loaded(msgspec.Struct, frozen=True):
    """What rule files gave."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


def rule_files(paths: Sequence[str]) -> list[Path]:
    """The files that paths name; of a folder every `*.yml` and `*.yaml` in it, however deep.

    Raises:
        RuleError: a path is not there, or holds no rule.
    """
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(text).expanduser()
        try:
            if path.is_dir():
                inside = sorted(
                    one for one in path.rglob("*") if one.suffix.lower() in ENDINGS and one.is_file()
                )
                if not inside:
                    raise RuleError(
                        f"sigma path {text}: no rule (*.yml) in this folder; name one that holds some"
                    )
                found.update(dict.fromkeys(inside))
            elif path.is_file():
                found[path] = None
            else:
                raise RuleError(f"sigma path {text}: no such file or folder; name one that exists")
        except OSError as error:
            raise RuleError(f"sigma path {text}: can't be read: {error.strerror}") from error
    if len(found) > MAX_FILES:
        raise RuleError(f"{len(found):,} Sigma rule files; the limit is {MAX_FILES:,}: name fewer folders")
    return list(found)


def load(paths: Sequence[str]) -> Loaded:
    """Every usable rule of files and folders. Takes 1 to 3 ms a rule.

    Raises:
        RuleError: as `rule_files`.
    """
    problems: list[Problem] = []
    parsed: list[tuple[Path, SigmaRule]] = []
    filters: list[SigmaFilter] = []
    for path in rule_files(paths):
        collection = _read(path, problems)
        if collection is None:
            continue
        filters += collection.filters
        for one in collection.rules:
            if isinstance(one, SigmaRule):
                parsed.append((path, one))
            else:
                problems.append(
                    Problem(str(path), one.title or "", "a correlation of rules; only single events")
                )
    return Loaded(tuple(_compile(parsed, filters, problems)), tuple(problems))


def _compile(
    parsed: Sequence[tuple[Path, SigmaRule]], filters: Sequence[SigmaFilter], problems: list[Problem]
) -> Iterator[Rule]:
    known: set[str] = set()
    for path, one in parsed:
        title = one.title or ""
        try:
            if one.errors:
                raise one.errors[0]
            if one.status is not None and one.status.name.lower() in _RETIRED:
                raise Unsupported(f"its status is {one.status.name.lower()}")
            filtered = reduce(_filtered, filters, one)
            roots = [compiled(condition.parsed) for condition in filtered.detection.parsed_condition]
            made = Rule(filtered, roots)
            if made.uid in known:
                raise Unsupported(f"another rule has its id {made.uid}")
        except Unsupported as error:
            problems.append(Problem(str(path), title, f"{error}"))
        except Exception as error:  # noqa: BLE001 - pySigma raises many kinds; one rule must not cost the rest
            problems.append(Problem(str(path), title, _said(error)))
        else:
            known.add(made.uid)
            yield made


def _filtered(rule: SigmaRule, each: SigmaFilter) -> SigmaRule:
    made = each.apply_on_rule(rule)
    return made if isinstance(made, SigmaRule) else rule


def _read(path: Path, problems: list[Problem]) -> SigmaCollection | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unsupported(f"larger than {MAX_FILE_BYTES:,} bytes")
        text = path.read_text("utf-8")
        collection = SigmaCollection.from_yaml(
            text, collect_errors=True, collect_filters=True, resolve_references=False, policy=POLICY
        )
    except Exception as error:  # noqa: BLE001 - YAML, encoding, pySigma: one file must not cost the rest
        problems.append(Problem(str(path), "", _said(error)))
        return None
    if not collection.rules and not collection.filters:
        first = collection.errors[0] if collection.errors else "no rule in it"
        problems.append(Problem(str(path), "", str(first)[:300]))
    return collection


def _said(error: BaseException) -> str:
    """An error of pySigma or YAML on one line."""
    if isinstance(error, SigmaError):
        return " ".join(str(error).split())[:300]
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
