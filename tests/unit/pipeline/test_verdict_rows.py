"""What a row shows of its verdict, and of one that was asked for again."""

import msgspec

from backend.pipeline.verdicts import analysed_row
from tests.unit.pipeline.builders import result, row


def test_an_alert_investigated_again_keeps_the_time_of_its_first_verdict() -> None:
    open_row = msgspec.structs.replace(row(1), received_ms=1_000, deadline_ms=3_000)
    first = analysed_row(open_row, result("Suspicious", 2_000))
    again = msgspec.structs.replace(result("Benign", 900_000), first_verdict_ms=first.verdict_ms)
    second = analysed_row(first, again)
    assert (second.verdict, second.verdict_ms, second.sla_met) == ("Benign", 2_000, True)


def test_after_a_restart_the_first_verdict_is_still_what_met_the_deadline() -> None:
    open_row = msgspec.structs.replace(row(1), received_ms=1_000, deadline_ms=3_000)
    kept = msgspec.structs.replace(result("Benign", 900_000), first_verdict_ms=2_000)
    restored = analysed_row(open_row, kept)
    assert (restored.verdict_ms, restored.sla_met) == (2_000, True)


def test_a_late_verdict_stays_late() -> None:
    open_row = msgspec.structs.replace(row(1), received_ms=1_000, deadline_ms=3_000)
    assert analysed_row(open_row, result(verdict_ms=3_001)).sla_met is False
