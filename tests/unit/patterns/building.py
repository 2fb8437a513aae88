"""Rules, events and parts of the patterns stage for its tests."""

from pathlib import Path

import msgspec

from backend.patterns.event import Event
from backend.patterns.findings import Finding, MinerLimits
from backend.patterns.mining import Miner
from backend.patterns.raw import RawEvent
from backend.patterns.rules import Loaded, Rule, load

HERE = Path(__file__).parent
WINDOWS_RULES = HERE / "windows_rules.yml"

HEAD = """title: {title}
id: {uid}
status: test
logsource: {{{source}}}
level: high
detection:
{body}
"""


def write_rule(
    folder: Path,
    body: str,
    *,
    title: str = "A rule",
    source: str = "product: windows",
    uid: str = "0f4ef3cb-6a6a-4c1a-9d4b-4d5e0c9ef001",
    name: str = "rule.yml",
) -> Path:
    """A rule file whose detection is `body`; a body of one line is the only selection."""
    if "condition:" not in body:
        body = f"  selection:\n    {body}\n  condition: selection"
    path = folder / name
    path.write_text(HEAD.format(title=title, uid=uid, source=source, body=body), "utf-8")
    return path


def loaded(folder: Path, body: str, **words: str) -> Loaded:
    return load([str(write_rule(folder, body, **words))])


def only_rule(folder: Path, body: str, **words: str) -> Rule:
    found = loaded(folder, body, **words)
    assert not found.problems
    (rule,) = found.rules
    return rule


def event(fields: dict[str, object] | str | bytes) -> Event:
    """A generic document, or a line."""
    if isinstance(fields, str | bytes):
        return Event("plain", "line", fields.encode() if isinstance(fields, str) else fields)
    return Event("generic_json", "audit", msgspec.json.encode(fields))


def raw_event(raw: bytes, number: int = 0, format_: str = "plain", kind: str = "line") -> RawEvent:
    return RawEvent("s", "p0", number, 0, 1_000, format_, kind, raw)


def miner(**limits: float) -> Miner:
    """One that has nothing to learn first, unless told."""
    known: dict[str, float] = {"learn_ms": 0, "learn_lines": 0}
    return Miner(MinerLimits(**(known | limits)))  # type: ignore[arg-type]  # each test names limits


def feed(made: Miner, line: str, times: int, at_ms: int, source: str = "s") -> list[Finding]:
    found = [made.add(source, "app", line, at_ms) for _ in range(times)]
    return [one for one in found if one is not None]
