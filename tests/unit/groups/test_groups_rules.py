"""Rules of groups without a database."""

from __future__ import annotations

import pytest

from app.kernel.errors import InvalidFields
from tenants.groups.present import algorithm_options
from tenants.groups.rules import Algorithm, Settings, Workplace, check_priority, check_settings, url_problem


def errors(settings: Settings, *, has_contact_centre: bool = True) -> set[str]:
    try:
        check_settings(settings, pickup_number="8", has_contact_centre=has_contact_centre)
    except InvalidFields as bad:
        return set(bad.fields)
    return set()


def test_algorithms_on_offer() -> None:
    """Example 3."""
    assert [len(algorithm_options(has)) for has in (False, True)] == [2, 5]
    assert errors(Settings("x", algorithm=Algorithm.RANDOM), has_contact_centre=False) == {"algorithm"}


@pytest.mark.parametrize(("settings", "wrong"), [
    (Settings("x", "2"), set()), (Settings("x", "8"), {"extension"}), (Settings("x" * 64), set()),
    (Settings("x\u202ey"), {"name"}), (Settings("x", ring_seconds=301), {"ring_seconds"}),
    (Settings("x", workplace=Workplace(queue_limit_seconds=30)), set()),
    (Settings("x", workplace=Workplace(queue_limit_seconds=29)), {"queue_limit_seconds"}),
    (Settings("", "x", email="x"), {"name", "extension", "email"}),
])
def test_settings(settings: Settings, wrong: set[str]) -> None:
    assert errors(settings) == wrong


def test_priorities_and_addresses() -> None:
    assert [check_priority(one) for one in (1, 999)] == [1, 999]
    for wrong in (0, 1000):
        with pytest.raises(InvalidFields):
            check_priority(wrong)
    for good in ("", "http://a", "https://crm.a.example/?n={caller}&g={group_name}"):
        assert url_problem(good) == ""
    for bad in ("crm", "javascript:alert(1)", "https://", "https://a\n", "http://[", "file:///etc/passwd"):
        assert url_problem(bad), bad
