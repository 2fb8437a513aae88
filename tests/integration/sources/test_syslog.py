"""The syslog source over real sockets: UDP, TCP and TLS, slow and stuck pipelines, what is lost and said."""

import asyncio
import re
import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme

from backend.clock import SystemClock
from backend.sources.base import SourceError
from backend.sources.options import SourceOptions
from backend.sources.registry import open_source, open_target
from tests.support.intake import FakeIntake, until
from tests.support.listening import connected, running
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy


def address(port: int) -> str:
    return f"syslog://127.0.0.1:{port}"


def numbered(start: int, count: int) -> list[bytes]:
    return [b"<134>1 2026-01-02T03:04:05Z h app - - - event %d" % n for n in range(start, start + count)]


def counted(messages: list[bytes]) -> bytes:
    return b"".join(b"%d %b" % (len(message), message) for message in messages)


def send_udp(port: int, messages: list[bytes]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for message in messages:
            sender.sendto(message, ("127.0.0.1", port))


def dropped(detail: str) -> int:
    return sum(int(count) for count in re.findall(r"(\d+) datagrams dropped", detail))


async def test_udp_counting_and_lines_side_by_side() -> None:
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake) as source:
        async with connected(port) as (_, one), connected(port) as (_, two):
            one.write(counted(numbered(0, 1_000)))
            two.write(b"\n".join(numbered(1_000, 1_000)) + b"\n")
            send_udp(port, [numbered(2_000, 1)[0] + b"\n", b"", b"<13>plain \xff\x00"])
            await until(lambda: len(intake.records) == 2_002)
        await until(lambda: source.status().caught_up)
        assert (source.status().state, source.status().detail) == ("live", "")
    data = intake.data()
    assert [d for d in data if d in set(numbered(0, 1_000))] == numbered(0, 1_000)
    assert [d for d in data if d in set(numbered(1_000, 1_000))] == numbered(1_000, 1_000)
    assert {numbered(2_000, 1)[0], b"<13>plain \xff"} <= set(data)
    ways = {record.partition.rpartition("/")[2]: record for record in intake.records}
    assert set(ways) == {"tcp", "udp"} and ways["udp"].key == b"127.0.0.1"


async def test_two_runs_never_share_a_position() -> None:
    port, intake = free_port(), FakeIntake()
    for turn in range(2):
        async with running(address(port), intake):
            send_udp(port, numbered(0, 50))
            await until(lambda wanted=50 * (turn + 1): len(intake.records) == wanted)
    assert intake.duplicates == 0  # the same 50 messages twice are 100 events: nothing says otherwise


async def test_a_stuck_pipeline_slows_tcp_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sources.syslog.BUFFER_RECORDS", 500)
    port, intake = free_port(), FakeIntake()
    intake.room.clear()
    messages = [message + b" " * 1_000 for message in numbered(0, 20_000)]
    async with running(address(port), intake) as source:
        target = open_target(address(port))
        await target.open()
        sent = 0

        async def send() -> None:
            nonlocal sent
            for start in range(0, len(messages), 200):
                await target.send(messages[start : start + 200])
                sent += 200

        sending = asyncio.create_task(send())
        await until(lambda: source.status().state == "paused")
        await asyncio.sleep(0.5)
        before = sent
        await asyncio.sleep(0.5)
        assert sent == before < 20_000  # it waits, in its own send
        assert 0 < (source.status().lag or 0) < 2_000
        intake.room.set()
        await sending
        await target.close()
        await until(lambda: len(intake.records) == 20_000)
        assert source.status().detail == ""
    assert intake.data() == [message.strip(b"\r\n\0") for message in messages]


async def test_a_stuck_pipeline_drops_datagrams_and_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sources.syslog.BUFFER_RECORDS", 300)
    port, intake = free_port(), FakeIntake()
    intake.stored.clear()
    async with running(address(port), intake) as source:
        for start in range(0, 2_000, 50):
            send_udp(port, numbered(start, 50))
            await asyncio.sleep(0)
        await until(lambda: "datagrams dropped by us" in source.status().detail)
        await until(lambda: (source.status().lag or 0) + dropped(source.status().detail) == 2_000)
        intake.stored.set()
        await until(lambda: source.status().caught_up)
        assert source.status().state == "lagging"  # not well: something is gone
        assert len(intake.records) + dropped(source.status().detail) == 2_000
        assert len(intake.records) >= 300
    assert intake.data() == sorted(intake.data(), key=lambda d: int(d.rsplit(b" ")[-1]))


