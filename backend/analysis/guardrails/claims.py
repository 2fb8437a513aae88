"""The concrete names in a text: what of it can be looked up in the evidence.

Addresses, hashes, CVE numbers, domains, e-mail addresses, URLs, paths, programs, users and hosts, where they
look like such. Ordinary words must not: what is written after "user" or "on" counts as a name only where no
ordinary word looks like it (a digit with a hyphen, quotes, a verb that only a person can do behind it).
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

Kind = Literal[
    "cve", "hash", "address", "domain", "email", "url", "path", "program", "user", "host", "number"
]

MAX_CLAIMS = 200
"""Of one text; a narrative is 32 k characters at most and names a dozen things."""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """One name as a text gives it."""

    kind: Kind
    text: str
    """As it is written, defanging undone."""


_CVE = re.compile(r"\bCVE-\d{4}-\d{4,7}\b", re.IGNORECASE)
_HASH = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})\b", re.IGNORECASE)
IPV4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(/\d{1,2})?(?![\w]|\.\d)")
IPV6 = re.compile(r"(?<![\w:])([0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(/\d{1,3})?(?![\w:])", re.IGNORECASE)
# Endings of domains that attacks and companies use; others (.py, .name) are far more often files or fields.
_TLDS = (
    "com|net|org|info|biz|edu|gov|mil|int|io|co|ai|app|dev|cloud|online|site|store|shop|xyz|top|club|live|pro|tech"
    "|space|website|icu|work|link|click|download|win|bid|loan|men|stream|tk|ml|ga|cf|gq|ru|cn|su|ua|ir|kp|de|fr|uk"
    "|nl|pl|it|es|be|at|ch|se|no|dk|fi|cz|eu|us|ca|au|nz|jp|kr|in|br|mx|ar|za|tr|il|hk|tw|sg|vn|th|id|ro|hu|bg|gr"
    "|pt|ie|lt|lv|ee|me|tv|cc|ws|onion|local|lan|internal|corp|example|test|invalid"
)
_DOMAIN = re.compile(
    rf"(?<![\w.@/-])((?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.)+(?:{_TLDS}))(?![\w-]|\.\w)", re.IGNORECASE
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_URL = re.compile(
    r"\b(?:https?|ftps?|file|smb|ldaps?|ssh|s3|gs|data|javascript):(?://)?[^\s`\"'<>|)\]]{3,300}",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?<![\w\\/.:-])(?:[A-Za-z]:\\[^\s`\"'|<>*?,;()]{2,250}|\\\\[\w.$-]{1,64}\\[^\s`\"'|<>*?,;()]{1,250}"
    r"|/(?:etc|usr|var|tmp|home|opt|bin|sbin|root|srv|mnt|media|Users|Library|private|Applications|dev|proc)"
    r"/[\w./@+~-]{1,250})"
)
_PROGRAM = re.compile(
    r"(?<![\w\\/.-])[\w-]{1,60}(?:\.[\w-]{1,30}){0,3}\.(?:exe|dll|sys|ps1|bat|cmd|vbs|hta|scr|msi|lnk|jar|sh|py|elf)"
    r"(?![\w-]|\.\w)",
    re.IGNORECASE,
)
_SAM = re.compile(r"(?<![\w\\:.-])[A-Z][A-Z0-9-]{1,15}\\[\w.$-]{2,64}(?![\\\w])")
_CUED = re.compile(
    r"\b(?P<cue>users?|accounts?|username|login|hosts?|hostname|server|machine|workstation|device|endpoint|laptop)"
    r"(?: (?:named|called|name))?[ :=]{1,2}"
    r"(?:(?P<q>[`'\"“*]{1,2})(?P<quoted>[\w.$@\\-]{2,64})[`'\"”*]|(?P<bare>[A-Za-z][\w.$-]{1,63}))",
    re.IGNORECASE,
)
_DID = re.compile(
    r"\b(?:user|account|employee|analyst) ([a-z]{3,20}) "
    r"(?:logged|signed|ran|authenticated|typed|downloaded)\b"
)
_MACHINE = re.compile(
    r"(?<![\w.@/\\:-])[A-Za-z][A-Za-z0-9]{0,30}(?:-[A-Za-z0-9]{1,30}){0,4}-[A-Za-z]{0,12}\d[A-Za-z0-9]{0,12}(?![\w-])"
)
_NUMBER = re.compile(r"(?<![\w.:/-])\d{1,3}(?:,\d{3})+(?![\w])|(?<![\w.:/,-])\d{2,15}(?![\w:/-]|\.\d)")

# Words that only look like names behind a cue, and names that an analyst may use without evidence: what every
# system has.
_NO_NAME = re.compile(
    r"(?:t\d{4}|ta\d{4}|cve|rfc|utf|sha|md|base|win|x|http|tls|ssl|port|event|rule|type|level|class|tier|part|day|week"
    r"|step|phase|ipv?|log|pid|sid|iso|aes|rsa|kb|ms|e|id|stage|top|covid|zero|gpt|claude|windows|server|office|option"
    r"|version|v|point|case|chg|inc|ticket|f|q|h|p|article|section|layer|cat|nist|sp|soc|ps|tcp|udp|python|java"
    r"|net|figure|table|page|line|number|no|hour|minute|year|month|round|group|u)[-_]?\d[\d.-]*[a-z]?(?:-\d+)*",
    re.IGNORECASE,
)
_WORDS = """
that who which this then also never has had was were is are and the successfully account accounts activity
agent name names not group groups just often since recently previously repeatedly normally usually reportedly
apparently may might can could should later first last once already
"""
_PROGRAMS = """
cmd.exe powershell.exe pwsh.exe explorer.exe svchost.exe lsass.exe services.exe rundll32.exe regsvr32.exe
wscript.exe cscript.exe mshta.exe conhost.exe winlogon.exe taskhostw.exe schtasks.exe msiexec.exe w3wp.exe
kernel32.dll ntdll.dll ntds.dit install.sh setup.exe setup.py
"""
_NOT_A_USER = frozenset(_WORDS.split())
_EVERYWHERE = frozenset(_PROGRAMS.split())
_WELL_KNOWN_PATHS = re.compile(
    r"(?:/var/log(?:/[\w.-]+){0,2}"
    r"|/etc/(?:passwd|shadow|group|sudoers|hosts|crontab|cron\.\w+|ssh(?:/sshd_config)?|resolv\.conf)"
    r"|/tmp|/var/tmp|/dev/(?:null|shm|tcp)|/usr/(?:local/)?s?bin|/root/\.ssh(?:/authorized_keys)?|/bin/(?:ba|z)?sh"
    r"|c:\\windows(?:\\(?:system32|temp|syswow64|tasks|prefetch))?|c:\\users(?:\\public)?|c:\\program(?:data)?)[/\\]?",
    re.IGNORECASE,
)
_DEFANGED_DOT = re.compile(r"\[\.\]|\(\.\)|\[dot\]", re.IGNORECASE)
_DEFANGED_SCHEME = re.compile(r"\bhxxp(s?)(?=(?:\[:\]|:)//)", re.IGNORECASE)


def refanged(text: str) -> str:
    """`text` with addresses as machines write them: `hxxp://a[.]b` is `http://a.b`."""
    if "[" in text or "(.)" in text:
        text = _DEFANGED_DOT.sub(".", text).replace("[:]//", "://")
    return _DEFANGED_SCHEME.sub(r"http\1", text) if "xxp" in text.casefold() else text


def claims(text: str, *, numbers: bool = False) -> Iterator[Claim]:
    """The names in a text (`refanged` before), each once, at most `MAX_CLAIMS`.

    `numbers` adds those of two digits and more: in a cited fact they are claims too, in free prose (sums,
    times, shares) they are not.
    """
    seen: set[tuple[str, str]] = set()
    for find in (*_FINDERS, _numbers) if numbers else _FINDERS:
        for claim in find(text):
            key = (claim.kind, claim.text)
            if key not in seen:
                seen.add(key)
                yield claim
                if len(seen) >= MAX_CLAIMS:
                    return


def _plain(kind: Kind, pattern: re.Pattern[str]) -> Callable[[str], Iterator[Claim]]:
    def find(text: str) -> Iterator[Claim]:
        for match in pattern.finditer(text):
            yield Claim(kind, match[0])

    return find


def _addresses(text: str) -> Iterator[Claim]:
    for pattern in (IPV4, IPV6):
        for match in pattern.finditer(text):
            yield Claim("address", match[0])


def _emails(text: str) -> Iterator[Claim]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Claim("email", match[0].rstrip(".-"))


def _urls(text: str) -> Iterator[Claim]:
    if ":" in text:
        for match in _URL.finditer(text):
            yield Claim("url", match[0].rstrip(".,;:!?*/…"))


def _paths(text: str) -> Iterator[Claim]:
    if "/" in text or "\\" in text:
        for match in _PATH.finditer(text):
            path = match[0].rstrip(".:*")
            if not _WELL_KNOWN_PATHS.fullmatch(path):
                yield Claim("path", path)


def _programs(text: str) -> Iterator[Claim]:
    for match in _PROGRAM.finditer(text):
        if match[0].casefold() not in _EVERYWHERE:
            yield Claim("program", match[0])


def _people(text: str) -> Iterator[Claim]:
    for match in _SAM.finditer(text):
        yield Claim("user", match[0])
    for match in _DID.finditer(text):
        if match[1] not in _NOT_A_USER and not match[1].endswith("ly"):
            yield Claim("user", match[1])
    for match in _CUED.finditer(text):
        user = match["cue"][0].casefold() in "ual" and match["cue"].casefold() != "laptop"
        name = (match["quoted"] or match["bare"]).rstrip(".-")
        if len(name) > 1 and (match["quoted"] or _looks_named(name)):
            yield Claim("user" if user else "host", name)


def _looks_named(word: str) -> bool:
    """No ordinary word is written like this: a digit or an underscore inside, or a dollar at its end."""
    if _NO_NAME.fullmatch(word):
        return False
    return any(char.isdigit() for char in word) or "_" in word or word.endswith("$")


def _machines(text: str) -> Iterator[Claim]:
    if "-" in text:
        for match in _MACHINE.finditer(text):
            if not _NO_NAME.fullmatch(match[0]):
                yield Claim("host", match[0])


def _numbers(text: str) -> Iterator[Claim]:
    for match in _NUMBER.finditer(text):
        yield Claim("number", match[0].replace(",", ""))


_FINDERS: tuple[Callable[[str], Iterator[Claim]], ...] = (
    _plain("cve", _CVE),
    _plain("hash", _HASH),
    _addresses,
    _plain("domain", _DOMAIN),
    _emails,
    _urls,
    _paths,
    _programs,
    _people,
    _machines,
)
