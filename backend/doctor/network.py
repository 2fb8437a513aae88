"""Reaching a server, step by step: its name, its port, its certificate."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence

from backend.clock import Clock, iso
from backend.doctor.report import STEP_S, Report
from backend.doctor.threads import in_thread
from backend.sources.tls import certificate_mend

Host = tuple[str, int]

MAX_ADDRESSES = 4
"""Addresses of one name that are tried."""
EXPIRES_SOON_DAYS = 14
DAY_MS = 86_400_000


class Unreachable(Exception):
    """A server can't be reached: the step that failed, what was found, and what to do about it."""

    def __init__(self, check: str, found: str, mend: str) -> None:
        super().__init__(found)
        self.check = check
        self.found = found
        self.mend = mend


def place(host: Host) -> str:
    """HOST:PORT, with brackets around an IPv6 address."""
    name, port = host
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


async def reach(report: Report, hosts: Sequence[Host]) -> Host:
    """Look up and connect to each of `hosts`; returns the first that can be reached.

    Where one of several can't be, that is a warning: clients use the others.
    """
    reached: list[Host] = []
    troubles: list[Unreachable] = []
    for host in hosts:
        try:
            addresses = await look_up(host, report.clock)
            if not is_address(host[0]):
                report.ok("DNS", f"{host[0]} is {', '.join(addresses)}")
            await connect(host, addresses, report.clock)
            report.ok("TCP", f"{place(host)} accepts connections")
            reached.append(host)
        except Unreachable as trouble:
            troubles.append(trouble)
    for one in troubles:
        if reached:
            report.warn(one.check, f"{one.found}; {place(reached[0])} is used instead", one.mend)
        else:
            report.bad(one.check, one.found, one.mend)
    if not reached:
        report.stop()
    return reached[0]


def is_address(name: str) -> bool:
    """Whether a host is given by its address, so that there is no name to look up."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def look_up(host: Host, clock: Clock) -> list[str]:
    """The addresses of a host. Raises `Unreachable`."""
    name, port = host
    if is_address(name):
        return [name]
    mend = f"correct the name, or make {name} known to this machine (its name server, /etc/hosts)"
    try:
        async with clock.timeout(STEP_S):
            found = await in_thread(lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise Unreachable(
            "DNS", f"no answer about {name} from the name server in {STEP_S:g} s", mend
        ) from None
    except (OSError, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "no valid host name"
        raise Unreachable("DNS", f"no address for {name}: {words}", mend) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))[:MAX_ADDRESSES]


async def connect(host: Host, addresses: Sequence[str], clock: Clock) -> str:
    """Connect to a host and hang up; returns the address that answered. Raises `Unreachable`."""
    trouble: Unreachable | None = None
    for address in addresses:
        try:
            async with clock.timeout(STEP_S / len(addresses)):
                _, writer = await asyncio.open_connection(address, host[1])
        except TimeoutError:
            trouble = Unreachable(
                "TCP",
                f"no answer from {place(host)} within {STEP_S:g} s",
                "see that the machine is up and that no firewall on the way drops the connection",
            )
        except OSError as error:
            trouble = _refused(host, error)
        else:
            writer.transport.abort()
            return address
    assert trouble is not None  # noqa: S101  # a look-up gives at least one address
    raise trouble


def _refused(host: Host, error: OSError) -> Unreachable:
    if error.errno == errno.ECONNREFUSED:
        return Unreachable(
            "TCP",
            f"nothing listens at {place(host)}: the connection is refused",
            "start the server, or correct host and port in the address",
        )
    return Unreachable(
        "TCP",
        f"can't connect to {place(host)}: {error.strerror or error}",
        "see that this machine has a way there: its network, its routes, a VPN",
    )


async def handshake(
    report: Report,
    host: Host,
    context: ssl.SSLContext,
    *,
    connect: Callable[[], Awaitable[asyncio.StreamWriter]] | None = None,
    under: str = "this source",
) -> None:
    """Talk TLS to a server and look at its certificate.

    `connect` gives the connection where the server is not reached directly; `under` is what holds `ca_file`.
    """
    mend = "see that this port speaks TLS; many servers have another port for it"
    writer: asyncio.StreamWriter | None = None
    try:
        async with report.within("TLS", f"no TLS answer from {place(host)}", mend):
            if connect is not None:
                writer = await connect()
            else:
                _, writer = await asyncio.open_connection(*host, ssl=context, server_hostname=host[0])
        certificate = writer.get_extra_info("ssl_object").getpeercert() or {}
        version = writer.get_extra_info("ssl_object").version()
    except ssl.SSLCertVerificationError as error:
        report.fail(
            "TLS",
            f"the certificate of {place(host)} is refused: {error.verify_message}",
            certificate_mend(error).replace("this source", under),
        )
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error) or "it hung up"
        words = str(reason).replace("_", " ").lower()
        report.fail("TLS", f"no TLS with {place(host)}: {words}", mend)
    finally:
        if writer is not None:
            writer.transport.abort()
    _expiry(report, host, str(version), str(certificate.get("notAfter", "")))


def _expiry(report: Report, host: Host, version: str, not_after: str) -> None:
    ends_ms = None
    with contextlib.suppress(ValueError):
        ends_ms = int(ssl.cert_time_to_seconds(not_after) * 1000)
    if ends_ms is None:
        report.ok("TLS", f"{version}, certificate verified")
        return
    days = (ends_ms - report.clock.wall_ms()) // DAY_MS
    found = f"{version}, certificate verified for {host[0]}, valid until {iso(ends_ms)[:10]} ({days} days)"
    if days < EXPIRES_SOON_DAYS:
        report.warn("TLS", found, "renew the certificate on the server in time")
    else:
        report.ok("TLS", found)
