"""Pictures are the same on every run: fixed clocks, a canned engine, no blinking cursor, no animation."""

import pytest


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's terminal shows in a picture."""
    for name in ("NO_COLOR", "SSH_CONNECTION", "TEXTUAL_FILTERS"):
        monkeypatch.delenv(name, raising=False)