async def test_a_buffer_of_the_system_that_overflows_is_said() -> None:
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake) as source:
        big = [message + b"x" * 8_000 for message in numbered(0, 4_000)]
        send_udp(port, big[:2_000])  # the loop does not run meanwhile, so nothing is read
        time.sleep(0.05)
        send_udp(port, big[2_000:])
        await until(lambda: (source.status().lag or 0) == 0 and len(intake.records) > 0)
        assert "datagrams dropped by the system" in source.status().detail
        await until(lambda: len(intake.records) + dropped(source.status().detail) == 4_000)


async def test_what_the_journal_refuses_is_stored_later_in_order() -> None:
    port, intake = free_port(), FakeIntake()
    intake.fail = 2
    async with running(address(port), intake) as source:
        target = open_target(address(port))
        await target.open()
        await target.send(numbered(0, 3_000))
        await until(lambda: "no space left" in source.status().detail)
        await target.close()
        await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 3_000)


async def test_what_was_received_before_the_end_is_stored() -> None:
    port, intake = free_port(), FakeIntake()
    intake.commit_s = 0.2
    async with running(address(port), intake) as source:
        async with connected(port) as (_, writer):
            writer.write(counted(numbered(0, 2_500)))
            await until(lambda: (source.status().lag or 0) + len(intake.records) == 2_500)
        send_udp(port, numbered(2_500, 10))
        await until(lambda: (source.status().lag or 0) + len(intake.records) == 2_510)
        assert len(intake.records) < 2_510
    assert sorted(intake.data()) == sorted(numbered(0, 2_510))


async def test_cut_connections_and_wrong_counts_are_said_and_kept(tcp_proxy: type[TcpProxy]) -> None:
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake) as source, tcp_proxy("127.0.0.1", port) as proxy:
        async with connected(proxy.port) as (_, writer):
            writer.write(counted(numbered(0, 10)) + b"500 <134>1 - - - - - half of it")
            await until(lambda: len(intake.records) == 10)
            proxy.reset()
            await until(lambda: len(intake.records) == 11)
        await until(lambda: "1 messages with a wrong length" in source.status().detail)
    assert intake.data() == [*numbered(0, 10), b"<134>1 - - - - - half of it"]


async def test_quiet_connections_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sources.syslog.MAX_CONNECTIONS", 10)
    monkeypatch.setattr("backend.sources.syslog.QUIET_S", 0.2)
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake) as source:
        quiet = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        await asyncio.sleep(0.3)
        async with connected(port) as (_, writer):
            writer.write(counted(numbered(0, 5)))
            await until(lambda: len(intake.records) == 5)
        assert "1 connections closed: over 10 at once" in source.status().detail
        for _, writer in quiet:
            writer.transport.abort()


async def test_tls_alone_where_there_is_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, key, ca = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(cert)
    authority.cert_pem.write_to_path(ca)
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake, SourceOptions(cert_file=cert, key_file=key)) as source:
        target = open_target(address(port), options=SourceOptions(ca_file=ca))
        await target.open()
        await target.send([*numbered(0, 500), b'{"no": "syslog"}'])
        await target.close()
        await until(lambda: len(intake.records) == 501)
        with (
            pytest.raises((ConnectionRefusedError, TimeoutError)),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        ):  # nobody listens for datagrams
            probe.connect(("127.0.0.1", port))
            probe.settimeout(2)
            probe.send(b"<13>in the clear")
            probe.recv(10)
        distrustful = open_target(address(port), options=SourceOptions(tls=True))
        with pytest.raises(SourceError, match=ssl.SSLCertVerificationError.__name__):
            await distrustful.open()
        assert source.status().records == 501
    assert intake.data()[:500] == numbered(0, 500)
    wrapped = re.fullmatch(rb'<133>1 \S+Z \S+ watchfloor - - - \{"no": "syslog"\}', intake.data()[500])
    assert wrapped is not None


async def test_a_receiver_that_goes_away_is_said() -> None:
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake):
        target = open_target(address(port))
        await target.open()
        await target.send(numbered(0, 10))
        await until(lambda: len(intake.records) == 10)
    with pytest.raises(SourceError, match="connection lost"):
        for _ in range(50):
            await target.send(numbered(0, 100))
            await asyncio.sleep(0.02)
    await target.close()
    with pytest.raises(SourceError, match="no syslog receiver"):
        await open_target(address(port)).open()


async def test_a_port_in_use_and_an_address_of_others() -> None:
    port, intake = free_port(), FakeIntake()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        async with running(address(port), intake, live=False) as source:
            await until(lambda: "in use by another program" in source.status().detail)
            other.close()
            await until(lambda: source.status().state == "live")
            send_udp(port, numbered(0, 3))
            await until(lambda: len(intake.records) == 3)
    with pytest.raises(SourceError, match="can't listen"):
        await open_source("syslog://192.0.2.1:5514", clock=SystemClock()).run(intake)
