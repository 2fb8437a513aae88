"""One case's pseudonyms: names in text become tokens (USER-1, HOST-2, IP-3), and tokens in answers the names.

A token stands for one name in one case alone, so nothing can be put together across cases. Addresses inside,
e-mail addresses and hosts of one's own domains are found by their form, other names are learnt from the alert
first (`names`). Indicators stay: public addresses, domains, hashes. What looks like a token but is none, as
an attacker may write it, gets a token of its own, so that every answer maps back to exactly what was there.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Literal

from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.name_rules import (
    INNER_NETWORKS,
    INNER_SUFFIXES,
    TELLING_ADDRESSES,
    WELL_KNOWN,
)

Kind = Literal["USER", "HOST", "IP", "MAIL", "DOM", "SID", "NAME", "KEPT"]

KINDS = ("USER", "HOST", "IP", "MAIL", "DOM", "SID", "NAME", "KEPT")
MAX_NAMES = 400
"""Names of one case; what comes beyond shares one token per kind, numbered 0, and can't be mapped back."""
MANY = SafeText("(one of too many to tell apart)")
_SHORT = 2
"""Names up to this length are hidden only where they are the whole value: in prose they are words."""
NAME_CHARS = 256
KEPT_CHARS = 4_096

_TOKEN_TEXT = rf"(?<![A-Za-z0-9])(?:{'|'.join(KINDS)})-[0-9]{{1,3}}(?![0-9])"
TOKEN = re.compile(_TOKEN_TEXT, re.IGNORECASE)
_MAIL = r"(?<![\w.+%-])(?P<local>[\w.+%-]{1,64})@(?P<at>(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])"
_V4 = r"(?<![\w.])(?P<v4>[0-9]{1,3}(?:[.-][0-9]{1,3}){3})(?![\w]|\.[0-9])"
_V6 = r"(?<![\w:.])(?P<v6>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:])"
_SID = r"(?P<sid>\bS-1-5-21(?:-[0-9]{1,10}){3,4}\b)"

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Own:
    """What is known to be one's own, whatever alert it turns up in."""

    def __init__(
        self,
        domains: Iterable[str] = (),
        networks: Iterable[str] = (),
        names: Iterable[str] = (),
        shown: Iterable[Kind] = (),
    ) -> None:
        """`domains` are suffixes (`acme.example`), `networks` CIDRs beside the private ones, `names` words to
        hide wherever they stand. `shown` are kinds that need no hiding.

        Raises:
            ValueError: a network is none.
        """
        suffixes = [domain.strip(". ").lower() for domain in domains]
        self.suffixes = tuple(dict.fromkeys(filter(None, (*suffixes, *INNER_SUFFIXES))))
        self.domains = tuple(filter(None, suffixes))
        self.networks: tuple[IPNetwork, ...] = (
            *INNER_NETWORKS,
            *(ipaddress.ip_network(network, strict=False) for network in networks),
        )
        self.names = tuple(name for name in names if name.strip())
        self.shown = frozenset(shown)
        ends = "|".join(re.escape(suffix) for suffix in sorted(self.suffixes, key=len, reverse=True))
        label = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})"
        alone = "|".join(re.escape(suffix) for suffix in self.domains)
        whole = rf"|(?<![\w.-])(?:{alone})(?![\w-]|\.\w)" if alone else ""
        self.fixed = "|".join(
            (
                rf"(?P<token>{_TOKEN_TEXT})",
                _MAIL,
                rf"(?P<fqdn>(?<![\w.-])(?:{label}\.){{1,8}}(?:{ends})(?![\w-]|\.\w){whole})",
                _V4,
                _V6,
                _SID,
            )
        )

    def is_own(self, domain: str) -> bool:
        """Whether a domain lies under one's own suffixes, or under one that exists inside alone."""
        lower = domain.lower().rstrip(".")
        return any(lower == suffix or lower.endswith(f".{suffix}") for suffix in self.suffixes)

    def is_inner(self, text: str) -> bool:
        """Whether an address is one's own or private."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if address in TELLING_ADDRESSES:
            return False
        return any(address.version == network.version and address in network for network in self.networks)


class Case:
    """The pseudonyms of one case; grows as names turn up, and never takes one back."""

    def __init__(self, own: Own) -> None:
        self._own = own
        self._tokens: dict[str, str] = {}
        self._names: dict[str, SafeText] = {}
        self._counts: dict[str, int] = {}
        self._literal: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        for name in own.names:
            self.learn("NAME", name)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def names(self) -> dict[str, SafeText]:
        """Token to name."""
        return dict(self._names)

    def learn(self, kind: Kind, name: str) -> None:
        """Hide `name` from now on wherever it stands as a word. What every machine has stays."""
        name = name.strip()[: NAME_CHARS if kind != "KEPT" else KEPT_CHARS]
        key = name.casefold()
        if not name or key in self._literal or (key in WELL_KNOWN and kind not in ("NAME", "KEPT")):
            return
        if kind in self._own.shown or name.isdigit() or name.startswith("[masked:"):
            return
        if not any(char.isalnum() for char in name):
            return
        self._literal[key] = self._token(kind, name)
        self._pattern = None

    def hide(self, text: str) -> str:
        """`text` with names as tokens; the same object where it holds none."""
        if not text:
            return text
        whole = self._literal.get(text.strip().casefold())
        if whole is not None:
            return whole
        if self._pattern is None:
            self._pattern = self._compiled()
        return self._pattern.sub(self._replaced, text)

    def restore(self, text: str) -> SafeText:
        """`text` with this case's tokens as names; other tokens stay as they are."""
        return self.restore_part(text, 0, len(text))

    def restore_part(self, text: str, start: int, end: int) -> SafeText:
        """The same of `text[start:end]`; what stands before it tells whether a word begins there."""
        parts: list[str] = []
        done = start
        for match in TOKEN.finditer(text, start, end):
            name = self._names.get(match[0].upper())
            if name is not None:
                parts += [text[done : match.start()], name]
                done = match.end()
        return SafeText("".join((*parts, text[done:end])))

    def _token(self, kind: Kind, name: str) -> str:
        key = f"{'' if kind in ('IP', 'MAIL', 'SID') else 'name:'}{name.casefold()}"
        token = self._tokens.get(key)
        if token is None:
            if len(self._names) >= MAX_NAMES:
                token = f"{kind}-0"
                self._names[token] = MANY
                return token
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            token = self._tokens[key] = f"{kind}-{number}"
            self._names[token] = safe(name, KEPT_CHARS)
        return token

    def _replaced(self, match: re.Match[str]) -> str:
        group = match.lastgroup
        text = match[0]
        known = self._literal.get(text.casefold())
        if known is not None:
            return known
        if group == "at":
            return self._mail(match)
        if group in ("v4", "v6"):
            return self._address(text)
        kind: Kind = "HOST" if group == "fqdn" else "SID" if group == "sid" else "NAME"
        # NAME: it looks like a token of ours.
        return text if kind in self._own.shown else self._token(kind, text)

    def _address(self, text: str) -> str:
        address = text.replace("-", ".")  # as in a cloud's host names: ip-10-1-2-3
        inner = "IP" not in self._own.shown and self._own.is_inner(address)
        return self._token("IP", text) if inner else text

    def _mail(self, match: re.Match[str]) -> str:
        if "MAIL" in self._own.shown:
            return f"{self._literal.get(match['local'].casefold(), match['local'])}@{match['at']}"
        if self._own.is_own(match["at"]):
            return self._token("MAIL", match[0])
        # Whose server it is stays: the domain of a sender is an indicator.
        return f"{self._token('MAIL', match['local'])}@{match['at']}"

    def _compiled(self) -> re.Pattern[str]:
        """One pattern for all: what is found by form, then the names, the longest first."""
        by_first: dict[str, list[str]] = {}
        for name in sorted(self._literal, key=len, reverse=True):
            if len(name) > _SHORT or "." in name:
                by_first.setdefault(name[0], []).append(re.escape(name[1:]))
        groups = (f"{re.escape(first)}(?:{'|'.join(rests)})" for first, rests in by_first.items())
        names = "|".join(groups)
        pattern = self._own.fixed
        if names:
            pattern = rf"{pattern}|(?<![^\W_])(?P<name>{names})(?![^\W_])"
        return re.compile(pattern, re.IGNORECASE)
