"""Whether what a model names stands in the alert or its evidence.

Checked are citations, IP addresses, hashes, domains and CVE numbers, in the prose and in the targets of
actions. A name that stands nowhere is flagged, never removed: a person decides what to make of it.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.analysis.model import Verdict
from backend.enrichment.base import Evidence

MAX_UNGROUNDED = 20

_CITATION = re.compile(r"\[\s*(E\d{1,3}(?:\s*[,;]\s*E\d{1,3})*)\s*\]")
_ID = re.compile(r"E\d{1,3}")
_CVE = re.compile(r"\bCVE-\d{4}-\d{4,7}\b", re.IGNORECASE)
_HASH = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})\b", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(/\d{1,2})?(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])([0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(/\d{1,3})?(?![\w:])", re.IGNORECASE)
# Endings of domains that attacks and companies use; others (.py, .name) are far more often files or fields.
_TLDS = (
    "com|net|org|info|biz|edu|gov|mil|int|io|co|ai|app|dev|cloud|online|site|store|shop|xyz|top|club|live|pro|tech"
    "|space|website|icu|work|link|click|download|win|bid|loan|men|stream|tk|ml|ga|cf|gq|ru|cn|su|ua|ir|kp|de|fr|uk"
    "|nl|pl|it|es|be|at|ch|se|no|dk|fi|cz|eu|us|ca|au|nz|jp|kr|in|br|mx|ar|za|tr|il|hk|tw|sg|vn|th|id|ro|hu|bg|gr"
    "|pt|ie|lt|lv|ee|me|tv|cc|ws|onion|local|lan|internal|corp"
)
_DOMAIN = re.compile(
    rf"(?<![\w.@/-])((?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.)+(?:{_TLDS}))(?![\w-]|\.\w)", re.IGNORECASE
)
_DEFANGED = re.compile(r"\[\.\]|\(\.\)|\[dot\]", re.IGNORECASE)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def check(
    verdict: Verdict | None, narrative: str, alert: Alert, evidence: Sequence[Evidence]
) -> tuple[str, ...]:
    """What a verdict and its narrative name that stands in neither the alert nor the evidence, as written.

    A network (`10.1.0.0/16`) is grounded by an address inside it.
    """
    text = _DEFANGED.sub(".", "\n".join(_said(verdict, narrative)))
    known = _Known(alert, evidence)
    found: dict[str, None] = {}
    for name in (*_citations(verdict, text, evidence), *known.missing(text)):
        found[safe(name, 100)] = None
        if len(found) >= MAX_UNGROUNDED:
            break
    return tuple(found)


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
    """Everything that was known, as one text without case, and the addresses in it."""

    def __init__(self, alert: Alert, evidence: Sequence[Evidence]) -> None:
        self._text = _DEFANGED.sub(".", "\n".join(_known_texts(alert, evidence))).casefold()
        self._addresses: frozenset[IPAddress] | None = None
        self._literals: frozenset[str] | None = None

    def missing(self, text: str) -> Iterator[str]:
        for match in _CVE.finditer(text):
            if match[0].casefold() not in self._text:
                yield match[0]
        for match in _HASH.finditer(text):
            if match[0].casefold() not in self._text:
                yield match[0]
        for pattern in (_IPV4, _IPV6):
            for match in pattern.finditer(text):
                if self._lacks_address(match[1], match[2] or ""):
                    yield match[0]
        for match in _DOMAIN.finditer(text):
            if match[1].casefold() not in self._text:
                yield match[1]

    def _lacks_address(self, text: str, prefix: str) -> bool:
        if self._literals is None:
            self._literals = frozenset(m[1] for p in (_IPV4, _IPV6) for m in p.finditer(self._text))
        if text in self._literals and not prefix:
            return False  # as it stands: no need to read it as an address
        try:
            network = ipaddress.ip_network(text + prefix, strict=False)
        except ValueError:
            return False  # a time or a version, no address
        if self._addresses is None:
            self._addresses = frozenset(_addresses(self._text))
        if not prefix:
            return network.network_address not in self._addresses
        return not any(one.version == network.version and one in network for one in self._addresses)


def _addresses(text: str) -> Iterator[IPAddress]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                yield ipaddress.ip_address(match[1])
            except ValueError:
                continue


def _known_texts(alert: Alert, evidence: Iterable[Evidence]) -> Iterator[str]:
    head = alert.head
    yield alert.raw.decode("utf-8", "replace").replace("\\/", "/")
    yield from (head.title, head.rule_name, head.src_ip, head.dst_ip, head.hostname, head.user)
    yield from (alert.description, alert.src.ip, alert.src.hostname, alert.dst.ip, alert.dst.hostname)
    yield from (alert.device_hostname, alert.device_ip, alert.user_name, alert.process.cmd_line)
    yield from (alert.file.path, alert.file.sha256, alert.file.md5)
    yield from (observable.value for observable in alert.observables)
    yield from (fact.value for fact in alert.facts)
    yield from (item.finding.text for item in evidence)
