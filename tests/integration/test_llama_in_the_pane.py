"""A small real model behind llama.cpp: its tokens stand in the pane while it is still writing."""

import sys
from pathlib import Path

import pytest

from tests.support.engines import eve_alert
from tests.support.llama import start_llama
from tests.support.terminal import Terminal

pytestmark = pytest.mark.timeout(240)

CONFIG = """
[models.local]
provider = "openai"
model = "smollm2"
base_url = "{url}/v1"
first_token_timeout_s = 120
idle_timeout_s = 60
total_timeout_s = 200
max_tokens = 160

[lanes.high]
models = ["local"]
sla_s = 600
"""


def test_tokens_are_seen_while_the_model_is_still_writing(tmp_path: Path) -> None:
    alerts = tmp_path / "eve.ndjson"
    alerts.write_bytes(eve_alert() + b"\n")
    with start_llama() as llama:
        config = tmp_path / "watchfloor.toml"
        config.write_text(CONFIG.format(url=llama.base_url), "utf-8")
        command = [sys.executable, "-m", "console", "--config", str(config), "--source", str(alerts)]
        environment = {"WATCHFLOOR_HOME": str(tmp_path / "home")}
        with Terminal(command, rows=40, columns=120, env=environment, cwd=tmp_path) as terminal:
            assert terminal.wait_for_text("TEST MALWARE", 30), terminal.text()
            terminal.send("\r")
            shown: set[str] = set()
            while_writing = 0
            for _ in range(600):
                terminal.read(0.2)
                if llama.busy_slots():
                    screen = terminal.text()
                    while_writing += "▌" in screen and screen not in shown
                    shown.add(screen)
                elif while_writing:
                    break
            assert while_writing >= 3, f"{while_writing} different screens while it wrote\n{terminal.text()}"
            # Not in our form, not even the repair: a human must decide, and all stays to be read.
            assert terminal.wait_for(lambda screen: "fallback" in screen and "INS" in screen, 120), (
                terminal.text()
            )
