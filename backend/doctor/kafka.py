"""Kafka sources, from the bootstrap server to a record: read beside the group, never as part of it.

Topics are looked for in the list of all topics, because a broker may create one that it is asked for by name.
Groups are looked for in the broker's list, because asking for one by name makes a new cluster set up its
store of offsets. Imported off the event loop: the client takes long to import.
"""

import asyncio
import contextlib
import difflib
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from backend.doctor.case import Case
from backend.doctor.kafka_group import group
from backend.doctor.network import Host, Unreachable, connect, handshake, look_up, place, reach
from backend.doctor.report import STEP_S, halves
from backend.sources.base import SourceError
from backend.sources.kafka import security
from backend.sources.kafka_login import refusal

MAX_BROKERS = 20
"""Brokers whose own addresses are tried."""
LOOK_BACK = 20
"""Records before the end that are fetched: the last offsets of a partition may hold transaction markers."""
_SHOWN = 5


async def probe(case: Case) -> None:
    """Look at every step. Raises `Stopped` at the first failure."""
    report, address = case.report, case.address
    try:
        secure = await security(address, case.options)
    except SourceError as error:
        report.fail("TLS" if case.options.tls else "login", *halves(error, address.name))
    host = await reach(report, address.hosts)
    if secure["ssl_context"] is not None:
        await handshake(report, host, secure["ssl_context"])
    settings = {
        **secure,
        "client_id": "watchfloor-doctor",
        "request_timeout_ms": int(STEP_S * 2000),  # a step that is over in time gives its own words
    }
    metadata = await _login(case, host, settings)
    partitions = _topics(case, metadata)
    await _brokers(case, host, metadata, partitions)
    bootstrap = {**settings, "bootstrap_servers": place(host)}
    async with _reader(case, bootstrap) as consumer:
        mend = "see whether the leaders of the topic's partitions are up"
        async with report.within(
            "topic", "the brokers did not tell where its partitions begin and end", mend
        ):
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
        await group(case, bootstrap, begins, ends)
        await _sample(case, consumer, begins, ends)


async def _login(case: Case, host: Host, settings: dict[str, Any]) -> dict[str, Any]:
    """Log in, and ask for brokers and topics: only then is it sure that no login was asked for."""
    report, user = case.report, case.options.username
    silent = f"{place(host)} accepts connections, but gives no answer a Kafka broker would"
    mend = "see that this is the broker's port, and that a listener with TLS is read with tls = true"
    connection: Any = None
    try:
        async with report.within("login", silent, mend):
            connection = await create_conn(*host, **settings)
            metadata: dict[str, Any] = (await connection.send(MetadataRequest(None))).to_object()
    except (KafkaError, OSError, KeyError, ValueError) as error:
        refused = refusal(error, place(host), settings)
        report.fail("login", refused.found, refused.mend)
    finally:
        if connection is not None:
            connection.close()
    how = f"{settings['sasl_mechanism']} as {user}" if user else "none asked for"
    report.ok("login", f"{how}; the cluster has {_count(len(metadata['brokers']), 'broker')}")
    return metadata


def _topics(case: Case, metadata: dict[str, Any]) -> list[TopicPartition]:
    """The partitions that can be read of the source's topics."""
    report, user = case.report, case.options.username
    known = {topic["topic"]: topic["partitions"] for topic in metadata["topics"]}
    names = case.address.topics
    if case.address.pattern:
        matching = tuple(sorted(name for name in known if re.match(case.address.pattern, name)))
        names = matching or names
    missing = [name for name in names if name not in known]
    partitions: list[TopicPartition] = []
    for name in names:
        if name in missing:
            rights = f", or let {user} see it (DESCRIBE on the topic)" if user else ""
            report.bad("topic", f"no topic {name} at the broker", f"{_nearest(name, known)}{rights}")
            continue
        led = [one["partition"] for one in known[name] if one["leader"] >= 0]
        partitions += [TopicPartition(name, number) for number in sorted(led)]
        words = f"{name}: {_count(len(known[name]), 'partition')}"
        if len(led) < len(known[name]):
            lost = len(known[name]) - len(led)
            say = report.warn if led else report.bad
            say("topic", f"{words}, {lost} of them without a leader", "bring the missing brokers back")
        else:
            report.ok("topic", words)
    if missing or not partitions:
        case.report.stop()
    return partitions


