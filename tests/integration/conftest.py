"""Real servers for the tests that need them."""

from collections.abc import Iterator

import pytest

from tests.support.apache_kafka import NOT_FOUND, kafka_libs
from tests.support.broker import Broker, start_broker
from tests.support.proxy import TcpProxy
from tests.support.redis_server import RedisServer, start_redis
from tests.support.secure_kafka import SecureKafka, start_secure_kafka


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """One broker for the whole run: use a topic and a group of your own, and leave it running."""
    with start_broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def secure_kafka() -> Iterator[SecureKafka]:
    """One Apache Kafka that asks for logins: use a topic of your own. Skipped by name where there is none."""
    if kafka_libs() is None:
        pytest.skip(NOT_FOUND)
    with start_secure_kafka() as kafka:
        yield kafka


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for the whole run: use keys of your own, and leave it running."""
    with start_redis() as server:
        yield server


@pytest.fixture
def tcp_proxy() -> type[TcpProxy]:
    """`async with tcp_proxy(host, port) as proxy:` for a network with faults."""
    return TcpProxy
