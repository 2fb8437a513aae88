"""Reading a model's answer while it is written: words for the screen at once, the verdict once it is whole.

The form (see `backend.analysis.prompts`): one JSON object first, then Markdown. However the text is cut into
chunks on its way here, the deltas add up to the same text and the end is the same: everything is decided at
places that the text itself sets (`STOP`), never at the end of a chunk.
"""

import re
from collections.abc import Iterator
from typing import Literal

import jiter
import msgspec

from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.dead_text import dead
from backend.analysis.model import Delta, Verdict
from backend.analysis.text_flow import STOP, TextFlow

NARRATIVE_CHARS = 32 * 1024
OBJECT_CHARS = 8 * 1024
"""A verdict object is about 1 KB; one that passes this is no verdict and is read no further."""
RAW_CHARS = 4 * 1024
"""How much of an answer that is not in our form is shown; then reading it is pointless."""
_LEAD_CHARS = 256
"""White space and fence that may stand before the object."""
_BLANK = " \t\r\n"
_PLACE = re.compile(r"(?s:(?<=\\).)|" + STOP.pattern)
"""Where following JSON has to look: quotes, brackets, backslashes, stops, and what a backslash escapes."""
_FENCE = re.compile(r"```[A-Za-z]{0,10}(?=[\s{]|$)")


class VerdictLine(msgspec.Struct, frozen=True):
    """The verdict object is whole and valid."""

    verdict: Verdict
    notes: tuple[str, ...] = ()
    """What had to be dropped from it, in words."""


ReaderEvent = Delta | VerdictLine


class Reading(msgspec.Struct, frozen=True):
    """What a whole answer, or what arrived of one, came to."""

    events: tuple[ReaderEvent, ...]
    """The last ones, beside those that `feed` returned."""
    verdict: Verdict | None
    narrative: SafeText
    problem: str = ""
    """Why there is no verdict to rely on, in one line; empty where there is one."""
    notes: tuple[str, ...] = ()


class _FactLines:
    """The readable lines drawn out of the verdict object while it is written, for display only."""

    def __init__(self) -> None:
        self._index = 0
        self._shown = ""
        self.active = True
        self.broken = False

    def draw_to(self, text: str, stops: list[int], whole: bool) -> SafeText:
        """What has become readable up to the last of `stops`, at each of which `text` might have paused.

        Sound JSON is looked at once. Where it is not, it is looked at stop by stop, so that what was readable
        before the flaw is shown, however much came at once.
        """
        shown = self._draw(text[: stops[-1]], whole)
        if self.broken and len(stops) > 1:
            self.broken, self.active = False, True
            shown = "".join(self._draw(text[:stop], whole=False) for stop in stops[:-1] if self.active)
            self.active = False
        return SafeText(shown)

    def _draw(self, partial: str, whole: bool) -> str:
        """What has become readable, `partial` being the object up to a place where it may pause."""
        try:
            value = jiter.from_json(
                partial.encode("utf-8", "replace"),
                partial_mode="off" if whole else "trailing-strings",
                catch_duplicate_keys=True,
            )
        except ValueError:
            self.active = False
            self.broken = True
            return ""
        facts = value.get("facts") if isinstance(value, dict) else None
        if not isinstance(facts, list):
            return ""
        # A key after the list means that the list is closed.
        closed = whole or next(reversed(value)) != "facts"
        self.active = not closed
        return "".join(self._lines(facts, closed))

    def _lines(self, facts: list[object], closed: bool) -> list[str]:
        from backend.analysis.schema import FACT_CHARS, MAX_FACTS, citations

        out: list[str] = []
        while self._index < min(len(facts), MAX_FACTS):
            fact = facts[self._index]
            entry = fact if isinstance(fact, dict) else {}
            text = entry.get("text")
            shown = SafeText(dead(safe(text.strip(), FACT_CHARS))) if isinstance(text, str) else SafeText("")
            if shown.startswith(self._shown):
                out.append(shown[len(self._shown) :])
                self._shown = shown
            if not closed and self._index == len(facts) - 1:
                break
            cited = entry.get("evidence")
            ids = citations([one for one in cited if isinstance(one, str)]) if isinstance(cited, list) else ()
            if self._shown:
                out.append("".join(f" [{one}]" for one in ids) + "\n")
            self._index, self._shown = self._index + 1, ""
        return out


