"""Kinesis sources: the endpoint, the login, the stream, and the oldest record of a shard.

Reading consumes nothing: the journal is the only checkpoint, and it is left alone. A shard can't be asked for
its newest record.
"""

import contextlib
import difflib
import os
from typing import Any
from urllib.parse import urlsplit

from backend.doctor.case import Case
from backend.doctor.network import Host, reach
from backend.doctor.report import STEP_S, halves
from backend.sources.base import SourceError
from backend.sources.kinesis_client import KinesisClient, KinesisError

MAX_SHARDS = 4
"""Shards that are looked into for a record."""
PAUSE_S = 0.25
"""Between two reads of a shard: it answers five a second, all readers together."""
_REFUSED = (
    "correct username (access key id) and its secret under this source, and its policy (kinesis:ListShards)"
)


async def probe(case: Case) -> None:
    """Look at every step. Raises `Stopped` at the first failure."""
    report = case.report
    host = _endpoint(case)
    if host is not None:
        await reach(report, (host,))
    client = KinesisClient(case.address, case.options)
    try:
        await client.open()
        shards = await _shards(case, client)
        await _sample(case, client, shards)
    except SourceError as error:
        report.fail("login", *halves(error, case.address.name))
    finally:
        client.close()


def _endpoint(case: Case) -> Host | None:
    """Where calls go; None where a proxy of the environment makes the connections."""
    ((region, _),) = case.address.hosts
    given = case.address.query.get("endpoint")
    if given is None and (os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")):
        return None
    aws = f"https://kinesis.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    parts = urlsplit(given or aws)
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        port = 0
    if not parts.hostname or not port:
        case.report.fail("address", f"endpoint={given} is no URL", "write it as endpoint=https://HOST:PORT")
    return parts.hostname, port


async def _shards(case: Case, client: KinesisClient) -> list[str]:
    """The first shards of the stream; being told of them proves endpoint, login and stream."""
    report, stream = case.report, client.stream
    try:
        async with report.within("login", "Kinesis gave no answer", "see that the endpoint is Kinesis"):
            answer = await client.call("list_shards", StreamName=stream)
    except KinesisError as error:
        if error.meaning == "refused":
            report.fail("login", f"Kinesis refuses: {error}", _REFUSED)
        if error.meaning == "missing":
            report.ok("login", f"as {case.options.username or 'AWS tools would'}")
            report.fail("stream", f"no stream {stream} there", await _nearest(case, client))
        report.fail("login", error, "see that the endpoint is Kinesis, and try again")
    report.ok("login", f"as {case.options.username or 'AWS tools would'}")
    shards: list[dict[str, Any]] = answer["Shards"]
    number = f"{len(shards)}{' or more' if answer.get('NextToken') else ''}"
    report.ok(
        "stream", f"{stream}: {number} shard{'' if number == '1' else 's'}; the journal keeps the place"
    )
    return [shard["ShardId"] for shard in shards]


async def _nearest(case: Case, client: KinesisClient) -> str:
    names: list[str] = []
    with contextlib.suppress(KinesisError, TimeoutError):
        async with case.report.clock.timeout(STEP_S):
            names = (await client.call("list_streams")).get("StreamNames", [])
    near = difflib.get_close_matches(client.stream, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else "correct region and name, or create the stream"


async def _sample(case: Case, client: KinesisClient, shards: list[str]) -> None:
    report = case.report
    found: tuple[str, dict[str, Any]] | None = None
    try:
        with contextlib.suppress(TimeoutError):
            async with report.clock.timeout(STEP_S):
                found = await _oldest(case, client, shards[-MAX_SHARDS:])
    except KinesisError as error:
        report.fail("sample", f"no record can be read: {error}", "let the user read (kinesis:GetRecords)")
    if found is None:
        mend = f"send one, then ask again: watchfloor replay FILE --to {case.address.name.partition('?')[0]}"
        report.warn("sample", "no record was found in the stream", mend)
        return
    shard, record = found
    await case.judge(record["Data"], f"oldest record of {shard}")


async def _oldest(case: Case, client: KinesisClient, shards: list[str]) -> tuple[str, dict[str, Any]] | None:
    """A record and its shard; None where each shard, read to its tip, is empty."""
    for shard in shards:
        where = {"StreamName": client.stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = (await client.call("get_shard_iterator", **where)).get("ShardIterator")
        while iterator:
            answer = await client.call("get_records", ShardIterator=iterator, Limit=1)
            if answer["Records"]:
                return shard, answer["Records"][0]
            if not answer.get("MillisBehindLatest"):
                break
            iterator = answer.get("NextShardIterator")
            await case.report.clock.sleep(PAUSE_S)
    return None
