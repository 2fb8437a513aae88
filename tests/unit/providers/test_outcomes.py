"""Statuses, bodies and headers that no scripted server need be started for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.providers.base import Outcome
from backend.providers.outcomes import (
    DETAIL_LIMIT,
    RETRY_AFTER_CAP_S,
    from_event,
    from_exception,
    from_status,
    masked,
    one_line,
    retry_after_s,
)

REFUSED = {"type": "invalid_request_error", "message": "x"}
NEW_YEAR_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30"}, 30.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Thu, 32 Jan 2026 99:00:30 GMT"}, None),
        ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "20"}, 20.0),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NEW_YEAR_MS) == seconds


@given(st.text())
def test_retry_after_takes_any_text(text: str) -> None:
    seconds = retry_after_s({"retry-after": text, "retry-after-ms": text}, NEW_YEAR_MS)
    assert seconds is None or 0 <= seconds <= RETRY_AFTER_CAP_S


KEYS = st.sampled_from(["error", "type", "code", "message"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=8,
)


@given(st.integers(400, 999), JSON)
def test_any_body_gives_an_outcome(status: int, body: object) -> None:
    for outcome in (from_status(status, body, {}, NEW_YEAR_MS), from_event(body)):
        assert outcome.kind in {"error", "filtered"}
        assert (outcome.error_class != "") == (outcome.kind == "error")
        assert len(outcome.detail) <= DETAIL_LIMIT + 2
        assert "\n" not in outcome.detail


def test_the_vendors_own_content_filter() -> None:
    body = {"error": {"code": "content_filter", "message": "filtered"}}
    assert from_status(400, body, {}, NEW_YEAR_MS) == Outcome("filtered", "HTTP 400: filtered", status=400)


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (
            401,
            {"error": {**REFUSED, "code": "invalid_api_key"}},
            "auth",
        ),
        (
            404,
            {"error": {**REFUSED, "code": "model_not_found"}},
            "not_found",
        ),
        (400, {"error": {"code": "context_length_exceeded", "message": "x"}}, "too_long"),
        (400, {"message": "This model's maximum context length is 8192 tokens", "code": 400}, "too_long"),
        (404, {"error": "model 'llama9' not found"}, "not_found"),
        (429, {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "x"}}, "rate_limited"),
        (500, {"error": {"type": "invalid_request_error", "message": "x"}}, "server"),
        (418, None, "bad_request"),
        (302, None, "protocol"),
    ],
)
def test_class(status: int, body: object, error_class: str) -> None:
    assert from_status(status, body, {}, NEW_YEAR_MS).error_class == error_class


def test_event_with_a_number_for_a_code() -> None:
    event = {"code": 503, "message": "loading", "type": "x"}
    assert from_event(event).error_class == "overloaded"


def test_a_ring_of_causes_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert from_exception(first, seen=True).error_class == "protocol"


def test_a_long_message_is_cut_between_words() -> None:
    key = "sk-" + "k" * 40
    line = one_line("word " * 59 + key)
    assert len(line) <= DETAIL_LIMIT + 2
    assert "sk-" not in line
    assert masked(Outcome("error", f"bad {key} given"), key).detail == "bad *** given"
