"""Hostile bytes in every field, on every screen, on a real pty: none of them reaches the terminal."""

import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import CORPUS
from tests.support.terminal import Terminal

pytestmark = pytest.mark.timeout(240)

KINDS: dict[str, str] = {
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "title": "\x1b]0;owned\x07\x1b]2;owned\x1b\\",
    "hyperlink": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "erase": "\x1b[2J\x1b[H\x1b[3J",
    "ask the terminal": "\x1b[6n\x1b[c\x1b[>c\x1b[?1049l",
    "device control": "\x1bP$qm\x1b\\\x1bP+q544e\x1b\\",
    "reset": "\x1bc\x1b#8",
    "C1": "\x9b2J\x9d52;c;ZXZpbA==\x9c\x90$qm\x9c",
    "unterminated": "\x1b]52;c;",
    "controls": "a\x00b\x08c\rd\x0be\x0cf\x7fg\x85h\u2028i\u2029j\x07",
    "bidi": "\u202eevil\u202c\u2066x\u2069\u200f\u061c",
    "invisible": "a\u200bb\u200dc\u00add\U000e0041e\ufe0ff\u2060g\ufeffh",
    "combining marks": "e" + "\u0301" * 10_000,
    "markup": "[/b][@click=app.quit()]x[/][link=http://evil]x[/link][not a tag][bold]",
    "brackets": "[192.168.1.1] C:\\x\\[a] ![i](http://evil/x.png) [l](javascript:x) <script>x</script>",
}


def corpus_payloads() -> Iterator[tuple[str, str]]:
    if CORPUS is None:
        return
    for path in sorted((CORPUS / "terminal_escape").rglob("*")):
        if path.is_file() and path.suffix != ".json":
            yield path.name, path.read_bytes().decode("latin-1")[:2000]
        elif path.suffix == ".json":
            for number, text in enumerate(json.loads(path.read_text("utf-8"))):
                if isinstance(text, str) and not text.isprintable():
                    yield f"{path.name} {number}", text[:2000]


def eve(payload: str, number: int) -> dict[str, object]:
    return {
        "timestamp": "2026-01-02T03:04:05.678901+0000",
        "flow_id": number,
        "event_type": "alert",
        "src_ip": payload if number % 2 else "10.0.0.1",
        "dest_ip": "203.0.113.9",
        "proto": payload,
        "app_proto": payload,
        "in_iface": payload,
        "host": payload,
        "alert": {
            "signature": payload,
            "signature_id": number,
            "category": payload,
            "action": payload,
            "severity": 1,
            "metadata": {
                "signature_severity": ["Critical"],
                "mitre_technique_id": [payload],
                payload: [payload],
            },
        },
        "http": {"hostname": payload, "url": payload, "http_user_agent": payload, "http_method": payload},
        "payload_printable": payload,
    }


def ocsf(payload: str, number: int) -> dict[str, object]:
    return {
        "class_uid": 2004,
        "category_uid": 2,
        "severity_id": 5,
        "severity": payload,
        "time": 1_767_225_600_000,
        "metadata": {
            "version": "1.4.0",
            "uid": f"{payload}{number}",
            "product": {"name": payload, "vendor_name": payload},
        },
        "finding_info": {"uid": f"{payload}-{number}", "title": payload, "desc": payload},
        "device": {"hostname": payload, "ip": payload},
        "actor": {"user": {"name": payload}, "process": {"name": payload, "cmd_line": payload}},
        "process": {"name": payload, "cmd_line": payload, "file": {"path": payload, "name": payload}},
        "src_endpoint": {"ip": payload, "hostname": payload, "port": 1_000 + number},
        "dst_endpoint": {"ip": payload},
        "observables": [{"name": payload, "type_id": 2, "value": payload}],
        "attacks": [{"technique": {"uid": payload, "name": payload}}],
        "status": payload,
        payload: payload,
    }


def generic(payload: str, number: int) -> dict[str, object]:
    names = ("title", "host", "user", "src_ip", "message", "command_line")
    return {
        **dict.fromkeys(names, payload),
        "severity": "critical",
        "src_port": 1_000 + number,
        "id": f"{payload}{number}",
        payload: {payload: [payload]},
    }


def write_alerts(path: Path, payloads: list[str]) -> int:
    shapes = (eve, ocsf, generic)
    lines = [
        json.dumps(shape(f"{payload} p{number}", number), ensure_ascii=bool(number % 2)).encode(
            "utf-8", "surrogatepass"
        )
        for number, payload in enumerate(payloads)
        for shape in shapes
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return len(lines)


_OURS = re.compile(
    rb"\x1b\[[0-9;]*m"  # colours
    rb"|\x1b\[[0-9]+;[0-9]+H|\x1b\[H"  # cursor
    rb"|\x1b\[\?[0-9;]+(?:[hl]|\$p)"  # modes
    rb"|\x1b\[[<>=]?[0-9;]*u"  # keyboard protocol
    rb"|\x1b\]22;[a-z-]*\x07"  # mouse pointer
)


def foreign(raw: bytes) -> set[str]:
    """What is left that no frame of ours may hold: controls, C1, format characters, runs of marks."""
    text = _OURS.sub(b"", raw).decode("utf-8", "replace")
    bad = {
        c for c in set(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\r"
    }
    if re.search("[\u0300-\u036f]{9}", text):
        bad.add("a tower of combining marks")
    return {repr(c) for c in bad}


KEYS = (
    *("jjj", "\r", "\t", "\t", "l", "\x1b", "w", "\x1b", "$", "\x1b", "?", "\x1b", "x", "n", "\x1b"),
    *("d", "t", "\x1b", "/", "evil\r", "/", "\x1b", "i", "r", "why\r", "\x1b", "T", "T", "T", "G", "g"),
    *("\x10", "\x1b", "2", "2", "\x1b"),
)


def drive(terminal: Terminal, columns: int, rows: int) -> None:
    """Every screen and dialog by key, then a click on a grid of places."""
    for keys in KEYS:
        terminal.send(keys)
        terminal.read(0.25)
        assert terminal.process.poll() is None, f"ended after {keys!r}"
    for row in range(4, rows - 1, 4):
        for column in range(2, columns, columns // 5):
            terminal.send(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")
            terminal.read(0.05)
    terminal.send("\x1b\x1b")
    terminal.read(0.5)


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24)])
def test_no_byte_of_an_alert_reaches_the_terminal(tmp_path: Path, columns: int, rows: int) -> None:
    payloads = [*KINDS.values(), *(text for _, text in corpus_payloads())]
    alerts = tmp_path / "hostile.ndjson"
    count = write_alerts(alerts, payloads)
    command = [sys.executable, "-m", "console", "--source", str(alerts), "--model", "playbook"]
    environment = {"WATCHFLOOR_HOME": str(tmp_path / "home")}
    with Terminal(command, rows=rows, columns=columns, env=environment, cwd=tmp_path) as terminal:
        assert terminal.wait_for_text(f"{count} open", 60), terminal.text()
        drive(terminal, columns, rows)
        assert terminal.process.poll() is None, "an alert ended the app"
        terminal.send("q")
        terminal.read(1)
        terminal.send("\r")
        assert terminal.wait(40) == 0
        assert "␛]52;c;".encode() in terminal.raw, "an escape is not shown by its stand-in"
        assert foreign(bytes(terminal.raw)) == set()
        for trace in (b"]52;", b"]0;", b"]8;", b"owned\x07"):
            assert b"\x1b" + trace not in terminal.raw
