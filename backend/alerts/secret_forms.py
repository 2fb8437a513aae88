"""How secrets look: the vendors' own forms, headers, command lines, and the names that stand beside them.

Forms are the vendors' published ones, or as their SDKs write them. Every repetition is bounded.
"""

import re
from collections.abc import Iterable

_FORMS: dict[str, str] = {
    "aws_key_id": r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    "aws_session_token": r"\b(?:FwoGZXIvYXdz|FQoGZXIvYXdz|IQoJb3JpZ2lu)[A-Za-z0-9/+=%]{20,4096}",
    "google_key": r"\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,2048}|\bGOCSPX-[0-9A-Za-z_-]{20,64}"
    r"|\b1//0[0-9A-Za-z_-]{30,512}",
    "azure_secret": r"(?<![\w~.-])[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,40}"
    r"|(?<=\?sig=)[A-Za-z0-9%+/=]{40,200}|(?<=&sig=)[A-Za-z0-9%+/=]{40,200}",
    "github_token": r"\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_[A-Za-z0-9_]{22,255}",
    "gitlab_token": r"\bgl(?:pat|ptt|dt|rt|cbt|agent|soat|ft|imt)-[A-Za-z0-9_.-]{20,300}",
    "slack_token": r"\bxox[abeoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,255}|\bxapp-\d-[A-Za-z0-9-]{10,255}"
    r"|(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,100}"
    r"|(?<=hooks\.slack\.com/workflows/)[A-Za-z0-9/]{20,200}",
    "webhook": r"(?<=/api/webhooks/)\d{10,25}/[A-Za-z0-9_-]{20,200}",
    "stripe_key": r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,255}|\bwhsec_[A-Za-z0-9+/=]{16,255}",
    "anthropic_key": r"\bsk-ant-[A-Za-z0-9_-]{16,255}",
    "openai_key": r"(?<![\w-])sk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,255}",
    "model_key": r"\bhf_[A-Za-z0-9]{30,64}|\bgsk_[A-Za-z0-9]{40,64}|\br8_[A-Za-z0-9]{30,64}"
    r"|\bxai-[A-Za-z0-9]{40,128}"
    r"|\bpplx-[A-Za-z0-9]{40,64}|\bdapi[0-9a-f]{32}(?:-\d)?\b|\bABSK[A-Za-z0-9+/=]{100,400}",
    "package_token": r"\bnpm_[A-Za-z0-9]{36}|\bpypi-[A-Za-z0-9_-]{50,512}"
    r"|\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}|\brubygems_[0-9a-f]{48}",
    "cloud_token": r"\bdo[opr]_v1_[0-9a-f]{64}|\bhv[sbr]\.[A-Za-z0-9_-]{24,512}"
    r"|\btskey-[a-z]{2,12}-[A-Za-z0-9-]{10,100}|\bsbp_[0-9a-f]{40}|\bdop_v1_[0-9a-f]{64}|\bLTAI[A-Za-z0-9]{12,30}\b",
    "service_token": r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
    r"|\bsq0(?:atp|csp)-[A-Za-z0-9_-]{20,64}|\bATATT3[A-Za-z0-9_=-]{50,255}|\blin_api_[A-Za-z0-9]{32,64}"
    r"|\bntn_[A-Za-z0-9]{40,64}|\bNRAK-[A-Z0-9]{27}|\bgl(?:sa|c)_[A-Za-z0-9_=+/]{20,255}"
    r"|\bsntrys_[A-Za-z0-9_=+/-]{30,255}|\bkey-[0-9a-f]{32}\b|\bSK[0-9a-f]{32}\b|\bfigd_[A-Za-z0-9_-]{30,64}"
    r"|\bEAA[A-Za-z0-9]{80,255}|\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}",
    "bot_token": r"(?<![\w:])\d{8,10}:AA[A-Za-z0-9_-]{32,36}(?![\w-])",
    "age_key": r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,60}",
    "JWT": r"\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}(?:\.[A-Za-z0-9_-]{0,2048})?",
}
_HINTS: dict[str, tuple[str, ...]] = {
    "aws_key_id": ("AKIA", "ASIA", "ABIA", "ACCA"),
    "aws_session_token": ("oGZXIvYXdz", "IQoJb3JpZ2lu"),
    "google_key": ("AIza", "ya29.", "GOCSPX-", "1//0"),
    "azure_secret": ("Q~", "sig="),
    "github_token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "gitlab_token": ("glp", "gldt-", "glrt-", "glcbt-", "glagent-", "glsoat-", "glft-", "glimt-"),
    "slack_token": ("xox", "xapp-", "hooks.slack.com"),
    "webhook": ("/api/webhooks/",),
    "stripe_key": ("k_live_", "k_test_", "whsec_"),
    "anthropic_key": ("sk-ant-",),
    "openai_key": ("sk-",),
    "model_key": ("hf_", "gsk_", "r8_", "xai-", "pplx-", "dapi", "ABSK"),
    "package_token": ("npm_", "pypi-", "dckr_", "rubygems_"),
    "cloud_token": ("_v1_", "hvs.", "hvb.", "hvr.", "tskey-", "sbp_", "LTAI"),
    "service_token": (
        "SG.", "shpat_", "shpca_", "shppa_", "shpss_", "sq0", "ATATT3", "lin_api_", "ntn_", "NRAK-", "glsa_",
        "glc_", "sntrys_", "key-", "SK", "figd_", "EAA", "PMAK-",
    ),
    "bot_token": (":AA",),
    "age_key": ("AGE-SECRET-KEY-",),
    "JWT": ("eyJ",),
}  # fmt: skip

