"""Where in an alert the names of people and machines stand: telling field names, and phrases around them."""

import ipaddress
import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WELL_KNOWN = _words("""
    root admin administrator system guest nobody daemon anonymous default public unknown none null localhost
    local any all service services network everyone users user username host hostname computer domain
    workgroup builtin www-data apache nginx nginx-ingress postgres mysql oracle sshd sys bin mail ftp games
    backup sync
    defaultaccount wdagutilityaccount defaultuser0 krbtgt dwm-1 dwm-2 umfd-0 umfd-1 trustedinstaller appdata
    ec2-user ubuntu centos debian vagrant azureuser cloud-init kubernetes kubelet kube-system serviceaccount
    authority nt autorite local_service network_service shared unset undefined n/a na - . ? * (null) (none)
""") | {"local service", "network service", "nt authority", "nt service", "all users", "window manager"}
"""Names that every machine has, in lower case: they say nothing about anybody, and a verdict needs them."""

WORDS = _words("""
    a account accounts added after agent an and are as at be been by can changed command could created data
    deleted did directory does enabled event execution failed file for from group groups had has have id if in
    information input is it its key list logged login logon mode name names new not of off on open or out
    password path policy profile removed rights role said script session should space successfully that the
    this to trying type up used using via was were when which who will with without
""")
"""Words that follow "user" or "host" in a sentence without being one's name."""

USER_FIELD = re.compile(
    r"(?:^|[._ ])(?:user|user_?name|users|account|account_?name|acct|login|login_?name|logon|logon_?name|upn"
    r"|user_?principal_?name|sam_?account_?name|actor|actor_?name|owner|member|member_?name|principal"
    r"|principal_?name|alternate_?id|display_?name|full_?name|real_?name|first_?name|last_?name|given_?name"
    r"|surname|suser|duser|usr_?name|auid|euid|ruser|loginuid|run_?as_?user|author|employee|caller|invoked_by"
    r"|created_?by|modified_?by|initiated_?by|assigned_?to|assignee|recipient|sender|mailbox|src_?user|dst_?user"
    r"|(?:subject|target|source|destination|client|initiating|process|logged_?on|remote|effective)_?"
    r"(?:process_?)?(?:user|account|user_?name|account_?name))$"
)
"""Names of fields, in snake case, whose value is a person's or an account's name."""

HOST_FIELD = re.compile(
    r"(?:^|[._ ])(?:host|host_?name|computer|computer_?name|device|device_?name|machine|machine_?name"
    r"|workstation|workstation_?name|dvc|dvchost|dvc_?host|shost|dhost|node|node_?name|server|server_?name"
    r"|endpoint|endpoint_?name|instance_?name|agent_?name|agent\.name|sensor|sensor_?name|src_?host|dst_?host"
    r"|(?:source|destination|target|remote|client|netbios|dns_?host|identity|reporting)_?(?:host|host_?name"
    r"|computer|machine|name)|pod|pod_?name)$"
)
"""The same for machines."""

_NAME = r"(?P<name>[\w.@$+\\-]{2,80})"
USER_PHRASES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"[\\/]Users[\\/]{1,4}(?P<name>[^\\/\s\"':*?<>|,;]{2,64})",
        r"[\\/]Documents and Settings[\\/]{1,4}(?P<name>[^\\/\"':*?<>|]{2,64})",
        r"(?<![\w.])/(?:var/)?home/(?P<name>[\w.+-]{2,64})",
        rf"\b(?:user(?:[ _-]?name)?|account(?:[ _-]?name)?|acct|login|logon|suser|duser|usrname|logname|runas"
        rf"|owner)\\{{0,3}}[\"']?\s?[:=]\s?\\{{0,3}}[\"']?{_NAME}",
        rf"\b(?:invalid|illegal|unknown|domain|local) user {_NAME}",
        rf"\b(?:for|to) (?:invalid user |illegal user |user |account )?\\{{0,3}}[\"']?{_NAME}"
        r"\\{0,3}[\"']? (?:from|by)\b",
        rf"\b(?:user|account|employee|colleague|owner) \\{{0,3}}[\"'(]?{_NAME}",
        rf"(?<=\s)(?:--user(?:name)?[= ]|-u ?|-U ?|/u(?:ser)?:|/ru ){_NAME}",
        rf"\b(?:sudo|su|doas|runuser)(?:\[\d+\])?:\s{{1,4}}{_NAME} :",
        rf"\bsu (?:- |-l )?{_NAME}",
        rf"\bnet1?(?:\.exe)?[\"']? user {_NAME}",
        r":(?:user|assumed-role/[\w+=,.@-]{1,64})/(?P<name>[\w+=,.@-]{2,64})",
        r"(?<![\w.+-])(?P<name>[\w.+-]{2,64})@(?=[A-Za-z][\w-]{1,62}(?![\w.-]))",
        r", owner (?P<name>[^,\n]{2,80})",
    )
)
"""Phrases in which a person's or account's name stands."""

HOST_PHRASES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:host(?:[ _-]?name)?|computer(?:[ _-]?name)?|machine|workstation|device|dvchost|shost|dhost"
        rf"|node)\\{{0,3}}[\"']?\s?[:=]\s?\\{{0,3}}[\"']?{_NAME}",
        rf"\b(?:host|computer|machine|workstation) \\{{0,3}}[\"'(]?{_NAME}",
        r"(?<![\w:])\\{2,4}(?P<name>[A-Za-z0-9][\w.-]{1,252})\\",
        r"(?<![\w.+-])[\w.+-]{2,64}@(?P<name>[A-Za-z][\w-]{1,62})(?![\w.-])",
        r"^(?P<name>[\w.-]{2,253})(?: \([^)]{1,60}\))? is in the asset list",
    )
)
"""The same for machines."""

DOMAIN_USER = re.compile(
    r"(?<![\w\\:./-])(?!HK[A-Z]{1,3}\\|HKEY)(?P<domain>[A-Z][A-Z0-9-]{1,14})\\{1,4}(?P<user>[A-Za-z][\w.$-]{1,63})"
    r"(?![\w\\])"
)
"""A Windows account with its domain."""

INNER_SUFFIXES = (
    "local", "internal", "lan", "corp", "intra", "intranet", "localdomain", "home.arpa", "private",
)  # fmt: skip
"""Domains that exist inside networks alone."""

INNER_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7",
        "fe80::/10",
    )
)  # fmt: skip
"""Addresses that mean something inside alone: RFC 1918, 6598, 3927, 4193, 4291."""

TELLING_ADDRESSES = frozenset(
    {ipaddress.ip_address("169.254.169.254"), ipaddress.ip_address("fd00:ec2::254")}
)
"""The clouds' metadata services: the same for everybody, and asking them is a sign of attack."""
