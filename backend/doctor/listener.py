"""Sources that listen: whether their port can be had here, and who may send to it."""

import errno
import socket
import ssl

from backend.doctor.case import Case
from backend.doctor.network import Host, Unreachable, is_address, look_up, place
from backend.doctor.report import halves
from backend.doctor.threads import in_thread
from backend.sources.base import SourceError
from backend.sources.tls import server_tls_context

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


async def http(case: Case) -> None:
    """Port, TLS and token of a source that alerts are posted to."""
    await _tls(case)
    await _port(case, (socket.SOCK_STREAM,))
    report, ((host, port),) = case.report, case.address.hosts
    if case.options.password is not None:
        report.ok("token", "senders must show the bearer token")
    elif host in _LOOPBACK:
        report.ok("token", "none; only this machine can post")
    else:
        mend = "set password_env or password_file under this source: it is the bearer token"
        report.warn("token", f"none: whoever reaches port {port} can post alerts", mend)


async def syslog(case: Case) -> None:
    """Port and TLS of a syslog source; with TLS it takes no datagrams."""
    secure = await _tls(case)
    await _port(case, (socket.SOCK_STREAM,) if secure else (socket.SOCK_STREAM, socket.SOCK_DGRAM))


async def _tls(case: Case) -> bool:
    options, report = case.options, case.report
    try:
        async with report.within(
            "TLS", "the certificate files can't be read", "look at the disk they are on"
        ):
            context: ssl.SSLContext | None = await in_thread(
                lambda: server_tls_context(case.address.name, options)
            )
    except SourceError as error:
        report.fail("TLS", *halves(error, case.address.name))
    if context is not None:
        asked = "; senders must show a certificate too" if options.ca_file else ""
        report.ok("TLS", f"certificate {options.cert_file} and its key belong together{asked}")
    return context is not None


async def _port(case: Case, kinds: tuple[socket.SocketKind, ...]) -> None:
    """Bind and let go at once; nobody can connect meanwhile."""
    report, (host,) = case.report, case.address.hosts
    try:
        addresses = await look_up(host, report.clock)
    except Unreachable as trouble:
        report.fail(trouble.check, trouble.found, trouble.mend)
    if not is_address(host[0]):
        report.ok("DNS", f"{host[0]} is {', '.join(addresses)}")
    for kind in kinds:
        name = "TCP" if kind is socket.SOCK_STREAM else "UDP"
        for address in addresses:
            try:
                _bind((address, host[1]), kind)
            except OSError as error:
                report.fail(
                    "port", f"can't listen on {name} {place(host)}: {_words(error)}", _mend(error, host)
                )
        report.ok("port", f"{name} {place(host)} is free")


def _bind(host: Host, kind: socket.SocketKind) -> None:
    family = socket.AF_INET6 if ":" in host[0] else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:  # as asyncio's servers do: a port in TIME_WAIT is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(host)


def _words(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has it"
    if error.errno == errno.EADDRNOTAVAIL:
        return "that is no address of this machine"
    return error.strerror or str(error)


def _mend(error: OSError, host: Host) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"if that is a watchfloor that runs already, all is well; else see which it is (ss -lnp 'sport ="
            f" :{host[1]}') and end it, or take another port"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return "name an address of this machine, or 0.0.0.0 for all of them"
    if error.errno == errno.EACCES:
        return "ports below 1024 need privileges: take a higher one, or grant CAP_NET_BIND_SERVICE"
    return "correct host and port in the address"
