"""`bench guard` on a real model: wrong addresses and counts are told in a line."""

import pytest

from backend.bench.guard_real import run_real
from backend.bench.report import BenchError
from tests.support.ports import free_port


async def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(BenchError, match="is --base-url right"):
        await run_real(f"http://127.0.0.1:{free_port()}")


async def test_a_count_out_of_range_is_said_so() -> None:
    with pytest.raises(BenchError, match="--cases"):
        await run_real("http://127.0.0.1:9", "m", 0)
