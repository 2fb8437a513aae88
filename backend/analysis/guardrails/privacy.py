"""What may leave: what each model is told of an alert, by the model's rule and the data's class.

Secrets are masked for every model. One's own models (`local-only`) see all the rest in clear; a vendor's
model sees names as pseudonyms unless the config trusts it (`cloud-ok`); data of a `local-only` source goes
to one's own models alone. The stricter of both always holds. `Caller` refuses what did not come through here.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from backend.alerts.model import Alert, DataClass, Fact
from backend.alerts.secrets import mask, mask_named, mask_struct, mask_tree
from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.data_block import RAW_CHARS
from backend.analysis.guardrails.names import learn, phrases, raw_names
from backend.analysis.guardrails.pseudonyms import Case, Kind, Own
from backend.analysis.guardrails.restoring import RestoringReader
from backend.analysis.pane import Reader
from backend.enrichment.base import Evidence
from backend.providers.base import ModelRequest

T = TypeVar("T")

MAX_CASES = 4_096
"""Cases whose pseudonyms are remembered; an older one's are numbered anew, from the same alert alike."""
TEXT_CHARS = 16_384
"""Of one text; a prompt shows a tenth of it."""
KINDS: dict[str, tuple[Kind, ...]] = {
    "user": ("USER", "SID", "DOM"),
    "host": ("HOST",),
    "address": ("IP",),
    "email": ("MAIL",),
}
"""What the config calls the kinds of names."""
_TELLING = 16
"""Characters by which a text that stays here is known where it was cut."""
_PATHS: dict[str, tuple[str, ...]] = {
    "user": (),
    "host": (),
    "title": ("head.title",),
    "description": ("description",),
    "cmd_line": ("process.cmd_line",),
    "process": ("process.name", "process.parent_name"),
    "file": ("file.path", "file.name"),
    "raw": (),
}
FIELDS = (*KINDS, "title", "description", "cmd_line", "process", "file", "raw")
"""Names that `[privacy.fields]` knows beside the names of facts and kinds of evidence."""


class PrivacyRules(msgspec.Struct, frozen=True):
    """`[privacy]`, as the guardrails take it."""

    own_domains: tuple[str, ...] = ()
    own_networks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    fields: Mapping[str, DataClass] = {}
    """Field, fact or kind of evidence to what may be done with it."""


class View:
    """One alert as one kind of model may see it, and the way back for its answer."""

    def __init__(self, alert: Alert, evidence: Sequence[Evidence], case: Case | None) -> None:
        self._case = case
        self.alert = alert
        self.evidence = tuple(evidence)

    @property
    def hides(self) -> bool:
        """Some of it is not told in clear."""
        return self._case is not None

    def text(self, text: str) -> SafeText:
        """A question, an earlier answer, or other prose on the alert."""
        return SafeText(_hidden(self._case, text))

    def of(self, value: T) -> T:
        """An analysis or other struct on the alert, every text of it."""
        return mask_struct(value, lambda text: _hidden(self._case, text))

    def sealed(self, request: ModelRequest) -> ModelRequest:
        """A request made of this view alone: with pseudonyms where it has them, it may go to a vendor."""
        return msgspec.structs.replace(request, hidden=self._case is not None)

    def reader(self, reader: Reader) -> Reader:
        """What reads the answer, with names for pseudonyms."""
        return reader if self._case is None else RestoringReader(reader, self._case)


class Outgoing:
    """One alert on its way to whichever models of a chain are asked."""

    def __init__(
        self, privacy: "Privacy", alert: Alert, evidence: Sequence[Evidence], said: Sequence[str]
    ) -> None:
        self._privacy = privacy
        self._said = tuple(said)
        self._alert = alert
        self._evidence = tuple(evidence)
        self._views: dict[str, View] = {}

    def view(self, rule: DataClass, data: DataClass = "cloud-ok") -> View:
        """What a model under `rule` may see of an alert whose source's class is `data`."""
        kind = "clear" if rule == "local-only" else "hidden" if "pseudonymise" in (rule, data) else "named"
        view = self._views.get(kind)
        if view is None:
            view = self._views[kind] = self._privacy.view(self._alert, self._evidence, kind, self._said)
        return view


