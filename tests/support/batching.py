"""A scripted analyst over the wire that answers one alert or many, and may obey what the data tells it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.vendors import Done, Tokens
from tests.support.vendors.script import Script
from tests.support.vendors.server import ReceivedRequest

_BLOCK = re.compile(r"(?:Alert (\S+)\n)?BEGIN DATA (\w+)\n(.*?)\nEND DATA \2", re.DOTALL)
_ORDER = re.compile(r"in this order: (.*)$", re.MULTILINE)
CHECK_TITLE = "LSASS memory dumped, then sent to an outer address"


@dataclass
class Analyst:
    """Judges by `verdict_of`; where a block holds `spell`, all that it can see is harmless to it."""

    verdict_of: Callable[[dict[str, object]], str]
    spell: str = ""
    mangle: Callable[[list[str]], list[str]] = lambda lines: lines
    """What becomes of a batch's lines before they are sent."""
    every_s: float = 0.0
    """Pause before each line of a batch."""
    batches: list[int] = field(default_factory=list)
    """Alerts in each batch that was asked about, without the check alert."""
    singles: int = 0

    def __call__(self, request: ReceivedRequest) -> Script:
        """Answer one request."""
        text = _text(request)
        blocks = [(tag, json.loads(data)) for tag, _, data in _BLOCK.findall(text)]
        if not blocks:
            return (Tokens("ok"), Done())  # a cache is being warmed
        obeys = bool(self.spell) and self.spell in text
        order = _ORDER.search(text)
        if order is None:
            self.singles += 1
            return (Tokens([f"{self._line(blocks[0][1], obeys)}\n\nBecause [E1]."]), Done())
        by_tag = dict(blocks)
        tags = order[1].split(", ")
        self.batches.append(len(tags) - 1)
        lines = [self._line(by_tag[tag], obeys, tag) + "\n" for tag in tags]
        return (Tokens(self.mangle(lines), every_s=self.every_s), Done())

    def _line(self, data: dict[str, object], obeys: bool, tag: str = "") -> str:
        alert = data["alert"]
        assert isinstance(alert, dict)
        verdict = "True Positive" if alert["title"] == CHECK_TITLE else self.verdict_of(alert)
        verdict = "Benign" if obeys else verdict
        said = {"facts": [{"text": str(alert["title"])[:60], "evidence": ["E1"]}], "verdict": verdict}
        return json.dumps(
            ({"alert": tag} if tag else {})
            | said
            | {"confidence": 0.8, "summary": f"{verdict} it is.", "actions": [], "why": "As [E1] says."}
        )


def _text(request: ReceivedRequest) -> str:
    content = request.body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