TOKENS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = tuple(
    (_HINTS[kind], re.compile(form), kind.replace("_", " ")) for kind, form in _FORMS.items()
)
"""Secrets that are known by their form alone: what stands in each such text, the form, and what it is."""


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern that is found where one of `words` stands; beginnings are shared, one step a character."""
    shortest: list[str] = []
    for word in sorted(set(words)):
        if not shortest or not word.startswith(shortest[-1]):
            shortest.append(word)
    return re.compile(_tree(shortest))


def _tree(words: list[str]) -> str:
    """Sorted words, none the beginning of another."""
    ends: dict[str, list[str]] = {}
    for word in words:
        ends.setdefault(word[0], []).append(word[1:])
    branches = [
        re.escape(first) + (_tree(rest) if len(rest) > 1 else re.escape(rest[0]))
        for first, rest in ends.items()
    ]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


_Q = r"\\{0,4}[\"']?"
_SCHEMES = (
    r"(?:basic|bearer|digest|token|negotiate|ntlm|ssws|apikey|hawk|dpop|splunk|genielkey|aws4-hmac-sha256)"
)


def _form(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_SPACES = "".join(char for char in map(chr, range(0x3001)) if char.isspace())
_SID = tuple(f"sid{char}" for char in f"\\\"':={_SPACES}")
"""The name alone, for it stands in many words: `inside`."""

HEADERS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (
        ("authorization",),
        _form(
            rf"authorization{_Q}\s{{0,4}}[:=]\s{{0,4}}{_Q}(?:{_SCHEMES}\s{{1,4}})?(?P<secret>[^\"'\r\n\\]{{4,4096}})"
        ),
        "credentials",
    ),
    (
        ("bearer ", "basic "),
        _form(
            r"\b(?:bearer|basic)\s{1,4}(?P<secret>(?=[A-Za-z._~+/=-]{0,64}[0-9=])[A-Za-z0-9._~+/=-]{12,4096})"
        ),
        "credentials",
    ),
    (
        ("cookie",),
        _form(rf"\b(?:set-)?cookies?2?{_Q}\s{{0,4}}[:=]\s{{0,4}}{_Q}(?P<secret>[^\"'\r\n\\]{{4,8192}})"),
        "cookie",
    ),
    (
        ("sess", *_SID, "csrf", "xsrf", ".aspxauth", "laravel_", "wordpress_logged"),
        _form(
            r"\b(?:phpsessid|jsessionid|asp\.net_sessionid|aspsessionid[a-z]{0,12}|\.aspxauth|connect\.sid|sessionid"
            r"|session_?(?:id|token|key)|sessid|sid|csrf_?token|xsrf-token|laravel_session|wordpress_logged_in_[0-9a-f]{0,40})"
            rf"{_Q}\s{{0,4}}[:=]\s{{0,4}}{_Q}"
            r"(?P<secret>(?=[A-Za-z%._:+/-]{0,64}[0-9])(?![0-9a-f]{8}-[0-9a-f]{4}-)(?!S-1-)[A-Za-z0-9%._:+/=-]{16,1024})"
        ),
        "session",
    ),
)
"""Hints in lower case, what to look for, and what it is. The group `secret` is what is masked."""

_BARE = r"\\{0,2}[\"']?(?P<secret>[^\s\"'\\|<>]{2,256})"
_GAP = r"[^|;&\r\n]{0,200}?\s"

COMMANDS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (
        ("mysql", "mariadb", "7z", "rar", "sshpass"),
        _form(
            rf"\b(?:mysql\w{{0,12}}|mariadb\w{{0,12}}|7z[ar]?(?:\.exe)?|(?:win)?rar(?:\.exe)?|sshpass)\b{_GAP}"
            rf"-h?p\s?{_BARE}"
        ),
        "password",
    ),
    (
        (
            "psexec",
            "docker",
            "podman",
            "evil-winrm",
            "crackmapexec",
            "netexec",
            "nxc",
            "paexec",
            "winexe",
            "hydra",
        ),
        _form(
            r"\b(?:psexec\w{0,4}(?:\.exe)?|paexec(?:\.exe)?|docker|podman|evil-winrm|crackmapexec|cme|netexec|nxc|hydra)\b"
            rf"{_GAP}-p\s{{1,4}}{_BARE}"
        ),
        "password",
    ),
    (
        ("plink", "pscp", "psftp", "putty", "kitty"),
        _form(rf"\b(?:plink|pscp|psftp|putty|kitty)(?:\.exe)?\b{_GAP}-pw\s{{1,4}}{_BARE}"),
        "password",
    ),
    (
        ("redis-cli", "sqlcmd", "ldapsearch", "ldapmodify", "bcp", "osql"),
        _form(
            rf"\b(?:redis-cli\b{_GAP}-a|(?:sqlcmd|osql|bcp)(?:\.exe)?\b{_GAP}(?-i:-P)"
            rf"|ldap(?:search|modify|add|delete)\b{_GAP}-w)\s{{0,4}}{_BARE}"
        ),
        "password",
    ),
    (
        ("curl", "wget", "smbclient", "rpcclient", "winexe", "pth-", "net rpc"),
        _form(
            rf"\b(?:curl(?:\.exe)?\b{_GAP}(?:-u|--user|--proxy-user)\s{{0,4}}=?\\{{0,2}}[\"']?[^\s:\"'%]{{1,100}}:"
            rf"|(?:smbclient|rpcclient|winexe|pth-\w{{1,12}}|net\srpc)\b{_GAP}-U\s{{0,4}}\\{{0,2}}[\"']?[^\s%\"']{{1,100}}%)"
            r"(?P<secret>[^\s\"'\\|<>]{2,256})"
        ),
        "password",
    ),
    (
        ("net user", "net1 user", "net.exe", "net1.exe"),
        _form(
            r"\bnet1?(?:\.exe)?\\{0,2}[\"']?\s{1,8}user\s{1,8}[^\s/]{1,64}\s{1,8}"
            r"(?P<secret>(?=[^\s\"'\\]{0,64}[^\sA-Za-z\"'\\]|[A-Za-z]{2,64}\s{1,4}/)[^\s/\"'\\|<>*]{2,128})"
        ),
        "password",
    ),
    (
        ("net use", "net1 use"),
        _form(
            r"\bnet1?(?:\.exe)?\\{0,2}[\"']?\s{1,8}use\s[^|\r\n]{0,200}?/u(?:ser)?:\S{1,100}\s{1,8}"
            r"(?P<secret>[^\s/\"'\\|<>*]{2,128})"
        ),
        "password",
    ),
    (
        ("/p", "/rp", "-pass"),
        _form(
            r"(?<=\s)(?:/(?:p|pass|password|rp)|-pass(?:in|out|word)?)(?::|\s{1,4}pass:|=|(?<=/rp)\s{1,4}|(?<=word)\s{1,4})"
            rf"{_BARE}"
        ),
        "password",
    ),
    (
        ("--pass", "--pw", "--secret", "--token", "--api", "--auth", "--access-key", "--key", "--cred"),
        _form(
            r"(?<![\w-])--(?:[a-z]{1,16}-){0,2}(?:passw(?:or)?d|pass|passphrase|pwd|pw|secret|token|apikey|api-key|auth-token"
            rf"|access-key|secret-key|credentials?)(?:=|\s{{1,4}}){_BARE}"
        ),
        "password",
    ),
    (
        ("securestring", "networkcredential", "pscredential"),
        _form(
            r"(?:convertto-securestring(?:\s{1,4}-string)?\s{1,4}|networkcredential\([^,)\r\n]{1,100},\s{0,4})"
            r"\\{0,2}[\"'](?P<secret>[^\"'\r\n]{2,256})"
        ),
        "password",
    ),
    (
        ("@",),
        _form(
            r"(?<![\w/:.-])[\w.-]{1,64}/[\w.$-]{1,64}:(?P<secret>[^\s:@/\"'\\]{2,128})@(?=[\w.-]{1,253}(?:\s|$|[\"']))"
        ),
        "password",
    ),
    (
        ("sudo -s", "sudo --stdin", "passwd", "chpasswd"),
        _form(
            r"\becho\s{1,4}(?:-n\s{1,4})?(?:\\{0,2}[\"'])?(?:[\w.$-]{1,32}:)?(?P<secret>[^\s\"'|:]{2,128})"
            r"(?:\\{0,2}[\"'])?\s{0,4}\|\s{0,4}(?:sudo\s{1,4}(?:-S|--stdin)|(?:sudo\s{1,4})?(?:ch)?passwd)"
        ),
        "password",
    ),
)
"""Passwords on command lines, as `HEADERS`."""


def _each(words: str, ending: str) -> str:
    """An alternative for each word. Where all begin with a letter, a search skips to those letters."""
    return "|".join(f"{word}{ending}" for word in words.split())


_PASSWORDS = (
    r"pass(?:w(?:or)?d|phrase|code|wrd)"
    rf"|{_each('user auth login admin db smtp ftp root my ssh proxy redis', '_?pass(?![a-z])')}"
    r"|pass(?<![a-z]pass)(?=[\"'=])|pwd(?![a-z])|passwort|kennwort|contrase[nñ]a|mot_?de_?passe|senha|пароль|密码"
    r"|client_?secret|secret(?:_?access)?_?key|secret(?<![a-z]secret)(?![a-z])|shared_?secret|accountkey"
    r"|sharedaccesskey|private_?key(?!\s{0,4}token)|aws_?secret\w{0,16}"
)
_KEYS = (
    r"api[_-]?key|apikey|access[_-]?(?:key|token)|auth[_-]?(?:key|token)|refresh[_-]?token|id[_-]?token"
    rf"|{_each('bearer session csrf xsrf user bot app deploy personal security oauth sas', '[_-]?token')}"
    r"|login[_-]?token|reset[_-]?token"
    r"|token(?<![a-z]token)|credentials?|encryption[_-]?key|signing[_-]?(?:key|secret)"
    r"|consumer[_-]?(?:key|secret)|x-vault-token|vault-token|x-amz-security-token|license[_-]?key"
    r"|webhook[_-]?secret|connection_?string"
)
NAMED_PASSWORDS = re.compile(_PASSWORDS, re.IGNORECASE)
"""Beside one of these stands a secret, however short."""
NAMED_KEYS = re.compile(_KEYS, re.IGNORECASE)
"""Beside one of these stands a secret where the value is long and looks drawn by lot."""
LOWER_PASSWORDS, LOWER_KEYS = re.compile(_PASSWORDS), re.compile(_KEYS)
"""The same for ASCII text in lower case, several times faster: a search without regard to case can't skip."""
NAMES = (
    "pass", "pwd", "kennwort", "contrase", "mot_de", "motdep", "senha", "пароль", "密码", "secret", "key",
    "token", "credential", "connectionstring", "connection_string",
)  # fmt: skip
"""Parts in lower case, one of which stands in every name above."""

VALUE = re.compile(
    r"(?P<behind>[\w.-]{0,24})(?P<quote>\\{0,4}[\"']?)\]?\s{0,4}(?P<sign>=>|:=|[:=])\s{0,4}"
    r"(?:\\{0,4}\"(?P<double>[^\"\\]{1,2048})|\\{0,4}'(?P<single>[^'\\]{1,2048})|(?P<bare>[^\s\"'&,;<>(){}\[\]\\|]{1,1024}))"
)
"""What may stand behind a telling name: the rest of the name, a sign, and the value, quoted or not."""

NO_VALUE = re.compile(
    r"(?:null|none|nil|true|false|yes|no|n/?a|undefined|unknown|empty|redacted|removed|hidden|masked|filtered|required"
    r"|expired|incorrect|invalid|changed|reset|\*{1,64}|x{3,64}|\.{2,8}|-{1,8}|[$%]\{?[A-Za-z_][\w.:]{0,64}\}?%?|<[^>]{0,64}>"
    r"|\$\([^)]{0,64}\)?|\{\{[^}]{0,64}\}{0,2})[.,;!]?",
    re.IGNORECASE,
)
"""What stands in a value's place where there is none."""
