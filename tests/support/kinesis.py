"""Kinesis for tests: moto's server, and one of ours that keeps Kinesis's rules where moto does not.

moto goes on writing to a shard that was split, never ends a closed shard, numbers each shard from 1, and its
iterators never expire. Ours closes shards, has one sequence of 56 digits, and fails on demand.
"""

import base64
import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.support.ports import free_port, wait_for_port
from tests.support.vendors.http import HttpRequest, HttpServer, Response

_FIRST_SEQUENCE = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
_HASHES = 2**128


class KinesisFailure(Exception):
    """An error as Kinesis answers it."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class FakeShard:
    def __init__(self, number: int, first: int, last: int, parents: tuple[str, ...] = ()) -> None:
        self.ident = f"shardId-{number:012d}"
        self.first, self.last = first, last
        self.parents = parents
        self.open = True
        self.records: list[tuple[int, str, bytes]] = []
        """Sequence number, partition key, data."""


class FakeKinesis(HttpServer):
    """One stream. `endpoint` is where it listens, once entered."""

    def __init__(self, stream: str = "alerts", shards: int = 1) -> None:
        super().__init__(self._handle)
        self.stream = stream
        self.calls: list[str] = []
        """Operations called, in order."""
        self.throttle = 0
        """So many reads to come are refused."""
        self.refuse = ""
        """Code of the error that every call gets."""
        self.fail_puts = 0
        """So many records of puts to come fail one by one: every second one."""
        self._shards: dict[str, FakeShard] = {}
        self._iterators: dict[str, tuple[str, int]] = {}
        self._sequence = _FIRST_SEQUENCE
        step = _HASHES // shards
        for number in range(shards):
            last = _HASHES - 1 if number == shards - 1 else (number + 1) * step - 1
            self._add(FakeShard(number, number * step, last))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, key: str, data: bytes) -> str:
        """Write a record; the shard it went to."""
        place = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())
        shard = next(s for s in self._shards.values() if s.open and s.first <= place <= s.last)
        self._sequence += 1_000
        shard.records.append((self._sequence, key, data))
        return shard.ident

    def split(self, ident: str) -> None:
        """Close a shard and open two in its place."""
        parent = self._shards[ident]
        parent.open = False
        middle = (parent.first + parent.last) // 2
        self._add(FakeShard(len(self._shards), parent.first, middle, (ident,)))
        self._add(FakeShard(len(self._shards), middle + 1, parent.last, (ident,)))

    def merge(self, one: str, two: str) -> None:
        """Close two neighbours and open one in their place."""
        first, second = self._shards[one], self._shards[two]
        first.open = second.open = False
        self._add(FakeShard(len(self._shards), first.first, second.last, (one, two)))

    def expire(self) -> None:
        """Every iterator handed out so far is too old from now on."""
        self._iterators.clear()

    def recreate(self) -> None:
        """The stream is deleted and created anew: same shards, nothing in them, other numbers."""
        self._sequence += 10**40
        for shard in self._shards.values():
            shard.records.clear()
        self.expire()

    def records(self) -> list[tuple[str, bytes]]:
        """Partition key and data of everything that was put, in order."""
        every = sorted(record for shard in self._shards.values() for record in shard.records)
        return [(key, data) for _, key, data in every]

    def _add(self, shard: FakeShard) -> None:
        self._shards[shard.ident] = shard

    async def _handle(self, request: HttpRequest, response: Response) -> None:
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        self.calls.append(operation)
        headers = {"content-type": "application/x-amz-json-1.1"}
        try:
            if self.refuse:
                raise KinesisFailure(self.refuse)
            asked: dict[str, Any] = json.loads(request.body or b"{}")
            if asked.get("StreamName", self.stream) != self.stream:
                raise KinesisFailure("ResourceNotFoundException")
            answer = getattr(self, f"_{operation}")(asked)
        except KinesisFailure as failure:
            body = json.dumps({"__type": failure.code, "message": "as the test wants it"}).encode()
            await response.whole(failure.status, body, headers)
        else:
            await response.whole(200, json.dumps(answer).encode(), headers)

    def _ListShards(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Two shards a page, so that every test turns pages."""
        shards = list(self._shards.values())
        start = int(asked.get("NextToken", 0))
        answer: dict[str, Any] = {"Shards": [self._described(shard) for shard in shards[start : start + 2]]}
        if start + 2 < len(shards):
            answer["NextToken"] = str(start + 2)
        return answer

    def _described(self, shard: FakeShard) -> dict[str, Any]:
        names = ("ParentShardId", "AdjacentParentShardId")
        return {
            "ShardId": shard.ident,
            "HashKeyRange": {"StartingHashKey": str(shard.first), "EndingHashKey": str(shard.last)},
            "SequenceNumberRange": {"StartingSequenceNumber": str(_FIRST_SEQUENCE)},
            **dict(zip(names, shard.parents, strict=False)),
        }

    def _DescribeStreamSummary(self, asked: dict[str, Any]) -> dict[str, Any]:
        summary = {
            "StreamName": asked["StreamName"],
            "StreamARN": "arn:aws:kinesis:eu-west-1:1:stream/x",
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_767_225_600,
            "EnhancedMonitoring": [],
            "OpenShardCount": len(self._shards),
        }
        return {"StreamDescriptionSummary": summary}

    def _GetShardIterator(self, asked: dict[str, Any]) -> dict[str, Any]:
        shard = self._shards[asked["ShardId"]]
        after = 0
        if asked["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER":
            after = int(asked["StartingSequenceNumber"])
            if after not in [number for number, _, _ in shard.records]:
                raise KinesisFailure("InvalidArgumentException")
        return {"ShardIterator": self._iterator(shard.ident, after)}

    def _iterator(self, ident: str, after: int) -> str:
        name = f"iterator-{len(self.calls)}-{ident}-{after}"
        self._iterators[name] = (ident, after)
        return name

    def _GetRecords(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.throttle:
            self.throttle -= 1
            raise KinesisFailure("ProvisionedThroughputExceededException")
        if asked["ShardIterator"] not in self._iterators:
            raise KinesisFailure("ExpiredIteratorException")
        ident, after = self._iterators.pop(asked["ShardIterator"])
        shard = self._shards[ident]
        waiting = [record for record in shard.records if record[0] > after]
        given = waiting[: asked["Limit"]]
        answer: dict[str, Any] = {
            "Records": [
                {
                    "SequenceNumber": str(number),
                    "PartitionKey": key,
                    "Data": base64.b64encode(data).decode(),
                    "ApproximateArrivalTimestamp": 1_767_225_600,
                }
                for number, key, data in given
            ],
            "MillisBehindLatest": 1_000 * (len(waiting) - len(given)),
        }
        if shard.open or len(given) < len(waiting):
            answer["NextShardIterator"] = self._iterator(ident, given[-1][0] if given else after)
        return answer

    def _PutRecords(self, asked: dict[str, Any]) -> dict[str, Any]:
        results: list[dict[str, str]] = []
        for index, entry in enumerate(asked["Records"]):
            if self.fail_puts and index % 2:
                self.fail_puts -= 1
                results.append({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "x"})
                continue
            ident = self.put(entry["PartitionKey"], base64.b64decode(entry["Data"]))
            results.append({"SequenceNumber": str(self._sequence), "ShardId": ident})
        failed = sum("ErrorCode" in result for result in results)
        return {"FailedRecordCount": failed, "Records": results}


@contextlib.contextmanager
def start_moto() -> Iterator[str]:
    """moto's server in a process of its own; its endpoint."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, 30.0)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(10)
