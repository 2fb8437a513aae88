"""The Kafka source logs in to Apache Kafka, in the clear and over TLS, and says why where it can't."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from backend.clock import SystemClock
from backend.sources.base import Source, SourceError
from backend.sources.options import SourceOptions
from backend.sources.registry import open_source
from tests.integration.sources.test_kafka import committed, fresh, numbered, produce
from tests.support.intake import FakeIntake, until
from tests.support.secure_kafka import GUEST, GUEST_PASSWORD, PASSWORD, USER, SecureKafka

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
ANN = SourceOptions(username=USER, password=PASSWORD)
SOON_S = 8.0
"""What is wrong for good is said within this time; it takes a fraction of a second on a quiet machine."""


@contextlib.asynccontextmanager
async def running(uri: str, options: SourceOptions, intake: FakeIntake) -> AsyncIterator[Source]:
    source = open_source(uri, clock=SystemClock(), options=options)
    task = asyncio.create_task(source.run(intake))
    try:
        yield source
    finally:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def failure(uri: str, options: SourceOptions) -> str:
    """The words a source ends with, which it does soon."""
    source, began = open_source(uri, clock=SystemClock(), options=options), time.monotonic()
    with pytest.raises(SourceError) as failed:
        async with asyncio.timeout(SOON_S):
            await source.run(FakeIntake())
    assert time.monotonic() - began < SOON_S
    words = str(failed.value)
    assert PASSWORD not in words and "\n" not in words
    assert words.startswith(f"{source.name}: ")
    return words


async def everything_arrives(kafka: SecureKafka, protocol: str, options: SourceOptions) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka.broker.create_topic(topic, 2)
    await produce(kafka.broker.bootstrap, topic, numbered(0, 500), 2)
    async with running(kafka.uri(protocol, topic), options, intake) as source:
        await until(lambda: source.status().caught_up, what="caught up")
        status = source.status()
        assert (status.state, status.lag, status.detail) == ("live", 0, "")
        await produce(kafka.broker.bootstrap, topic, numbered(500, 10), 2)
        await until(lambda: len(intake.records) == 510)
    assert sorted(intake.data()) == sorted(numbered(0, 510))  # type: ignore[type-var]  # none is None
    assert intake.duplicates == 0
    assert await committed(kafka.broker.bootstrap, topic, 2) == intake.next_offsets()


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_login_in_the_clear(secure_kafka: SecureKafka, mechanism: str) -> None:
    await everything_arrives(
        secure_kafka, "SASL_PLAINTEXT", msgspec.structs.replace(ANN, sasl_mechanism=mechanism)
    )


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_login_over_tls(secure_kafka: SecureKafka, mechanism: str) -> None:
    ca = str(secure_kafka.ca_file)
    options = msgspec.structs.replace(ANN, sasl_mechanism=mechanism, tls=True, ca_file=ca)
    await everything_arrives(secure_kafka, "SASL_SSL", options)


async def test_a_certificate_in_place_of_a_login(secure_kafka: SecureKafka) -> None:
    files = {"cert_file": str(secure_kafka.client_cert), "key_file": str(secure_kafka.client_key)}
    options = SourceOptions(tls=True, ca_file=str(secure_kafka.ca_file), **files)
    await everything_arrives(secure_kafka, "SSL", options)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_wrong_password_or_user_is_said_at_once(secure_kafka: SecureKafka, mechanism: str) -> None:
    uri = secure_kafka.uri("SASL_PLAINTEXT", "alerts")
    for user, password in ((USER, "wrong"), ("nobody", PASSWORD)):
        words = await failure(uri, SourceOptions(username=user, password=password, sasl_mechanism=mechanism))
        assert f"the broker refuses user {user}" in words
        assert words.endswith("; correct username, password and sasl_mechanism under this source")


async def test_an_unknown_authority_is_said_at_once(secure_kafka: SecureKafka) -> None:
    uri = secure_kafka.uri("SASL_SSL", "alerts")
    other = msgspec.structs.replace(ANN, tls=True, ca_file=str(secure_kafka.other_ca_file))
    for options in (other, msgspec.structs.replace(ANN, tls=True)):  # another one's, and the system's
        words = await failure(uri, options)
        assert f"the certificate of 127.0.0.1:{secure_kafka.ports['SASL_SSL']} is refused" in words
        assert words.endswith("; its authority is not known here: name that as ca_file under this source")


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_a_login_or_tls_that_is_missing_is_said_while_it_tries_again(
    secure_kafka: SecureKafka, protocol: str
) -> None:
    async with running(secure_kafka.uri(protocol, "alerts"), SourceOptions(), FakeIntake()) as source:
        await until(lambda: source.status().state == "reconnecting", SOON_S)
        detail = source.status().detail
    assert f"127.0.0.1:{secure_kafka.ports[protocol]} broke off" in detail
    assert "tls = true; if it asks for a login, set username and password_env; trying again" in detail


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SSL"])
async def test_tls_where_there_is_none_and_a_certificate_that_is_missing(
    secure_kafka: SecureKafka, protocol: str
) -> None:
    options = SourceOptions(tls=True, ca_file=str(secure_kafka.ca_file))
    async with running(secure_kafka.uri(protocol, "alerts"), options, FakeIntake()) as source:
        await until(lambda: source.status().state == "reconnecting", SOON_S)
        detail = source.status().detail
    assert f"127.0.0.1:{secure_kafka.ports[protocol]} broke off" in detail
    assert "port for TLS; if it asks for a certificate, set cert_file and key_file" in detail


async def test_a_user_without_rights_is_told_which(secure_kafka: SecureKafka) -> None:
    topic = fresh()
    await secure_kafka.broker.create_topic(topic)
    words = await failure(
        secure_kafka.uri("SASL_PLAINTEXT", topic), SourceOptions(username=GUEST, password=GUEST_PASSWORD)
    )
    assert "the broker refuses: GroupAuthorizationFailedError" in words
    assert words.endswith(f"; let {GUEST} use the group g-{topic} (READ on it)")
