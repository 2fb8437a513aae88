"""`[catch_up]`: on by itself, and an age that makes no sense is refused in one line."""

import pytest

from backend.settings import SettingsError, parse


def test_it_is_on_for_a_shift_unless_the_file_says_otherwise() -> None:
    assert (parse(b"", "x").catch_up.enabled, parse(b"", "x").catch_up.max_age_hours) == (True, 8.0)
    told = parse(b"[catch_up]\nenabled = false\nmax_age_hours = 0.5\n", "x").catch_up
    assert (told.enabled, told.max_age_hours) == (False, 0.5)


@pytest.mark.parametrize("age", ["0.0", "-1.0", "inf", "nan"])
def test_no_age_at_all_is_refused(age: str) -> None:
    with pytest.raises(SettingsError, match=r"\[catch_up\] max_age_hours"):
        parse(f"[catch_up]\nmax_age_hours = {age}\n".encode(), "x")
