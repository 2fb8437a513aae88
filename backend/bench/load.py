"""A producer in a process of its own: alerts at an even rate, each stamped with the moment it is sent.

Run as `python -m backend.bench.load BOOTSTRAP TOPIC RATE SECONDS`.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from backend.bench.alerts import suricata_alerts

TICK_S = 0.005


async def produce(bootstrap: str, topic: str, rate: int, seconds: float) -> None:
    """Send `rate` alerts a second for `seconds`."""
    alerts = [data.partition(b'"flow_id"')[2] for data in suricata_alerts(2_000)]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=2)
    await producer.start()
    try:
        start = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - start) < seconds:
            due = int(passed * rate)
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000").encode()
            for number in range(sent, due):
                body = b'{"timestamp":"' + stamp + b'","flow_id"' + alerts[number % len(alerts)]
                await producer.send(topic, body, partition=0)
            sent = due
            await asyncio.sleep(TICK_S)
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(produce(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
