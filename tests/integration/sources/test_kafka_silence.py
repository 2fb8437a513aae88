"""A broker that falls silent: noticed in time whatever the source is doing, and survived."""

import asyncio
import time

import pytest

from tests.integration.sources.test_kafka import address, committed, fresh, numbered, produce, running
from tests.support.broker import start_broker
from tests.support.intake import FakeIntake, until
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy

NOTICED_S = 5.0
"""The longest time until silence is shown, in seconds; it is 3.1 on a quiet machine."""


@pytest.mark.parametrize("owed", [False, True], ids=["all committed", "offsets to commit"])
async def test_silence_is_shown_in_time(owed: bool) -> None:
    topic, intake, port = fresh(), FakeIntake(), free_port()
    async with TcpProxy("127.0.0.1", port) as proxy:
        with start_broker(port=port, advertised=proxy.port) as broker:  # all of it goes through the proxy
            bootstrap = f"127.0.0.1:{proxy.port}"
            await broker.create_topic(topic)
            await produce(bootstrap, topic, numbered(0, 100))
            async with running(address(bootstrap, topic), intake) as source:
                await until(lambda: source.status().caught_up, what="caught up")
                if owed:
                    intake.stored.clear()
                    await produce(bootstrap, topic, numbered(100, 500))
                    await until(lambda: len(intake.batches) >= 2, what="records on their way")
                proxy.blackhole = True
                began = time.monotonic()
                intake.stored.set()  # now there is something to commit, and nobody to commit it to
                await until(lambda: source.status().state == "reconnecting", 20.0, "silence shown")
                took = time.monotonic() - began
                assert took <= NOTICED_S
                assert "no answer from the broker for 3 s" in source.status().detail
                assert not source.status().caught_up
                await asyncio.sleep(1.2)
                assert (
                    "no answer from the broker for 4 s" in source.status().detail
                )  # still told, still alive
                proxy.heal()
                await produce(bootstrap, topic, numbered(600 if owed else 100, 50))
                await until(lambda: source.status().caught_up and len(intake.records) % 100 == 50, 40.0)
                wanted = 650 if owed else 150
                assert await committed(broker.bootstrap, topic) == {f"{topic}/0": wanted}
    assert len(intake.records) == wanted
    assert intake.duplicates == 0
