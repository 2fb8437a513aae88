"""Redis sources, from the server to an entry: with commands that only read.

Imported off the event loop: the client takes long to import.
"""

import contextlib
import difflib
from collections.abc import AsyncIterator
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from backend.doctor.case import Case
from backend.doctor.network import Host, handshake, place, reach
from backend.doctor.report import STEP_S, halves
from backend.doctor.threads import in_thread
from backend.sources.base import SourceError
from backend.sources.redis_entries import entries, record_bytes
from backend.sources.redis_peers import consumers_key
from backend.sources.redis_stream import connection_settings
from backend.sources.tls import tls_context

MAX_SCANNED = 5_000
"""Keys looked through for the one that was meant."""
MAX_COUNTED = 10_000
"""Entries counted one by one where the server (before 7.0) does not know a group's lag."""
_SHOWN = 5


async def probe(case: Case) -> None:
    """Look at every step. Raises `Stopped` at the first failure."""
    report, address = case.report, case.address
    secure = address.tls or case.options.tls
    try:
        settings = await connection_settings(address, case.options, address.name)
        context = await in_thread(lambda: tls_context(address.name, case.options)) if secure else None
    except SourceError as error:
        report.fail("TLS", *halves(error, address.name))
    host = await reach(report, address.hosts)
    if context is not None:
        await handshake(report, host, context)
    # Our own limit on a step comes first, so that its words are said.
    settings |= {"client_name": "watchfloor-doctor", "socket_timeout": 2 * STEP_S}
    client: Redis = Redis(**settings, retry=Retry(NoBackoff(), 0))
    try:
        await _login(case, host, client)
        kind = await _key(case, client)
        if kind == "stream":
            await _stream(case, client)
        elif kind == "list":
            await _list(case, client)
    finally:
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with report.clock.timeout(STEP_S):
                await client.aclose()


async def _login(case: Case, host: Host, client: Redis) -> None:
    report, user, secure = case.report, case.options.username, case.address.tls or case.options.tls
    silent = f"{place(host)} accepts connections, but gives no answer a Redis server would"
    hint = "" if secure else ", and that a server that wants TLS is read with rediss:// or tls = true"
    mend = f"see that this is the server's port{hint}"
    try:
        async with report.within("login", silent, mend):
            await cast("Any", client.ping())
            role = await _role(client)
    except AuthenticationError as error:
        if case.options.password is None:
            report.fail(
                "login",
                f"the server asks for a password: {error}",
                "set password_env or password_file under this source, and username where it has users",
            )
        report.fail("login", f"the server refuses the password: {error}", "correct username and password")
    except (NoPermissionError, AuthorizationError) as error:
        report.fail("login", f"the server refuses {user or 'this login'}: {error}", "see ACL GETUSER there")
    except ResponseError as error:
        words = "correct the database number in the address" if "DB index" in str(error) else "see its log"
        report.fail("login", f"the server answers: {error}", words)
    except (RedisError, OSError) as error:
        report.fail("login", f"{place(host)} broke off or is no Redis: {error}", mend)
    if role == "slave":
        mend = "name its primary: reading as a group, or from a list, writes"
        report.fail("login", f"{place(host)} is a replica, which can't be written to", mend)
    report.ok(
        "login", f"as {user}" if user else "with a password" if case.options.password else "none asked for"
    )


async def _role(client: Redis) -> str:
    with contextlib.suppress(ResponseError):
        return str((await cast("Any", client.info("replication"))).get("role", ""))
    return ""


@contextlib.asynccontextmanager
async def _asking(case: Case, check: str) -> AsyncIterator[None]:
    """Say in words what the server answers instead of what it was asked for."""
    report = case.report
    try:
        async with report.within(check, "the server gave no answer", "see whether it is overloaded"):
            yield
    except NoPermissionError as error:
        mend = f"let the user read and write the key {case.address.path} (ACL SETUSER)"
        report.fail(check, f"the server refuses: {error}", mend)
    except ResponseError as error:
        cluster = str(error).startswith(("MOVED", "CROSSSLOT"))
        mend = "a Redis Cluster is not read: name a server of its own" if cluster else "see the server's log"
        report.fail(check, f"the server answers: {error}", mend)
    except (RedisTimeoutError, RedisError, OSError) as error:
        report.fail(check, f"the connection broke off: {error}", "see whether the server is being restarted")


