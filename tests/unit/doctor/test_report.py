import asyncio
import threading
import time

import pytest

from backend.clock import LoopClock, SystemClock
from backend.doctor.report import STEP_S, Check, Report, Stopped, halves, without_credentials
from backend.doctor.threads import in_thread


def test_what_is_found_is_made_safe_and_a_password_in_an_address_is_not_shown() -> None:
    said: list[Check] = []
    report = Report("source redis://user:secret@h/s", SystemClock(), said.append)
    report.warn("key", "a \x1b[31mred\x1b[0m word", "mend\nit")
    (check,) = said
    assert check.subject == "source redis://…@h/s"
    assert (check.check, check.state) == ("key", "warn")
    assert check.found.isprintable()
    assert "\n" not in check.mend
    assert "secret" not in repr(check)


def test_a_failure_stops_and_what_is_only_bad_does_not() -> None:
    said: list[Check] = []
    report = Report("x", SystemClock(), said.append)
    report.bad("one", "a", "b")
    with pytest.raises(Stopped):
        report.fail("two", "c", "d")
    assert [(check.check, check.state) for check in said] == [("one", "failed"), ("two", "failed")]


async def test_a_step_that_takes_too_long_fails_in_its_own_words() -> None:
    class Impatient(LoopClock):
        def timeout(self, seconds: float | None) -> asyncio.Timeout:
            assert seconds == STEP_S
            return asyncio.timeout(0.01)

    said: list[Check] = []
    report = Report("x", Impatient(asyncio.get_running_loop()), said.append)
    with pytest.raises(Stopped):
        async with report.within("DNS", "no answer", "ask again"):
            await asyncio.sleep(60)
    assert (said[0].state, said[0].found, said[0].mend) == ("failed", "no answer within 3 s", "ask again")


def test_a_one_line_error_is_told_in_two_halves_without_the_subject() -> None:
    error = ValueError("source a: variable X is not set; export it or use a file; or both")
    assert halves(error, "source a") == ("variable X is not set", "export it or use a file; or both")
    assert halves(ValueError("broken"), "source a") == ("broken", "correct it in the configuration")
    assert without_credentials("kafka://h:1/t?x=a@b") == "kafka://h:1/t?x=a@b"


async def test_a_blocking_call_is_left_behind() -> None:
    release = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await in_thread(lambda: release.wait(60))
    assert time.monotonic() - began < 30
    release.set()


async def test_a_blocking_call_gives_back_its_result_and_its_error() -> None:
    assert await in_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)