class Privacy:
    """The rules, and the pseudonyms of the cases under way. Used on one loop only."""

    def __init__(self, rules: PrivacyRules | None = None) -> None:
        """Raises `ValueError` where a network of `rules` is none."""
        self.rules = rules or PrivacyRules()
        fields = self.rules.fields
        shown = [kind for name, kinds in KINDS.items() if fields.get(name) == "cloud-ok" for kind in kinds]
        self._own = Own(self.rules.own_domains, self.rules.own_networks, self.rules.names, shown)
        self._kept = frozenset(name.lower() for name, one in fields.items() if one == "local-only")
        self._cases: OrderedDict[str, Case] = OrderedDict()

    def outgoing(self, alert: Alert, evidence: Sequence[Evidence], said: Sequence[str] = ()) -> Outgoing:
        """Ready an alert, and what was `said` of it since, for the models that may be asked about it."""
        return Outgoing(self, alert, evidence, said)

    def view(self, alert: Alert, evidence: Sequence[Evidence], kind: str, said: Sequence[str] = ()) -> View:
        """The alert in clear, `named` (without the fields that stay here) or `hidden` (pseudonyms too)."""
        if kind == "clear":
            return View(*_told(alert, evidence, None), None)
        kept_texts = self._kept_texts(alert, evidence)
        if kind == "named" and not self._kept:
            return View(*_told(alert, evidence, None), None)
        case = self._case(alert) if kind == "hidden" else Case(Own(shown=_ALL))
        for text in kept_texts:
            case.learn("KEPT", mask(text))
        if kind == "hidden":
            learn(case, self._own, alert, evidence)
            if len(alert.raw) <= RAW_CHARS:
                raw_names(case, self._own, alert.raw)
            for text in said:
                phrases(case, self._own, text)
        alert, evidence = self._without_kept(alert, evidence, kept_texts)
        return View(*_told(alert, evidence, case), case)

    def _case(self, alert: Alert) -> Case:
        uid = alert.head.uid
        case = self._cases.get(uid)
        if case is None:
            case = self._cases[uid] = Case(self._own)
            while len(self._cases) > MAX_CASES:
                self._cases.popitem(last=False)
        self._cases.move_to_end(uid)
        return case

    def _kept_texts(self, alert: Alert, evidence: Sequence[Evidence]) -> list[str]:
        """Values of fields that stay here: they may stand elsewhere in the alert too."""
        if not self._kept:
            return []
        texts: list[str] = []
        for name in self._kept:
            for path in _PATHS.get(name, ()):
                value: object = alert
                for part in path.split("."):
                    value = getattr(value, part)
                texts.append(str(value))
        if "user" in self._kept:
            for user in (alert.head.user, alert.user_name):
                texts += [user, user.rpartition("\\")[2], user.partition("@")[0]]
        if "host" in self._kept:
            ends = (alert.src.hostname, alert.dst.hostname)
            for host in (alert.head.hostname, alert.device_hostname, *ends):
                texts += [host, host.partition(".")[0]]
        texts += [fact.value for fact in alert.facts if fact.name.lower() in self._kept]
        texts += [item.finding.text for item in evidence if item.finding.kind in self._kept]
        return [text for text in texts if len(text.strip()) > 2]

    def _without_kept(
        self, alert: Alert, evidence: Sequence[Evidence], kept: Sequence[str]
    ) -> tuple[Alert, Sequence[Evidence]]:
        """Any field that stays here stands in the raw record, and cut short in the alert's own line."""
        if not self._kept:
            return alert, evidence
        shown = [_cut(item, kept) if item.finding.kind == "alert" else item for item in evidence]
        return msgspec.structs.replace(alert, raw=bytes(RAW_CHARS + 1)), shown


_ALL: tuple[Kind, ...] = ("USER", "HOST", "IP", "MAIL", "DOM", "SID", "NAME")


def _cut(item: Evidence, kept: Sequence[str]) -> Evidence:
    """A line up to where a text begins that stays here, of which it may hold the beginning alone."""
    text = item.finding.text
    starts = [at for at in (text.find(one[:_TELLING]) for one in kept) if at >= 0]
    if not starts:
        return item
    shown = safe(f"{text[: min(starts)]}(the rest is kept here)")
    finding = msgspec.structs.replace(item.finding, text=shown)
    return msgspec.structs.replace(item, finding=finding)


def _hidden(case: Case | None, text: str) -> str:
    if len(text) > TEXT_CHARS:
        text = text[:TEXT_CHARS]
    text = mask(text)
    return case.hide(text) if case is not None else text


def _told(
    alert: Alert, evidence: Sequence[Evidence], case: Case | None
) -> tuple[Alert, tuple[Evidence, ...]]:
    """Alert and evidence with secrets masked and names hidden, every text of them."""
    change: Callable[[str], str] = lambda text: _hidden(case, text)  # noqa: E731 - bound once for all
    facts = tuple(_fact(fact) for fact in alert.facts)
    shown = msgspec.structs.replace(alert, facts=facts, raw=b"")
    shown = mask_struct(shown, change)
    # The format's name rules what is shown of it, and the uid goes nowhere.
    head = msgspec.structs.replace(shown.head, format=alert.head.format, uid=alert.head.uid)
    shown = msgspec.structs.replace(shown, head=head, raw=_raw(alert.raw, case))
    return shown, tuple(mask_struct(item, change) for item in evidence)


def _fact(fact: Fact) -> Fact:
    value = mask_named(fact.name, fact.value)
    return fact if value is fact.value else msgspec.structs.replace(fact, value=safe(value))


def _raw(raw: bytes, case: Case | None) -> bytes:
    """The raw record as it may be shown; only its length where it is too long to be shown at all."""
    if len(raw) > RAW_CHARS:
        return bytes(len(raw))
    if raw.lstrip()[:1] in (b"{", b"["):
        try:
            tree = mask_tree(msgspec.json.decode(raw))
        except (msgspec.DecodeError, RecursionError):
            if case is not None:
                return bytes(RAW_CHARS + 1)  # its escapes can't be undone, so names may hide in them
        else:
            return msgspec.json.encode(tree if case is None else _tree(case, tree))
    return _hidden(case, raw.decode("utf-8", "replace")).encode("utf-8", "replace")


def _tree(case: Case, value: object) -> object:
    if isinstance(value, str):
        return case.hide(value)
    if isinstance(value, dict):
        return {case.hide(key) if len(key) > 24 else key: _tree(case, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tree(case, inner) for inner in value]
    return value
