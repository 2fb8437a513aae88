"""What happens to a group while records are on their way: rebalances, lost sessions, refused commits."""

import asyncio
import itertools
import signal
import sqlite3
import time
from pathlib import Path

from tests.integration.sources.test_kafka import address, committed, fresh, numbered, produce, running
from tests.support.broker import Broker, start_broker
from tests.support.engines import eve_alert
from tests.support.intake import FakeIntake, until
from tests.support.watchfloor import start, wait_for


async def test_a_rebalance_while_records_wait_loses_and_doubles_nothing(kafka_broker: Broker) -> None:
    """Both workers write to one journal, so that what one was given and the other stored shows."""
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic, 4)
    await produce(kafka_broker.bootstrap, topic, [b"%d" % n for n in range(20_000)], 4)
    uri = address(kafka_broker.bootstrap, topic)
    intake.stored.clear()
    async with running(uri, intake) as first:
        await until(lambda: len(intake.batches) >= 2, what="batches on their way and more behind them")
        async with running(uri, intake) as second:
            await until(lambda: first.status().detail.startswith("joining the group"), what="rebalance")
            intake.stored.set()
            await until(lambda: first.status().caught_up and second.status().caught_up, 40.0, "caught up")
            assert await committed(kafka_broker.bootstrap, topic, 4) == intake.next_offsets()
            assert 0 < second.status().records < 20_000
    assert len(intake.records) == 20_000
    for partition in range(4):
        mine = [r.offset for r in intake.records if r.partition == f"{topic}/{partition}"]
        assert mine == list(range(5_000))  # each once, in order
    # Only what was on its way when the partitions moved was read by both: three batches of 1,000 at most.
    assert intake.duplicates <= 3_000


async def test_a_commit_refused_after_the_session_ran_out_loses_and_doubles_nothing(
    kafka_broker: Broker,
) -> None:
    """The process stands still for longer than its session, with offsets that it still has to commit."""
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 500))
    async with running(address(kafka_broker.bootstrap, topic), intake) as source:
        await until(lambda: len(intake.records) == 500)
        time.sleep(5.0)  # the whole loop, heartbeats and all; the session is 2 s
        other = FakeIntake()
        async with running(address(kafka_broker.bootstrap, topic), other):  # and others know it by now
            await produce(kafka_broker.bootstrap, topic, numbered(500, 100))
            await until(lambda: len(intake.records) + len(other.records) >= 600, 40.0)
        await until(lambda: source.status().caught_up, 40.0, "the member is back")
        assert await committed(kafka_broker.bootstrap, topic) == {f"{topic}/0": 600}
    read = {*intake.data(), *other.data()}
    assert read == set(numbered(0, 600))
    assert intake.duplicates == 0


def test_a_worker_stopped_for_longer_than_its_session_goes_on_where_it_was(tmp_path: Path) -> None:
    numbers = itertools.count()

    def alerts(count: int) -> list[bytes | None]:
        return [eve_alert(n, src_port=20_000 + n) for n in itertools.islice(numbers, count)]

    def stored() -> list[int]:
        path = tmp_path / "home" / "journal.db"
        if not path.exists():
            return []
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return [row[0] for row in connection.execute("select offset from alerts order by offset")]
        except sqlite3.OperationalError:  # the worker is still making its tables
            return []
        finally:
            connection.close()

    with start_broker() as broker:
        asyncio.run(broker.create_topic("alerts"))
        asyncio.run(produce(broker.bootstrap, "alerts", alerts(300)))
        uri = f"kafka://{broker.bootstrap}/alerts?group=g-alerts&session_timeout_s=2"
        worker = start(tmp_path / "home", "worker", "--source", uri, "--model", "playbook")
        try:
            wait_for(lambda: len(stored()) == 300, "the first alerts stored", 60.0)
            worker.send_signal(signal.SIGSTOP)
            asyncio.run(produce(broker.bootstrap, "alerts", alerts(200)))
            time.sleep(6.0)  # three sessions
            worker.send_signal(signal.SIGCONT)
            wait_for(lambda: len(stored()) >= 500, "the rest stored", 60.0)
            asyncio.run(produce(broker.bootstrap, "alerts", alerts(50)))
            wait_for(lambda: len(stored()) >= 550, "new ones stored", 60.0)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(15) == 0
        finally:
            worker.kill()
            worker.communicate(timeout=30)
        assert asyncio.run(committed(broker.bootstrap, "alerts")) == {"alerts/0": 550}
    assert stored() == list(range(550))