async def _key(case: Case, client: Redis) -> str:
    """What the key is: stream, list, or empty where there is nothing to look at yet."""
    report, key = case.report, case.address.path
    wanted = case.address.query.get("type")
    async with _asking(case, "key"):
        kind = (await cast("Any", client.type(key))).decode("ascii", "replace")
        was_list = kind == "none" and bool(await client.exists(consumers_key(case.address)))
    if was_list or (kind == "none" and wanted == "list"):
        report.ok("key", f"{key} is an empty list: there is no such key until something is pushed")
        report.warn("sample", "the list is empty: there is no record to look at", _send_one(case))
        return ""
    if kind == "none":
        async with _asking(case, "key"):
            near = await _near(client, key)
        hint = (
            f"did you mean {near}? Else nothing is to be done" if near else "nothing if it is still to come"
        )
        report.warn(
            "key", f"no key {key} in database {case.address.db} yet", f"{hint}: an empty stream is made"
        )
        return ""
    if kind not in ("stream", "list"):
        report.fail("key", f"{key} is a {kind}", "name a stream or a list")
    if wanted and wanted != kind:
        report.fail(
            "key", f"{key} is a {kind}, not a {wanted}", "leave type= out of the address, or correct it"
        )
    report.ok("key", f"{key} is a {kind}")
    return str(kind)


async def _near(client: Redis, key: str) -> str:
    """The key whose name is most like `key`, among the first so many."""
    names: list[str] = []
    cursor = 0
    while len(names) < MAX_SCANNED:
        cursor, found = await cast("Any", client.scan(cursor, count=500))
        names += [name.decode("utf-8", "replace") for name in found]
        if not cursor:
            break
    return next(iter(difflib.get_close_matches(key, names, n=1, cutoff=0.5)), "")


async def _stream(case: Case, client: Redis) -> None:
    report, key, name = case.report, case.address.path, case.address.group
    async with _asking(case, "group"):
        length = await client.xlen(key)
        groups: Any = await client.xinfo_groups(key)
        group = next((one for one in groups if one["name"] == name.encode()), None)
        lag = await _lag(client, key, group) if group is not None else None
    if group is None:
        others = ", ".join(one["name"].decode("utf-8", "replace") for one in groups[:_SHOWN])
        beside = f" (there are {others})" if others else ""
        report.ok(
            "group", f"{name} does not exist yet{beside}: reading starts with the first of {length:,} entries"
        )
    else:
        waiting = f"more than {MAX_COUNTED:,}" if lag is None else f"{lag:,}"
        report.ok(
            "group",
            f"{name}: {waiting} of {length:,} entries wait, {group['pending']:,} more were handed out and not"
            f" acknowledged, {group['consumers']} consumers",
        )
    async with _asking(case, "sample"):
        newest = entries(cast("Any", await client.xrevrange(key, count=1)))
    ident, fields = newest[0] if newest else ("", None)
    if fields:
        await case.judge(record_bytes(fields), f"entry {ident}")
    else:
        report.warn("sample", "the stream is empty: there is no record to look at", _send_one(case))


async def _lag(client: Redis, key: str, group: dict[str, Any]) -> int | None:
    """Entries never handed out; None where they are too many to count."""
    if group.get("lag") is not None:
        return int(group["lag"])
    after = group["last-delivered-id"].decode("ascii")
    ahead: Any = await client.xrange(key, min=f"({after}", count=MAX_COUNTED + 1)
    return len(ahead) if len(ahead) <= MAX_COUNTED else None


async def _list(case: Case, client: Redis) -> None:
    key = case.address.path
    newest = 0 if case.address.query.get("take") == "right" else -1  # where producers push
    async with _asking(case, "group"):
        waiting: int = await cast("Any", client.llen(key))
        consumers: int = await cast("Any", client.scard(consumers_key(case.address)))
    case.report.ok(
        "group", f"{waiting:,} items wait; {consumers} consumers of {case.address.group} have read it"
    )
    async with _asking(case, "sample"):
        items: list[bytes] = await cast("Any", client.lrange(key, newest, newest))
    if items:
        await case.judge(items[0], f"item {newest}")
    else:
        case.report.warn("sample", "the list is empty: there is no record to look at", _send_one(case))


def _send_one(case: Case) -> str:
    return f"send one, then ask again: watchfloor replay FILE --to {case.address.name.partition('?')[0]}"
