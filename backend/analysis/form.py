"""The answer's form for servers that can enforce one: small models seldom keep to it by themselves.

As a JSON schema the whole answer is the verdict line; as a grammar (GBNF, llama.cpp's) Markdown may follow.
A server that enforces it makes an answer readable, not right: all checks stand as they are.
"""

import json

from backend.alerts.model import SEVERITY_NAMES
from backend.analysis.model import ACTIONS, VERDICTS
from backend.providers.base import Form

TEXT_CHARS = 200
"""Of a fact, the summary, a target. Unbounded, a small model writes one string until its tokens end."""
MOST_FACTS = 3
MOST_ACTIONS = 2
NARRATIVE_CHARS = 1_200
"""Two hundred words, as the prompt asks."""
_SEVERITIES = tuple(name for number, name in sorted(SEVERITY_NAMES.items()) if 0 < number < 99)


def _schema() -> dict[str, object]:
    text = {"type": "string", "minLength": 1, "maxLength": TEXT_CHARS}
    fact = {
        "type": "object",
        "properties": {
            "text": text,
            "evidence": {
                "type": "array",
                "items": {"type": "string", "pattern": "^E[1-9][0-9]?$"},
                "minItems": 1,
                "maxItems": 2,
            },
        },
        "required": ["text", "evidence"],
        "additionalProperties": False,
    }
    action = {
        "type": "object",
        "properties": {"action": {"enum": list(ACTIONS)}, "target": text},
        "required": ["action", "target"],
        "additionalProperties": False,
    }
    properties: dict[str, object] = {
        "facts": {"type": "array", "items": fact, "minItems": 1, "maxItems": MOST_FACTS},
        "verdict": {"enum": list(VERDICTS)},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "severity": {"enum": list(_SEVERITIES)},
        "summary": text,
        "actions": {"type": "array", "items": action, "maxItems": MOST_ACTIONS},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _one_of(words: tuple[str, ...]) -> str:
    return " | ".join(_literal(word) for word in words)


def _literal(value: str) -> str:
    """A JSON string as a grammar has it to stand there."""
    return json.dumps(json.dumps(value))


def _key(name: str, before: str, after: str = "") -> str:
    return json.dumps(f"{before}{json.dumps(name)}:{after}")


def _grammar() -> str:
    rules = {
        "root": rf'line ("\n\n" [^\x00]{{1,{NARRATIVE_CHARS}}})?',
        "line": " ".join(
            (
                _key("facts", "{", "["),
                f'fact ("," fact){{0,{MOST_FACTS - 1}}}',
                _key("verdict", "],"),
                "verdict",
                _key("confidence", ","),
                "share",
                _key("severity", ","),
                "severity",
                _key("summary", ","),
                "text",
                _key("actions", ",", "["),
                f'(action ("," action){{0,{MOST_ACTIONS - 1}}})? "]}}"',
            )
        ),
        "fact": f'{_key("text", "{")} text {_key("evidence", ",", "[")} cited ("," cited)? "]}}"',
        "cited": r'"\"E" [1-9] [0-9]? "\""',
        "action": f'{_key("action", "{")} does {_key("target", ",")} text "}}"',
        "does": _one_of(tuple(ACTIONS)),
        "verdict": _one_of(tuple(VERDICTS)),
        "severity": _one_of(_SEVERITIES),
        "share": r'"0." [0-9] [0-9]? | "1.0"',
        "text": rf'"\"" char{{1,{TEXT_CHARS}}} "\""',
        "char": r'[^"\\\x00-\x1f] | "\\" ["\\/nt]',
    }
    return "\n".join(f"{name} ::= {body}" for name, body in rules.items()) + "\n"


VERDICT = Form("verdict", json.dumps(_schema()), _grammar())
"""An investigation's answer."""
