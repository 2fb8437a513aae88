"""Why a Kafka broker lets nobody in: asked once the client, which keeps the reason to itself, has failed.

Imported with the client, off the event loop.
"""

import ssl
from typing import Any

import msgspec
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    InvalidTopicError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from backend.clock import Clock
from backend.sources.tls import certificate_mend
from backend.sources.uri import Address

ASK_S = 3.0
"""Longest time for asking one broker, in seconds."""
CLIENT_KEYS = (
    *("client_id", "request_timeout_ms", "security_protocol", "ssl_context"),
    *("sasl_mechanism", "sasl_plain_username", "sasl_plain_password"),
)
"""The client settings that concern one connection."""

FORBIDDEN = (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
)
"""What a broker says to one that it let in, and that waiting does not change."""

_MENDED_BY_TIME = {9, 10}
"""OpenSSL's codes for a certificate that is not valid yet, or no longer."""
_PORT = "see that this is the broker's port, and that a listener with TLS is read with tls = true"
_TLS_PORT = (
    "see that this is the broker's port for TLS; if it asks for a certificate, set cert_file and key_file"
)
_LOGIN = "correct username, password and sasl_mechanism under this source"


class Refusal(msgspec.Struct, frozen=True):
    """Why a broker can't be used, and what to do about it."""

    found: str
    mend: str
    lasting: bool
    """Waiting does not help: what is configured is wrong."""


def refusal(error: BaseException, place: str, settings: dict[str, Any]) -> Refusal:
    """What the client met at the broker `place`, in words."""
    user, mechanism = settings.get("sasl_plain_username"), settings.get("sasl_mechanism")
    if isinstance(error, ssl.SSLCertVerificationError):
        found = f"the certificate of {place} is refused: {error.verify_message}"
        return Refusal(found, certificate_mend(error), error.verify_code not in _MENDED_BY_TIME)
    if isinstance(error, ssl.SSLError):
        words = str(error.reason or error).replace("_", " ").lower()
        return Refusal(f"no TLS with {place}: {words}", "see that this port speaks TLS", lasting=True)
    if isinstance(error, UnsupportedSaslMechanismError):
        mend = "set sasl_mechanism to one it offers, or leave username out if it asks for none"
        return Refusal(f"the broker offers no login by {mechanism}", mend, lasting=True)
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError | KeyError):
        # The client meets a SCRAM server's refusal with a KeyError where the server is old.
        words = f": {error}" if isinstance(error, KafkaError) else ""
        return Refusal(f"the broker refuses user {user}{words}", _LOGIN, lasting=True)
    hint = _LOGIN if user else "if it asks for a login, set username and password_env"
    words = str(error) or type(error).__name__
    port = _PORT if settings.get("ssl_context") is None else _TLS_PORT
    return Refusal(f"{place} broke off: {words}", f"{port}; {hint}", lasting=False)


def forbidden(error: Exception, settings: dict[str, Any], group: str) -> str:
    """One of `FORBIDDEN` in words, and what to do about it."""
    user = settings.get("sasl_plain_username") or "this client"
    mend = {
        GroupAuthorizationFailedError: f"let {user} use the group {group} (READ on it)",
        TopicAuthorizationFailedError: f"let {user} read the topic (READ and DESCRIBE on it)",
        InconsistentGroupProtocolError: "its members read it in another way; name a group of its own",
        InvalidSessionTimeoutError: "give a session_timeout_s= that the broker allows",
    }.get(type(error), "correct the address")
    return f"the broker refuses: {error!r}; {mend}"


async def why_refused(address: Address, settings: dict[str, Any], clock: Clock) -> Refusal | None:
    """Try every broker of the address once more; None where one lets us in, or none can be reached at all."""
    met: Refusal | None = None
    connection_settings = {key: value for key, value in settings.items() if key in CLIENT_KEYS}
    for host, port in address.hosts:
        connection: Any = None
        try:
            async with clock.timeout(ASK_S):
                connection = await create_conn(host, port, **connection_settings)
                await connection.send(MetadataRequest([]))
        except (ssl.SSLError, ConnectionResetError, KafkaError, KeyError, ValueError) as error:
            met = met or refusal(error, f"{host}:{port}", settings)
        except (OSError, TimeoutError):
            continue
        else:
            return None
        finally:
            if connection is not None:
                connection.close()
    return met
