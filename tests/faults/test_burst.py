"""A burst of a hundred times the usual: nothing lost, the screen answers, the source is not paused."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.test_sigkill import stored
from tests.support.broker import start_broker
from tests.support.terminal import Terminal

BURST_S = float(os.environ.get("WATCHFLOOR_BURST_S", "8"))
"""Seconds of 2,000 alerts a second after 5 of 20; a full run takes 60."""
CALM, STORM = 20, 2_000
HELP = "esc closes · remap"

pytestmark = pytest.mark.timeout(240 + 4 * BURST_S)


def produce(bootstrap: str, rate: int, seconds: float) -> "subprocess.Popen[bytes]":
    arguments = ["-m", "backend.bench.load", bootstrap, "alerts", str(rate), str(seconds)]
    return subprocess.Popen([sys.executable, *arguments])


def answer_s(terminal: Terminal) -> float:
    """Seconds from a key to its whole answer: the help screen, opened and closed again."""
    terminal.read(0.02)
    started = time.monotonic()
    terminal.send("?")
    assert terminal.wait_for(lambda screen: HELP in screen, 30), "no answer in half a minute"
    terminal.send("\x1b")
    assert terminal.wait_for(lambda screen: HELP not in screen, 30), "no answer in half a minute"
    return (time.monotonic() - started) / 2


def test_a_burst_loses_nothing_and_the_screen_stays_alive(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with start_broker() as broker:
        asyncio.run(broker.create_topic("alerts", 1))
        source = f"kafka://{broker.bootstrap}/alerts?group=w&session_timeout_s=6"
        command = [sys.executable, "-m", "console", "--source", source, "--model", "playbook"]
        environment = {"WATCHFLOOR_HOME": str(home)}
        with Terminal(command, rows=40, columns=120, env=environment, cwd=tmp_path) as terminal:
            assert terminal.wait_for_text("kafka/alerts", 60), terminal.text()
            calm = produce(broker.bootstrap, CALM, 5)
            while calm.poll() is None:
                terminal.read(0.1)
            storm = produce(broker.bootstrap, STORM, BURST_S)
            answers: list[float] = []
            seen: list[str] = []
            while storm.poll() is None:
                answers.append(answer_s(terminal))
                seen.append(terminal.text())
                terminal.read(0.5)
            sent = offsets(broker.bootstrap)
            end = time.monotonic() + 60
            while stored(home) < sent and time.monotonic() < end:
                terminal.read(0.1)
            assert stored(home) == sent
            assert sent > STORM * BURST_S * 0.8
            assert sorted(answers)[len(answers) // 2] < 1.0, answers
            assert not any("paused" in screen for screen in seen)
            terminal.send("q")
            terminal.read(1)
            terminal.send("\r")
            assert terminal.wait(40) == 0
    print(json.dumps({"sent": sent, "stored": stored(home), "answers_s": sorted(answers)[-5:]}))  # noqa: T201


def offsets(bootstrap: str) -> int:
    """How many records the topic holds."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    async def ask() -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        try:
            partition = TopicPartition("alerts", 0)
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            total = 0
            while batch := (await consumer.getmany(timeout_ms=2_000, max_records=5_000)).get(partition):
                total += len(batch)
            return total
        finally:
            await consumer.stop()

    return asyncio.run(ask())
