"""Whether what a model names stands in the alert or its evidence, and in the piece of it that it cites.

A name that stands nowhere is flagged, never removed: a person decides what to make of it, and nothing is
done about it. A fact that cites a piece of evidence in which its names and numbers do not stand is flagged
too (`miscited`), for a citation that bears nothing out looks like proof and is none.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.analysis.guardrails.claims import IPV4, IPV6, Claim, claims, refanged
from backend.analysis.guardrails.dead_text import dead
from backend.analysis.model import KeyFact, Verdict
from backend.enrichment.base import Evidence

MAX_UNGROUNDED = 64
RAW_CHARS = 64 * 1024
"""How much of a raw record is known text; a model is shown far less of it."""
MIN_SHARED_WORDS = 2
"""A fact without a name is borne out where so many of its longer words stand in what it cites."""

_CITATION = re.compile(r"\[\s*(E\d{1,3}(?:\s*[,;]\s*E\d{1,3})*)\s*\]")
_ID = re.compile(r"E\d{1,3}")
_DIGITS = re.compile(r"\d+")
_ESCAPED_SLASH = re.compile(r"\\+/")
_WORD = re.compile(r"[^\W\d_]{5,}")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Grounded(msgspec.Struct, frozen=True):
    """What a look at a verdict's claims gave."""

    ungrounded: tuple[str, ...] = ()
    """Names and citations that stand nowhere."""
    miscited: tuple[str, ...] = ()
    """`NAME in E2`: a fact's name or number that does not stand in what the fact cites."""
    borne_out: int = 0
    """Facts that cite evidence which says what they say."""


def check(
    verdict: Verdict | None, narrative: str, alert: Alert, evidence: Sequence[Evidence]
) -> tuple[str, ...]:
    """What a verdict and its narrative name that stands in neither the alert nor the evidence, as written.

    A network (`10.1.0.0/16`) is grounded by an address inside it.
    """
    return look(verdict, narrative, alert, evidence).ungrounded


def look(verdict: Verdict | None, narrative: str, alert: Alert, evidence: Sequence[Evidence]) -> Grounded:
    """The same with, fact by fact, whether the evidence it cites bears it out."""
    text = refanged("\n".join(_said(verdict, narrative)))
    own = _Known(_alert_texts(alert))
    others = {item.id: _Known((item.finding.text,)) for item in evidence if item.finding.kind != "alert"}
    heads = {item.id: _Known((item.finding.text,)) for item in evidence if item.finding.kind == "alert"}
    everything = (own, *others.values(), *heads.values())
    found: dict[str, None] = {}
    for name in (*_citations(verdict, text, evidence), *_missing(claims(text), everything)):
        found[safe(dead(name), 100)] = None  # as the screen has it, so that it can be struck through there
        if len(found) >= MAX_UNGROUNDED:
            break
    miscited: dict[str, None] = {}
    borne_out = 0
    for fact in verdict.facts if verdict is not None else ():
        cited = [known for one in fact.evidence for known in _cited(one, own, others, heads)]
        wrong = list(_wrong(fact, cited))
        if not wrong and _bears_out(fact, cited):
            borne_out += 1
        for name in wrong:
            miscited[safe(f"{dead(name)} in {'/'.join(fact.evidence)}", 120)] = None
    return Grounded(tuple(found), tuple(miscited)[:MAX_UNGROUNDED], borne_out)


def _cited(
    one: str, own: "_Known", others: dict[str, "_Known"], heads: dict[str, "_Known"]
) -> "tuple[_Known, ...]":
    """What an evidence id stands for: the alert's own stands for all of the alert."""
    if one in heads:
        return (own, heads[one])
    return (others[one],) if one in others else ()


def _wrong(fact: KeyFact, cited: "Sequence[_Known]") -> Iterator[str]:
    if not fact.evidence:
        return
    for claim in claims(refanged(fact.text), numbers=True):
        if not any(known.holds(claim) for known in cited):
            yield claim.text


def _bears_out(fact: KeyFact, cited: "Sequence[_Known]") -> bool:
    """Whether a fact without a wrong name says anything that its citation says."""
    if not cited:
        return False
    text = refanged(fact.text)
    if next(claims(text, numbers=True), None) is not None:
        return True
    words = {word.casefold() for word in _WORD.findall(text)}
    return sum(any(known.mentions(word) for known in cited) for word in words) >= MIN_SHARED_WORDS


