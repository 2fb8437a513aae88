"""What gives no answer at all costs one step's time, and holds up nothing else."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from backend.doctor.report import STEP_S
from tests.support.doctoring import check_source, checks, settings_for, steps


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose queue of connections is full, so that the system drops what comes, as a firewall does."""
    with contextlib.ExitStack() as held:
        server = held.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port: int = server.getsockname()[1]
        for _ in range(3):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


async def test_a_port_that_drops_everything(tmp_path: Path) -> None:
    with black_hole() as port:
        found = await check_source(tmp_path, f"redis://127.0.0.1:{port}/alerts")
    assert steps(found)[-1] == ("TCP", "failed")
    assert found[-1].found == f"no answer from 127.0.0.1:{port} within 3 s"
    assert "firewall" in found[-1].mend


async def test_many_that_say_nothing_do_not_add_up(tmp_path: Path) -> None:
    with black_hole() as port:
        began = time.monotonic()
        kinds = [f"redis://127.0.0.1:{port}/{name}" for name in "abcdef"]
        found = await checks(settings_for(tmp_path, *kinds, "demo:"))
    assert [check.check for check in found if check.state == "failed"] == ["TCP"] * len(kinds)
    assert time.monotonic() - began < STEP_S * (len(kinds) - 1)