def _nearest(name: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}? Else create {name}"
    shown = ", ".join(sorted(known)[:_SHOWN]) or "none at all"
    return f"correct the name or create the topic; the broker has {shown}"


async def _brokers(
    case: Case, host: Host, metadata: dict[str, Any], partitions: Sequence[TopicPartition]
) -> None:
    """Clients connect to the addresses that brokers give for themselves: try those of the leaders."""
    led = {(tp.topic, tp.partition) for tp in partitions}
    leaders = {
        one["leader"]
        for topic in metadata["topics"]
        for one in topic["partitions"]
        if (topic["topic"], one["partition"]) in led
    }
    hosts = [(b["host"], b["port"]) for b in metadata["brokers"] if b["node_id"] in leaders][:MAX_BROKERS]
    tried = await asyncio.gather(*(_try(case, other) for other in hosts if other != host))
    troubles = [trouble for trouble in tried if trouble is not None]
    if troubles:
        first = troubles[0]
        case.report.fail(
            "brokers",
            f"the cluster sends clients to an address that does not work here: {first.found}",
            f"correct advertised.listeners of that broker; or {first.mend}",
        )
    case.report.ok("brokers", f"reached: {', '.join(map(place, hosts[:_SHOWN]))}")


async def _try(case: Case, host: Host) -> Unreachable | None:
    try:
        await connect(host, await look_up(host, case.report.clock), case.report.clock)
    except Unreachable as trouble:
        return trouble
    return None


@contextlib.asynccontextmanager
async def _reader(case: Case, settings: dict[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group: it can neither commit nor join."""
    consumer = AIOKafkaConsumer(
        **settings, group_id=None, enable_auto_commit=False, isolation_level="read_committed"
    )
    try:
        async with case.report.within("topic", "the broker gave no answer", "see how the brokers are doing"):
            await consumer.start()
        yield consumer
    except KafkaError as error:
        rights = "let the user read the topic (READ) and the group" if case.options.username else ""
        case.report.fail("topic", f"the broker refuses: {error!r}", rights or "see the broker's log")
    finally:
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.wait({stopping}, timeout=STEP_S)  # cancelled half way it would leave connections open


async def _sample(
    case: Case, consumer: AIOKafkaConsumer, begins: dict[TopicPartition, int], ends: dict[TopicPartition, int]
) -> None:
    report = case.report
    filled = [tp for tp in ends if ends[tp] > begins[tp]]
    if not filled:
        report.warn(
            "sample",
            "the topic is empty: there is no record to look at",
            f"send one, then ask again: watchfloor replay FILE --to {case.address.name.partition('?')[0]}",
        )
        return
    tp = max(filled, key=lambda one: ends[one])
    where = f"{tp.topic}/{tp.partition}"
    consumer.assign([tp])
    consumer.seek(tp, max(begins[tp], ends[tp] - LOOK_BACK))
    last: Any = None
    with contextlib.suppress(TimeoutError):
        async with report.clock.timeout(STEP_S):
            while last is None or last.offset < ends[tp] - 1:
                fetched = await consumer.getmany(tp, timeout_ms=500)
                last = fetched[tp][-1] if fetched.get(tp) else last
                if last is not None and not fetched:
                    break
    if last is None:
        mend = "read it with another client: all that is near the end may be transactions that were aborted"
        report.warn("sample", f"no record of {where} came within {STEP_S:g} s", mend)
        return
    await case.judge(last.value or b"", f"{where} offset {last.offset}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
