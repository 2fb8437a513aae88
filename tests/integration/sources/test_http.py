"""The HTTP source over real sockets: what it accepts, what it refuses, and what a sender may rely on."""

import asyncio
import gzip
from pathlib import Path

import httpx
import msgspec
import pytest
import trustme

from backend.alerts.recognise import Parser
from backend.clock import SystemClock
from backend.pipeline.ingest import Ingest
from backend.pipeline.route import Router
from backend.settings import Settings
from backend.sources.base import SourceError
from backend.sources.options import SourceOptions
from backend.sources.registry import open_source, open_target
from backend.telemetry.stages import StageTimes
from tests.support.engines import eve_alert
from tests.support.intake import FakeIntake, until
from tests.support.listening import connected, exchange, running
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy
from tests.unit.pipeline.builders import open_journal


def numbered(start: int, count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


def address(port: int, extra: str = "") -> str:
    return f"http://127.0.0.1:{port}/in{extra}"


def post(port: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A request as bytes; `length` is a Content-Length that may be wrong."""
    fields = [f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(["POST /in HTTP/1.1", f"Host: 127.0.0.1:{port}", *fields, "", ""]).encode() + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_one_an_array_ndjson_and_gzip_over_one_connection() -> None:
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake) as source, httpx.AsyncClient() as client:
        bodies = [
            b'{\n "n": 1\n}\n',
            b'[{"n":2},{"n":3}]',
            b"\n".join(numbered(4, 2_500)),
            gzip.compress(b'{"n":5000}'),
        ]
        counts = []
        for body in bodies:
            headers = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f\x8b") else {}
            answer = await client.post(address(port), content=body, headers=headers)
            assert answer.status_code == 200
            counts.append(answer.json()["records"])
        assert counts == [1, 1, 2_500, 1]
        assert (source.status().records, source.status().caught_up) == (2_503, True)
    assert intake.data() == [bodies[0].strip(), bodies[1], *numbered(4, 2_500), b'{"n":5000}']
    assert len({(record.partition, record.offset) for record in intake.records}) == 2_503


async def test_200_comes_only_after_the_commit() -> None:
    port, intake = free_port(), FakeIntake()
    intake.stored.clear()
    async with running(address(port), intake) as source, connected(port) as (reader, writer):
        writer.write(post(port, b'{"n":1}'))
        await until(lambda: bool(intake.batches))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.4)
        assert not source.status().caught_up
        intake.stored.set()
        assert status(await reader.read(1000)) == 200
        assert intake.data() == [b'{"n":1}']


@pytest.mark.parametrize("stuck", ["room", "stored"])
async def test_no_room_is_429_and_the_retry_counts_once(stuck: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sources.http_posts.STORE_S", 0.3)
    port, intake = free_port(), FakeIntake()
    getattr(intake, stuck).clear()
    async with running(address(port), intake), httpx.AsyncClient() as client:
        for _ in range(3):
            refused = await client.post(address(port), content=b'{"n":1}')
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) > 0
        assert intake.data() == []
        getattr(intake, stuck).set()
        answer = await client.post(address(port), content=b'{"n":1}')
        assert (answer.status_code, answer.json()["repeated"]) == (200, True)
    assert intake.data() == [b'{"n":1}']
    assert sum(intake.batches) == 1  # three retries queued nothing more


async def test_what_the_journal_refuses_is_429_until_it_stores() -> None:
    port, intake = free_port(), FakeIntake()
    intake.fail = 2
    async with running(address(port), intake) as source, httpx.AsyncClient() as client:
        for _ in range(2):
            refused = await client.post(address(port), content=b'{"n":1}')
            assert refused.status_code == 429
            assert "no space left" in refused.json()["error"]
            assert source.status().state == "paused"
            health = await client.get(f"http://127.0.0.1:{port}/healthz")
            assert health.status_code == 503
        assert (await client.post(address(port), content=b'{"n":1}')).status_code == 200
        assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
        assert source.status().state == "live"
    assert (intake.data(), intake.duplicates) == ([b'{"n":1}'], 0)


async def test_memory_for_bodies_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sources.http_posts.MAX_HELD_BYTES", 100_000)
    monkeypatch.setattr("backend.sources.http_posts.STORE_S", 0.2)
    port, intake = free_port(), FakeIntake()
    intake.stored.clear()
    async with running(address(port), intake), httpx.AsyncClient() as client:
        sent = [await client.post(address(port), content=b"%d" % n * 30_000) for n in range(1, 8)]
        assert {answer.status_code for answer in sent} == {429}
        assert len(intake.batches) == 3
        intake.stored.set()
        await until(lambda: len(intake.records) == 3)
        again = [await client.post(address(port), content=b"%d" % n * 30_000) for n in range(1, 8)]
        assert {answer.status_code for answer in again} == {200}
    assert (len(intake.records), intake.duplicates) == (7, 0)


async def test_a_body_sent_again_counts_once_even_after_a_restart() -> None:
    port, intake = free_port(), FakeIntake()
    body = b"\n".join(numbered(0, 1_200))
    for _ in range(2):
        async with running(address(port), intake), httpx.AsyncClient() as client:
            for _ in range(2):
                answer = await client.post(address(port), content=body)
                assert answer.json()["records"] == 1_200
    assert len(intake.records) == 1_200
    assert intake.duplicates == 1_200  # the second process asked the journal, which knew


async def test_a_key_keeps_alike_bodies_apart_and_hides_no_other() -> None:
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake), httpx.AsyncClient() as client:
        for key, body in [("a", b"x"), ("b", b"x"), ("a", b"x"), ("a", b"y"), ("", b"x")]:
            headers = {"Idempotency-Key": key} if key else {}
            assert (await client.post(address(port), content=body, headers=headers)).status_code == 200
    assert intake.data() == [b"x", b"x", b"y", b"x"]


async def test_retries_make_no_second_alert_in_a_real_journal(tmp_path: Path) -> None:
    port = free_port()
    uri = address(port)
    async with open_journal(tmp_path) as journal:
        ingest = Ingest(journal, Router(Settings()), StageTimes(), SystemClock(), deliver=lambda _: None)
        ingest.register(open_source(uri, clock=SystemClock()).name, Parser())
        body = b"[" + b",".join(eve_alert(n) for n in range(40)) + b"]"
        for _ in range(2):
            async with running(uri, ingest), httpx.AsyncClient() as client:  # type: ignore[arg-type]  # the real intake
                assert (await client.post(uri, content=body)).status_code == 200
        rows = await journal.write(
            lambda connection: connection.execute("select count(*) from alerts").fetchone()[0]
        )
        assert await rows == 40
        assert (ingest.totals.alerts, ingest.totals.duplicates) == (40, 40)


async def test_wrong_requests_have_their_answers_and_store_nothing() -> None:
    port, intake = free_port(), FakeIntake()
    chunked = b"POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    bomb = gzip.compress(b"\0" * 5_000_000)
    cases: list[tuple[int, list[bytes]]] = [
        (400, [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no http \r\n\r\n"]),
        (400, [post(port, b'{"n":1}', length=50)]),  # and then the sender ends
        (400, [post(port, b'{"n":1}', length=3)]),
        (400, [post(port, b"  \n ")]),
        (400, [post(port, b"{}", length=-1)]),
        (400, [post(port, b"{}", "Transfer-Encoding: chunked")]),
        (400, [chunked + b"zz\r\n{}\r\n0\r\n\r\n"]),
        (400, [post(port, b"no gzip", "Content-Encoding: gzip")]),
        (404, [post(port, b"{}").replace(b"/in", b"/elsewhere")]),
        (405, [post(port, b"").replace(b"POST", b"GET")]),
        (413, [post(port, b"", length=2_000_001)]),
        (400, [post(port, b"", length=10**30)]),
        (413, [chunked, *[b"10000\r\n" + b"x" * 65_536 + b"\r\n"] * 40]),
        (413, [post(port, bomb, "Content-Encoding: gzip")]),
        (415, [post(port, b"{}", "Content-Encoding: br")]),
        (431, [b"POST /in HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"]),
    ]
    async with running(address(port, "?max_mb=2"), intake) as source:
        for wanted, pieces in cases:
            answer = await exchange(port, *pieces, end=True)
            assert (status(answer), pieces[0][:60]) == (wanted, pieces[0][:60])
        assert "9 with 400" in source.status().detail
        assert (await exchange(port, post(port, b"{}"), end=True)).startswith(b"HTTP/1.1 200")
    assert intake.data() == [b"{}"]


async def test_a_token_is_asked_for_before_the_body_is_read() -> None:
    port, intake = free_port(), FakeIntake()
    options = SourceOptions(password="let-me-in")
    async with running(address(port), intake, options), httpx.AsyncClient() as client:
        for value in ("", "Bearer wrong", "Basic bGV0LW1lLWlu", "let-me-in", "Bearer \xff"):
            fields = [f"Authorization: {value}"] if value else []
            refused = await exchange(port, post(port, b"", *fields, length=1_000_000))
            assert status(refused) == 401
            assert b"WWW-Authenticate: Bearer" in refused
        right = {"Authorization": "bearer let-me-in"}
        assert (await client.post(address(port), content=b"{}", headers=right)).status_code == 200
        assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    assert intake.data() == [b"{}"]


async def test_slow_loris_and_half_bodies_are_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sources.http_session.HEAD_S", 0.6)
    monkeypatch.setattr("backend.sources.http_session.BODY_S", 0.6)
    port, intake = free_port(), FakeIntake()

    async def drip(data: bytes) -> bytes:
        async with connected(port) as (reader, writer):
            answer = asyncio.create_task(reader.read())
            for byte in data:
                if answer.done() or writer.is_closing():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)
            return await asyncio.wait_for(answer, 5)

    async with running(address(port), intake):
        answers = await asyncio.gather(
            drip(b"POST /in HTTP/1.1\r\nHost: a-name-that-is-not-over-soon\r\n\r\n"),
            drip(post(port, b"")[:20] + b"X: y\r\n" * 20),
            exchange(port, post(port, b'{"half', length=100)),
            exchange(port),  # never says a word
        )
        assert [status(answer) for answer in answers[:3]] == [408, 408, 408]
        assert answers[3] == b""
        assert status(await exchange(port, post(port, b"{}"), end=True)) == 200
    assert intake.data() == [b"{}"]


async def test_silent_connections_do_not_lock_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.sources.http.MAX_CONNECTIONS", 20)
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake) as source, httpx.AsyncClient() as client:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for number in range(10):
            assert (await client.post(address(port), content=b"%d" % number)).status_code == 200
        assert "connections closed: over 20 at once" in source.status().detail
        for _, writer in silent:
            writer.transport.abort()
    assert len(intake.data()) == 10


async def test_expect_100_continue() -> None:
    port, intake = free_port(), FakeIntake()
    async with running(address(port), intake), connected(port) as (reader, writer):
        request = post(port, b'{"n":1}', "Expect: 100-continue")
        writer.write(request[:-7])
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(request[-7:])
        assert status(await reader.read(1000)) == 200


async def test_senders_on_a_bad_network_lose_and_double_nothing(tcp_proxy: type[TcpProxy]) -> None:
    """Four targets send 8,000 records through resets; 8,000 are stored, each once."""
    port, intake = free_port(), FakeIntake()
    intake.commit_s = 0.02
    async with running(address(port), intake), tcp_proxy("127.0.0.1", port) as proxy:

        async def send(first: int) -> None:
            target = open_target(address(proxy.port))
            await target.open()
            for start in range(first, first + 2_000, 100):
                await target.send(numbered(start, 100))
            await target.close()

        sending = asyncio.gather(*(send(n * 2_000) for n in range(4)))
        for _ in range(15):
            await asyncio.sleep(0.1)
            proxy.reset()
        await sending
    assert sorted(intake.data()) == sorted(numbered(0, 8_000))


async def test_the_target_waits_as_told_and_splits_what_is_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.sources.http_session.RETRY_AFTER_S", 1)
    port, intake = free_port(), FakeIntake()
    options = SourceOptions(password="token")
    intake.fail = 1
    async with running(address(port, "?max_mb=0.01"), intake, options):
        target = open_target(address(port), options=options)
        await target.open()
        began = asyncio.get_running_loop().time()
        await target.send([b"small"])
        assert asyncio.get_running_loop().time() - began > 0.9
        await target.send([b"%02d" % n * 1_000 for n in range(50)])
        with pytest.raises(SourceError, match="too large"):
            await target.send([b"x" * 20_000])
        await target.close()
        wrong = open_target(address(port))
        await wrong.open()
        with pytest.raises(SourceError, match="401"):
            await wrong.send([b"{}"])
        await wrong.close()
    assert intake.data() == [b"small", *[b"%02d" % n * 1_000 for n in range(50)]]


async def test_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, key, ca = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(cert)
    authority.cert_pem.write_to_path(ca)
    options = SourceOptions(ca_file=ca, cert_file=cert, key_file=key)
    port, intake = free_port(), FakeIntake()
    uri = f"https://127.0.0.1:{port}/in"
    async with running(uri, intake, options):
        target = open_target(uri, options=options)
        await target.open()
        await target.send([b"{}"])
        await target.close()
        stranger = open_target(uri, options=SourceOptions(ca_file=ca))
        await stranger.open()
        monkey = pytest.MonkeyPatch()
        monkey.setattr("backend.sources.target_http.SEND_TIMEOUT_S", 0.1)
        with pytest.raises(SourceError, match="did not take"):
            await stranger.send([b"{}"])
        monkey.undo()
        await stranger.close()
        assert await exchange(port, post(port, b"{}"), end=True) == b""  # in the clear: no answer at all
    assert intake.data() == [b"{}"]
    with pytest.raises(SourceError, match="cert_file"):
        open_source(uri, clock=SystemClock())


async def test_a_port_in_use_is_waited_for_and_an_impossible_one_is_not() -> None:
    port, intake = free_port(), FakeIntake()
    other = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", port)
    async with running(address(port), intake, live=False) as source:
        await until(lambda: "in use by another program" in source.status().detail)
        other.close()
        await other.wait_closed()
        await until(lambda: source.status().state == "live")
        assert status(await exchange(port, post(port, b"{}"), end=True)) == 200
    impossible = open_source("http://192.0.2.1:8080/in", clock=SystemClock())
    with pytest.raises(SourceError, match=r"can't listen on 192\.0\.2\.1:8080"):
        await impossible.run(intake)


async def test_an_open_port_without_a_token_is_said() -> None:
    port, intake = free_port(), FakeIntake()
    async with running(f"http://0.0.0.0:{port}/in", intake) as source:
        assert "no token is set" in source.status().detail
        answer = msgspec.json.decode((await exchange(port, post(port, b"x"), end=True)).split(b"\r\n\r\n")[1])
        assert answer == {"records": 1, "repeated": False}