class VerdictReader:
    """One answer, fed as it comes.

    Goes through: before the object, inside it, after it, narrative; or, where the answer is not in the form,
    raw. `failed` says early that no valid verdict can come any more.
    """

    def __init__(self, turn: int = 0, raw_chars: int = RAW_CHARS) -> None:
        self._turn = turn
        self._take = self._before
        self._buffer = ""
        self._fenced = False
        self._scanned = 0
        self._depth = 0
        self._quoted = self._escaped = False
        self._facts = _FactLines()
        self._narrative = TextFlow(NARRATIVE_CHARS)
        self._raw = TextFlow(raw_chars)
        self._line: VerdictLine | None = None
        self._unready: VerdictLine | None = None
        self._problem = ""
        self._events: list[ReaderEvent] = []

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, once its object was whole and valid; None also where something later spoilt it."""
        return self._line.verdict if self._line is not None and not self._problem else None

    @property
    def failed(self) -> bool:
        """No valid verdict can come any more, so reading on is pointless."""
        return bool(self._problem) and (self._take != self._show_raw or self._raw.full)

    def feed(self, text: str) -> list[ReaderEvent]:
        """Take some more of the answer; returns what it adds to the screen, and the verdict once whole."""
        self._buffer += text
        self._advance()
        return self._drain()

    def finish(self) -> Reading:
        """The answer has ended, well or not."""
        if self._take == self._after:
            self._ready()
        elif self._take == self._between:
            self._begin_narrative()
        elif self._take == self._before:
            if self._buffer.strip():
                self._begin_raw()
            else:
                self._fail("the answer is empty")
        elif self._take == self._inside:
            self._fail("the answer ended inside its verdict object")
        self._advance()
        self._delta("raw", self._raw.finish())
        self._delta("narrative", self._narrative.finish())
        line = self._line
        return Reading(
            events=tuple(self._drain()),
            verdict=self.verdict,
            narrative=self._narrative.text,
            problem=self._problem,
            notes=line.notes if line is not None else (),
        )

    def _advance(self) -> None:
        # Each step returns True when it has handed over to another that may go on with the buffer.
        while self._buffer and self._take():
            pass

    def _drain(self) -> list[ReaderEvent]:
        events, self._events = self._events, []
        return events

    def _delta(self, kind: Literal["facts", "narrative", "raw"], text: SafeText) -> None:
        if text:
            self._events.append(Delta(self._turn, text, kind))

    def _fail(self, problem: str) -> None:
        self._problem = self._problem or problem
        self._buffer = ""
        self._take = self._ignore

    # --- the steps -------------------------------------------------------------------------------------

    def _before(self) -> bool:
        start = _object_start(self._buffer)
        if start is None:
            return False
        if start < 0:
            self._begin_raw()
            return True
        self._fenced = "`" in self._buffer[:start]
        self._buffer = self._buffer[start:]
        self._take = self._inside
        return True

    def _inside(self) -> bool:
        stops: list[int] = []
        for at in self._places():
            stop = self._scan(self._buffer[at])
            if self._depth == 0:
                return self._object_whole(at + 1, stops)
            if stop:
                stops.append(at + 1)
        if stops and self._facts.active:
            self._delta("facts", self._facts.draw_to(self._buffer, stops, whole=False))
        self._scanned = len(self._buffer)
        if self._scanned >= OBJECT_CHARS:
            self._fail(f"the verdict object is longer than {OBJECT_CHARS} characters")
        return False

    def _places(self) -> Iterator[int]:
        """Where something may happen in what has not been followed yet; what follows a backslash is one."""
        for match in _PLACE.finditer(self._buffer, self._scanned, OBJECT_CHARS):
            yield match.start()

    def _scan(self, char: str) -> bool:
        """Follow strings and nesting; True where the text may be shown up to here."""
        if self._escaped:
            self._escaped = False
            return False
        if self._quoted:
            self._escaped = char == "\\"
            self._quoted = char != '"'
            return not self._escaped and STOP.match(char) is not None
        self._quoted = char == '"'
        self._depth += (char in "{[") - (char in "}]")
        return char in "}],"

    def _object_whole(self, end: int, stops: list[int]) -> bool:
        from backend.analysis.schema import InvalidVerdictError, check

        text, self._buffer = self._buffer[:end], self._buffer[end:]
        if self._facts.active:
            self._delta("facts", self._facts.draw_to(text, [*stops, end], whole=True))
        try:
            checked = check(text)
        except InvalidVerdictError as error:
            self._fail(safe(str(error), 200))
            return False
        self._unready = VerdictLine(checked.verdict, checked.notes)
        self._take = self._after
        return True

    def _after(self) -> bool:
        """The rest of the verdict's own line must not hold a second object."""
        self._buffer = self._buffer.lstrip(" \t")
        if not self._buffer:
            return False
        if self._buffer[0] == "{":
            self._fail("a second JSON object stands beside the verdict")
            return False
        self._ready()
        return True

    def _ready(self) -> None:
        if self._unready is not None:
            self._line, self._unready = self._unready, None
            self._events.append(self._line)
        self._take = self._between

    def _between(self) -> bool:
        rest = self._buffer.lstrip(_BLANK)
        if self._fenced:
            if len(rest) < 3 and "```".startswith(rest):
                return False
            rest = rest.removeprefix("```")
            self._fenced = False
        self._buffer = rest
        start = _object_start(rest)
        if start is None:
            return False
        if start >= 0:
            self._fail("a second JSON object follows the verdict")
            return False
        self._begin_narrative()
        return True

    def _begin_narrative(self) -> None:
        self._take = self._show_narrative

    def _begin_raw(self) -> None:
        self._problem = "the answer does not begin with a verdict object"
        self._take = self._show_raw

    def _show_narrative(self) -> bool:
        text, self._buffer = self._buffer, ""
        self._delta("narrative", self._narrative.feed(text))
        return False

    def _show_raw(self) -> bool:
        text, self._buffer = self._buffer, ""
        self._delta("raw", self._raw.feed(text))
        return False

    def _ignore(self) -> bool:
        self._buffer = ""
        return False


def _object_start(text: str) -> int | None:
    """Where the JSON object begins, behind white space and a code fence; -1: it does not; None: wait."""
    head = text.lstrip("\ufeff \t\r\n")
    if head.startswith("```"):
        fence = _FENCE.match(head)
        if fence is None:
            return -1
        head = head[fence.end() :].lstrip(_BLANK)
    elif head and "```".startswith(head):
        head = ""
    start = len(text) - len(head)
    if start > _LEAD_CHARS:
        return -1
    if not head:
        return None
    return start if head.startswith("{") else -1
