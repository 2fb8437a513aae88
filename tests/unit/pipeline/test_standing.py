"""Which verdicts are stand-ins, and that a model's does not undercut one without a word."""

import pytest

from backend.alerts.text import SafeText
from backend.analysis.model import Analysis, AnalysisKind, Attempt, Ruling, RulingKind, Verdict
from backend.pipeline.standing import after_stand_in, is_stand_in, never_below, was_answered


def analysis(
    *errors: str,
    kind: AnalysisKind = "playbook",
    degraded: bool = True,
    ruling: Ruling | None = None,
) -> Analysis:
    return Analysis(
        Verdict("Suspicious", 0.5, SafeText("so")),
        SafeText("n"),
        kind,
        "playbook" if kind == "playbook" else "openai",
        "built-in" if kind == "playbook" else "m",
        attempts=tuple(Attempt("openai:m", error) for error in errors),
        degraded=degraded,
        ruling=ruling,
    )


def ruled(verdict: str, outcome: RulingKind = "keep", severity_id: int = 3, disagreement: str = "") -> Ruling:
    return Ruling(outcome, verdict, severity_id, False, (SafeText("why"),), disagreement)


@pytest.mark.parametrize(
    "error",
    [
        "network: connection refused",
        "overloaded: HTTP 529",
        "server: HTTP 500",
        "rate_limited: slow down",
        "unavailable: HTTP 503",
        "protocol: an HTML page",
        "auth: bad key",
        "not_found: no such model",
        "truncated",
        "idle: no content within 15 s",
        "deadline: not done within 60 s",
        "cooling: network: refused; next try in 4 s",
        "failed: auth: bad key; next try in 500 s",
    ],
)
def test_the_playbook_after_a_failed_model_is_a_stand_in(error: str) -> None:
    assert is_stand_in(analysis(error))
    assert is_stand_in(analysis("the day's budget is spent: $1.00 of $1.00", error))
    assert not is_stand_in(analysis(error, kind="cache"))
    assert not is_stand_in(analysis(error, kind="model"))
    assert not is_stand_in(analysis(error, degraded=False))


@pytest.mark.parametrize(
    ("error", "answered"),
    [
        ("the hour's budget is spent: $1.00 of $1.00", False),
        ("stepped down to spare the budget: low on the playbook since 13:02Z", False),
        ("not asked: this alert's data stays here, and the model is not your own", False),
        ("no time left in the lane", False),
        ("busy: no slot became free in time", False),
        ("rate limit: the next call is free in 40 s", False),
        ("invalid: it holds no verdict", True),
        ("filtered: refused", True),
        ("too_long: 200000 tokens", True),
    ],
)
def test_no_model_was_down_so_nothing_is_owed(error: str, answered: bool) -> None:
    assert not is_stand_in(analysis(error))
    assert was_answered(analysis(error)) is answered


def test_the_models_record_lists_what_was_tried_before_and_the_stand_in() -> None:
    before = analysis("network: refused", ruling=ruled("Suspicious"))
    after = after_stand_in(analysis("server: HTTP 500", kind="model"), before)
    assert [attempt.error for attempt in after.attempts] == [
        "network: refused",
        "stood in with Suspicious while no model answered",
        "server: HTTP 500",
    ]


@pytest.mark.parametrize("harmless", ["Benign", "False Positive", "Disregard"])
def test_what_the_playbook_suspected_no_model_makes_harmless_by_itself(harmless: str) -> None:
    before = analysis(ruling=ruled("Suspicious"))
    after = never_below(analysis(kind="model", ruling=ruled(harmless, "close", 2)), before)
    assert after.ruling is not None
    assert (after.ruling.outcome, after.ruling.verdict) == ("keep", "Suspicious")
    assert (after.ruling.human, after.ruling.disagreement) == (True, "Suspicious")
    assert "the playbook said Suspicious" in after.ruling.reasons[0]


def test_a_raise_of_the_playbooks_stands() -> None:
    before = analysis(ruling=ruled("Suspicious", "raise", 4))
    after = never_below(analysis(kind="model", ruling=ruled("Suspicious", "keep", 3)), before)
    assert after.ruling is not None
    assert (after.ruling.outcome, after.ruling.severity_id, after.ruling.human) == ("raise", 4, True)


def test_less_than_a_true_positive_is_said_in_words() -> None:
    before = analysis(ruling=ruled("True Positive"))
    after = never_below(analysis(kind="model", ruling=ruled("Suspicious")), before)
    assert after.ruling is not None
    assert (after.ruling.verdict, after.ruling.disagreement) == ("Suspicious", "True Positive")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ruled("Suspicious"), ruled("True Positive", "raise", 5)),
        (ruled("Benign"), ruled("Benign", "close", 2)),
        (ruled("Benign"), ruled("Suspicious")),
        (ruled("True Positive"), ruled("Suspicious", disagreement="True Positive")),
        (ruled("Benign", severity_id=3), ruled("Benign", "lower", 2)),
    ],
)
def test_the_policys_own_ruling_stands_otherwise(before: Ruling, after: Ruling) -> None:
    model = analysis(kind="model", ruling=after)
    assert never_below(model, analysis(ruling=before)).ruling == after
