"""Real servers for the tests that need them."""

from collections.abc import Iterator

import pytest

from tests.support.broker import Broker, start_broker
from tests.support.proxy import TcpProxy
from tests.support.redis_server import RedisServer, start_redis


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """One broker for the whole run: use a topic and a group of your own, and leave it running."""
    with start_broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for the whole run: use keys of your own, and leave it running."""
    with start_redis() as server:
        yield server


@pytest.fixture
def tcp_proxy() -> type[TcpProxy]:
    """`async with tcp_proxy(host, port) as proxy:` for a network with faults."""
    return TcpProxy
