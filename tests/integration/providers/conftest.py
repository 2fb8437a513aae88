"""One real model server for all tests here."""

from collections.abc import Iterator

import pytest

from tests.support.llama import LlamaServer, start_llama


@pytest.fixture(scope="session")
def llama() -> Iterator[LlamaServer]:
    with start_llama() as server:
        yield server
