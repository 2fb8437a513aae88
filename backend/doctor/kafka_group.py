"""How far a Kafka group is, asked from outside: it is neither joined nor created."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

from backend.doctor.case import Case
from backend.doctor.report import STEP_S

_SLOW = "the group's coordinator gave no answer"


async def group(
    case: Case, settings: dict[str, Any], begins: dict[TopicPartition, int], ends: dict[TopicPartition, int]
) -> None:
    """Say how many records wait for the group."""
    report, name = case.report, case.address.group
    try:
        async with _admin(settings) as admin:
            async with report.within("group", _SLOW, "see how the brokers are doing"):
                await admin.start()
                known = await _is_known(admin, name)
                if not known and (case.options.username or case.options.cert_file):
                    await _ask_for(admin, name)
            offsets: dict[TopicPartition, int] = {}
            if known:
                async with report.within("group", _SLOW, "see how the brokers are doing"):
                    offsets = await _offsets(admin, name, list(ends))
    except KafkaError as error:
        user = case.options.username or "this client"
        report.fail(
            "group", f"{name}: the broker refuses: {error!r}", f"let {user} use the group (READ on it)"
        )
    _lag(case, known, offsets, begins, ends)


@contextlib.asynccontextmanager
async def _admin(settings: dict[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings)
    try:
        yield admin
    finally:
        closing = asyncio.create_task(admin.close())
        await asyncio.wait({closing}, timeout=STEP_S)


async def _is_known(admin: AIOKafkaAdminClient, name: str) -> bool:
    try:
        return any(known == name for known, *_ in await admin.list_consumer_groups())
    except KafkaError:
        return True  # the list may be forbidden where the group itself is not


async def _ask_for(admin: AIOKafkaAdminClient, name: str) -> None:
    """See whether we may use a group that the list leaves out, as it does with what a user may not see.

    The price: a cluster that never had a group sets up its store of offsets now, not when the source starts.

    Raises:
        GroupAuthorizationFailedError: we may not.
    """
    try:
        await admin.find_coordinator(name)
    except GroupAuthorizationFailedError:
        raise
    except KafkaError:
        return  # that store is not ready yet


async def _offsets(
    admin: AIOKafkaAdminClient, name: str, partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """Offsets the group has committed; partitions without one are left out."""
    reply = await admin.list_consumer_group_offsets(name, partitions=partitions)
    return {tp: stored.offset for tp, stored in reply.items() if stored.offset >= 0}


def _lag(
    case: Case,
    known: bool,
    offsets: dict[TopicPartition, int],
    begins: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
) -> None:
    report, name = case.report, case.address.group
    total = sum(ends[tp] - begins[tp] for tp in ends)
    waiting = sum(max(0, ends[tp] - max(begins[tp], offsets.get(tp, 0))) for tp in ends)
    if not known or not offsets:
        state = "has committed nothing yet" if known else "does not exist yet"
        report.ok("group", f"{name} {state}: reading starts at the beginning, {waiting:,} records wait")
        return
    beyond = [tp for tp, offset in offsets.items() if offset > ends[tp]]
    missed = sum(max(0, begins[tp] - offset) for tp, offset in offsets.items())
    found = f"{name}: {waiting:,} of {total:,} records wait"
    if beyond:
        where = f"{beyond[0].topic}/{beyond[0].partition}"
        mend = "nothing to do if the topic was made anew: it is read from its beginning, and that is said"
        report.warn("group", f"{found}; {where} ends before what was read of it", mend)
    elif missed:
        mend = "keep records longer at the broker (retention.ms), or read on sooner"
        report.warn("group", f"{found}; {missed:,} more were deleted before they were read", mend)
    else:
        report.ok("group", found)
