"""One real model server for all tests here, and credentials that only the fake AWS takes."""

from collections.abc import Iterator

import pytest

from tests.support.llama import LlamaServer, start_llama
from tests.support.vendors.bedrock import ENVIRONMENT, FOREIGN


@pytest.fixture(autouse=True)
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def llama() -> Iterator[LlamaServer]:
    with start_llama() as server:
        yield server
