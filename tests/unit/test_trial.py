"""When a trial is near its end and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.kernel.errors import Refused
from tenants.domains.trial import check_number_in_trial, due

END = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(("before_end", "is_over", "is_near"), [
    (timedelta(days=3, seconds=1), False, False),
    (timedelta(days=3), False, True),
    (timedelta(microseconds=1), False, True),
    (timedelta(), True, False),
    (timedelta(days=-400), True, False),
])
@pytest.mark.req("ACC-02")
def test_the_end_is_a_moment_and_three_days_before_it_are_near(before_end, is_over, is_near) -> None:
    found = due(END, END - before_end, 3)
    assert (found.is_over, found.is_near) == (is_over, is_near)


def test_a_domain_without_an_end_is_never_over() -> None:
    found = due(None, END, 3)
    assert (found.is_over, found.is_near) == (False, False)


@pytest.mark.req("ACC-06")
@pytest.mark.parametrize(("mode", "category", "numbers", "allowed"), [
    ("trial", "city", 0, True), ("trial", "mobile", 0, True), ("trial", "city", 1, False),
    ("trial", "toll_free", 0, False), ("commercial", "toll_free", 5, True), ("commercial", "city", 1, True),
])
def test_numbers_of_a_trial_domain(mode: str, category: str, numbers: int, allowed: bool) -> None:
    if allowed:
        check_number_in_trial(mode, category, numbers)
        return
    with pytest.raises(Refused):
        check_number_in_trial(mode, category, numbers)
