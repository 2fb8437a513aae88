"""The verdict line's schema: what a model's first object must be, checked before anything relies on it.

Importing this costs pydantic's import (a tenth of a second and more), so it is imported off the event loop
before the first answer is read (`backend.analysis.ladder.Ladder.warm`).
"""

import re
from typing import Annotated

import jiter
import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.alerts.model import SEVERITY_NAMES
from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.dead_text import dead
from backend.analysis.model import ACTIONS, VERDICTS, KeyFact, RecommendedAction, Verdict

MAX_FACTS = 4
MAX_ACTIONS = 6
FACT_CHARS = 300
SUMMARY_CHARS = 400
TARGET_CHARS = 200
MAX_CITATIONS = 8

_VERDICT_BY_WORD = {name.casefold(): name for name in VERDICTS}
_SEVERITY_BY_WORD = {name.casefold(): number for number, name in SEVERITY_NAMES.items()}
_EVIDENCE_ID = re.compile(r"\[?(E\d{1,3})\]?")


class InvalidVerdictError(Exception):
    """The object is no verdict; the message says in one line what is wrong with it."""


class Checked(msgspec.Struct, frozen=True):
    """A verdict with what had to be left out of it to make it one."""

    verdict: Verdict
    notes: tuple[str, ...] = ()


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Fact(_Wire):
    text: str
    evidence: list[str] = []


class _Action(_Wire):
    action: str
    target: str = ""


class _VerdictObject(_Wire):
    facts: list[_Fact] = []
    verdict: str
    confidence: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
    severity: str | None = None
    summary: Annotated[str, Field(min_length=1)]
    actions: list[_Action] = []


def check(text: str) -> Checked:
    """The verdict that one whole JSON object states.

    Verdict and severity words are taken in any case. What is wrong but harmless (an action outside the
    allow-list, a fifth fact, a citation that is no evidence id) is dropped and noted.

    Raises:
        InvalidVerdictError: not one JSON object (also: NaN, a key given twice), a field missing or of the
            wrong type, a verdict that OCSF does not know, a confidence outside 0 to 1.
    """
    try:
        data = jiter.from_json(
            text.encode("utf-8", "replace"), allow_inf_nan=False, catch_duplicate_keys=True
        )
        wire = _VerdictObject.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "object"
        raise InvalidVerdictError(f"{where}: {first['msg']}") from None
    except ValueError as error:
        raise InvalidVerdictError(f"not valid JSON: {error}") from None
    verdict = _VERDICT_BY_WORD.get(wire.verdict.strip().replace("_", " ").casefold())
    if verdict is None:
        raise InvalidVerdictError(f"verdict: {wire.verdict[:40]!r} is none of OCSF's verdicts")
    summary = SafeText(dead(safe(wire.summary.strip(), SUMMARY_CHARS)))
    if not summary:
        raise InvalidVerdictError("summary: empty")
    notes: list[str] = []
    return Checked(
        Verdict(
            verdict=verdict,
            confidence=wire.confidence,
            summary=summary,
            facts=_facts(wire.facts, notes),
            severity_id=_severity(wire.severity, notes),
            actions=_actions(wire.actions, notes),
        ),
        tuple(notes),
    )


def _facts(wire: list[_Fact], notes: list[str]) -> tuple[KeyFact, ...]:
    if len(wire) > MAX_FACTS:
        notes.append(f"{len(wire) - MAX_FACTS} facts beyond {MAX_FACTS} left out")
    facts = []
    for fact in wire[:MAX_FACTS]:
        text = SafeText(dead(safe(fact.text.strip(), FACT_CHARS)))
        if text:
            facts.append(KeyFact(text, citations(fact.evidence, notes)))
    return tuple(facts)


def citations(values: list[str], notes: list[str] | None = None) -> tuple[str, ...]:
    """The evidence ids among `values`, each once; others are noted."""
    found: dict[str, None] = {}
    for value in values[:MAX_CITATIONS]:
        match = _EVIDENCE_ID.fullmatch(value.strip())
        if match:
            found[match[1]] = None
        elif notes is not None:
            notes.append(f"citation {safe(value, 20)!r} is no evidence id")
    return tuple(found)


def _severity(word: str | None, notes: list[str]) -> int | None:
    if word is None:
        return None
    number = _SEVERITY_BY_WORD.get(word.strip().casefold())
    if number is None:
        notes.append(f"severity {safe(word, 20)!r} is none of OCSF's")
    return number or None


def _actions(wire: list[_Action], notes: list[str]) -> tuple[RecommendedAction, ...]:
    actions = []
    for item in wire[:MAX_ACTIONS]:
        name = item.action.strip()
        if name in ACTIONS:
            actions.append(RecommendedAction(name, safe(item.target.strip(), TARGET_CHARS), ACTIONS[name]))
        else:
            notes.append(f"action {safe(name, 40)!r} is not on the allow-list")
    if len(wire) > MAX_ACTIONS:
        notes.append(f"{len(wire) - MAX_ACTIONS} actions beyond {MAX_ACTIONS} left out")
    return tuple(actions)
