"""Doctor against an Apache Kafka that asks for logins: what is right is ok, what is wrong has its mend."""

import itertools
import os
from pathlib import Path

import msgspec
import pytest

from backend.doctor import Check
from backend.settings import SourceConfig
from tests.integration.sources.test_kafka import produce
from tests.support import eve
from tests.support.doctoring import check_source, steps
from tests.support.secure_kafka import GUEST, GUEST_PASSWORD, PASSWORD, USER, SecureKafka

_NUMBERS = itertools.count()
ALERT = eve.lines([eve.alert(7, severity=1)]).rstrip()
BEGIN = [("address", "ok"), ("settings", "ok"), ("TCP", "ok")]
END = [("login", "ok"), ("topic", "ok"), ("brokers", "ok"), ("group", "ok"), ("sample", "ok")]
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SECRET", PASSWORD)
    monkeypatch.setenv("KAFKA_WRONG", "hunter2")
    monkeypatch.setenv("KAFKA_GUEST", GUEST_PASSWORD)


async def filled(kafka: SecureKafka) -> str:
    """A topic with one alert."""
    topic = f"doctor{os.getpid()}-{next(_NUMBERS)}"
    await kafka.broker.create_topic(topic)
    await produce(kafka.broker.bootstrap, topic, [ALERT])
    return topic


async def failed(home: Path, config: SourceConfig) -> Check:
    """The check a source fails at, which is the last one; no secret is in any of them."""
    found = await check_source(home, config)
    assert [check.state for check in found[:-1]] == ["ok"] * (len(found) - 1)
    assert found[-1].state == "failed"
    assert not {PASSWORD, GUEST_PASSWORD, "hunter2"} & set(repr(found).split())
    return found[-1]


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_every_login_down_to_a_record(
    tmp_path: Path, secure_kafka: SecureKafka, mechanism: str
) -> None:
    topic = await filled(secure_kafka)
    plain = SourceConfig(
        uri=secure_kafka.uri("SASL_PLAINTEXT", topic),
        username=USER,
        password_env="KAFKA_SECRET",
        sasl_mechanism=mechanism,  # type: ignore[arg-type]  # one of the three
    )
    found = await check_source(tmp_path, plain)
    assert steps(found) == [*BEGIN, *END]
    login = next(check for check in found if check.check == "login")
    assert login.found == f"{mechanism} as {USER}; the cluster has 1 broker"
    uri, ca = secure_kafka.uri("SASL_SSL", topic), str(secure_kafka.ca_file)
    found = await check_source(tmp_path, msgspec.structs.replace(plain, uri=uri, tls=True, ca_file=ca))
    assert steps(found) == [*BEGIN, ("TLS", "ok"), *END]


async def test_a_certificate_in_place_of_a_login(tmp_path: Path, secure_kafka: SecureKafka) -> None:
    config = SourceConfig(
        uri=secure_kafka.uri("SSL", await filled(secure_kafka)),
        tls=True,
        ca_file=str(secure_kafka.ca_file),
        cert_file=str(secure_kafka.client_cert),
        key_file=str(secure_kafka.client_key),
    )
    assert steps(await check_source(tmp_path, config)) == [*BEGIN, ("TLS", "ok"), *END]
    config.cert_file = config.key_file = None
    last = await failed(tmp_path, config)
    assert last.check in {"TLS", "login"}
    assert "cert_file" in last.mend


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_wrong_password(tmp_path: Path, secure_kafka: SecureKafka, mechanism: str) -> None:
    config = SourceConfig(
        uri=secure_kafka.uri("SASL_PLAINTEXT", "alerts"),
        username=USER,
        password_env="KAFKA_WRONG",
        sasl_mechanism=mechanism,  # type: ignore[arg-type]  # one of the three
    )
    last = await failed(tmp_path, config)
    assert (last.check, f"the broker refuses user {USER}" in last.found) == ("login", True)
    assert last.mend == "correct username, password and sasl_mechanism under this source"


async def test_a_login_that_is_missing(tmp_path: Path, secure_kafka: SecureKafka) -> None:
    last = await failed(tmp_path, SourceConfig(uri=secure_kafka.uri("SASL_PLAINTEXT", "alerts")))
    assert last.check == "login"
    assert "if it asks for a login, set username and password_env" in last.mend


async def test_tls_that_is_wrong(tmp_path: Path, secure_kafka: SecureKafka) -> None:
    secure = secure_kafka.uri("SASL_SSL", "alerts")
    last = await failed(tmp_path, SourceConfig(uri=secure, tls=True, ca_file=str(secure_kafka.other_ca_file)))
    assert (last.check, "is refused" in last.found) == ("TLS", True)
    assert last.mend == "its authority is not known here: name that as ca_file under this source"
    last = await failed(tmp_path, SourceConfig(uri=secure_kafka.uri("SASL_PLAINTEXT", "alerts"), tls=True))
    assert (last.check, "speaks TLS" in last.mend) == ("TLS", True)
    last = await failed(tmp_path, SourceConfig(uri=secure))
    assert (last.check, "tls = true" in last.mend) == ("login", True)


async def test_a_user_without_rights(tmp_path: Path, secure_kafka: SecureKafka) -> None:
    topic = await filled(secure_kafka)
    config = SourceConfig(
        uri=secure_kafka.uri("SASL_PLAINTEXT", topic),
        username=GUEST,
        password_env="KAFKA_GUEST",
    )
    last = await failed(tmp_path, config)
    assert (last.check, last.found) == ("topic", f"no topic {topic} at the broker")
    assert f"let {GUEST} see it (DESCRIBE on the topic)" in last.mend


async def test_a_user_who_may_read_the_topic_and_not_use_the_group(
    tmp_path: Path, secure_kafka: SecureKafka
) -> None:
    topic = await filled(secure_kafka)
    await secure_kafka.allow(GUEST, topic=topic)
    config = SourceConfig(
        uri=secure_kafka.uri("SASL_PLAINTEXT", topic), username=GUEST, password_env="KAFKA_GUEST"
    )
    last = await failed(tmp_path, config)
    assert (last.check, "the broker refuses" in last.found) == ("group", True)
    assert last.mend == f"let {GUEST} use the group (READ on it)"
    await secure_kafka.allow(GUEST, group=f"g-{topic}")
    assert steps(await check_source(tmp_path, config)) == [*BEGIN, *END]