def _missing(named: Iterable[Claim], everything: "Sequence[_Known]") -> Iterator[str]:
    return (claim.text for claim in named if not any(known.holds(claim) for known in everything))


def _said(verdict: Verdict | None, narrative: str) -> Iterator[str]:
    yield narrative
    if verdict is not None:
        yield verdict.summary
        yield from (fact.text for fact in verdict.facts)
        yield from (action.target for action in verdict.actions)


def _citations(verdict: Verdict | None, text: str, evidence: Sequence[Evidence]) -> Iterator[str]:
    ids = {item.id for item in evidence}
    cited = [one for group in _CITATION.finditer(text) for one in _ID.findall(group[1])]
    if verdict is not None:
        cited.extend(one for fact in verdict.facts for one in fact.evidence)
    return (one for one in cited if one not in ids)


class _Known:
    """Something that was known, as one text without case, and the addresses and numbers in it."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._text = refanged("\n".join(text for text in texts if text)).casefold()
        self._addresses: frozenset[IPAddress] | None = None
        self._literals: frozenset[str] | None = None
        self._numbers: frozenset[str] | None = None

    def mentions(self, word: str) -> bool:
        """Whether a word, without case, stands in it."""
        return word in self._text

    def holds(self, claim: Claim) -> bool:
        """Whether it says what is claimed."""
        if claim.kind == "address":
            text, slash, bits = claim.text.partition("/")
            return self._has_address(text, slash + bits)
        if claim.kind == "number":
            if self._numbers is None:
                self._numbers = frozenset(_DIGITS.findall(self._text.replace(",", "")))
            return claim.text in self._numbers
        return self._has_name(claim.text.casefold())

    def _has_name(self, name: str) -> bool:
        """Whole names alone: `ad` does not stand in `admin`, nor `corp.com` in `evilcorp.com`."""
        at = self._text.find(name)
        while at >= 0:
            end = at + len(name)
            before = self._text[at - 1] if at else " "
            after = self._text[end] if end < len(self._text) else " "
            if not (before.isalnum() or before == "-") and not after.isalnum():
                return True
            at = self._text.find(name, at + 1)
        return False

    def _has_address(self, text: str, prefix: str) -> bool:
        if self._literals is None:
            self._literals = frozenset(m[1] for p in (IPV4, IPV6) for m in p.finditer(self._text))
        if text in self._literals and not prefix:
            return True  # as it stands: no need to read it as an address
        try:
            network = ipaddress.ip_network(text + prefix, strict=False)
        except ValueError:
            return True  # a time or a version, no address
        if self._addresses is None:
            self._addresses = frozenset(_addresses(self._literals))
        if not prefix:
            return network.network_address in self._addresses
        return any(one.version == network.version and one in network for one in self._addresses)


def _addresses(literals: Iterable[str]) -> Iterator[IPAddress]:
    for text in literals:
        try:
            yield ipaddress.ip_address(text)
        except ValueError:
            continue


def _alert_texts(alert: Alert) -> Iterator[str]:
    head = alert.head
    raw = alert.raw[:RAW_CHARS].decode("utf-8", "replace")
    yield _ESCAPED_SLASH.sub("/", raw).replace("\\\\", "\\")
    yield from (head.title, head.rule_name, head.src_ip, head.dst_ip, head.hostname, head.user, head.product)
    yield from (alert.description, alert.src.ip, alert.src.hostname, alert.dst.ip, alert.dst.hostname)
    yield from (alert.device_hostname, alert.device_ip, alert.user_name, alert.category, alert.action)
    process = alert.process
    yield from (process.name, process.cmd_line, process.parent_name)
    yield from (alert.file.name, alert.file.path, alert.file.sha256, alert.file.md5)
    ports = (head.src_port, head.dst_port, alert.src.port, alert.dst.port, process.pid, alert.count)
    yield " ".join(str(number) for number in ports if number)
    yield from (observable.value for observable in alert.observables)
    yield from (fact.value for fact in alert.facts)
    yield from (f"{attack.technique} {attack.tactic}" for attack in alert.attacks)
