"""Limits in force, room of a day, and who is refused for what."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from billing.guards.destinations import Policy, Preset
from billing.guards.rules import (
    Attempt,
    Day,
    Hit,
    Hours,
    Limits,
    Lock,
    Seen,
    in_force,
    is_used_up,
    policies,
    room,
    tighter,
    verdict,
)

RUBLE = 1_000_000
PAID = Attempt(None, True, 3 * RUBLE, 100 * RUBLE)


@pytest.mark.parametrize(("own", "default", "maximum", "expected"), [
    (None, 100, 0, 100), (50, 100, 0, 50), (200, 100, 0, 200), (0, 100, 0, None), (None, 0, 0, None),
    (200, 100, 150, 150), (0, 100, 150, 150), (None, 0, 150, 150), (None, 200, 150, 150), (50, 100, 150, 50),
])
def test_a_domain_tightens_and_never_loosens_beyond_the_maximum(
        own: int | None, default: int, maximum: int, expected: int | None) -> None:
    assert in_force(own, default, maximum) == expected


def test_amounts_may_be_decimal() -> None:
    assert in_force(Decimal("10.50"), Decimal(30_000), Decimal(0)) == Decimal("10.50")


def test_groups_are_forbidden_by_default_by_choice_or_for_everybody() -> None:
    locks = {Preset.INTERNATIONAL: Lock.OPEN, Preset.PREMIUM: Lock.FORBIDDEN, Preset.SATELLITE: Lock.LOCKED}
    nothing = dict.fromkeys(Preset)
    by_default = policies(locks, nothing, Policy(), Policy())
    assert by_default.own.presets == {Preset.PREMIUM}
    assert by_default.wall.presets == {Preset.SATELLITE}
    chosen = policies(locks, nothing | {Preset.INTERNATIONAL: True, Preset.PREMIUM: False, Preset.SATELLITE: False},
                      Policy(), Policy())
    assert chosen.own.presets == {Preset.INTERNATIONAL}
    assert chosen.wall.presets == {Preset.SATELLITE}


def test_the_day_counts_what_was_spent_and_what_is_held() -> None:
    limits = Limits(cap=100, wall=150)
    assert room(limits, Day(), 0) == 100
    assert room(limits, Day(60), 30) == 10
    assert room(limits, Day(60), 60) == 0
    assert room(limits, Day(100, own_base=100), 0) == 50  # lifted by the administrator: the provider's 150 hold
    assert room(limits, Day(150, own_base=150, wall_base=150), 20) == 80
    assert room(Limits(), Day(10**12), 10**12) is None
    assert (tighter(None, None), tighter(None, 5), tighter(3, None), tighter(3, 5)) == (None, 5, 3, 3)


def test_used_up_is_what_no_ending_call_could_give_back() -> None:
    assert is_used_up(Limits(cap=100), Day(98), 3)
    assert not is_used_up(Limits(cap=100), Day(49), 60)  # a dear call early in the day
    assert is_used_up(Limits(cap=100), Day(50), 60)
    assert is_used_up(Limits(cap=100), Day(0), 3, held=98)
    assert is_used_up(Limits(cap=100, wall=150), Day(150, own_base=150), 3)
    assert not is_used_up(Limits(cap=100), Day(97), 3)
    assert not is_used_up(Limits(), Day(10**9), 3)


@pytest.mark.parametrize(("attempt", "limits", "seen", "expected"), [
    (PAID, Limits(), Seen(), None),
    (Attempt("53", True, 0, None), Limits(), Seen(), Hit.FORBIDDEN),
    (Attempt("53", False, 0, None), Limits(), Seen(), Hit.FORBIDDEN),
    (PAID, Limits(), Seen(stops=("repeated",)), Hit.STOPPED),
    (Attempt(None, False, 0, None), Limits(parallel=1, per_minute=1), Seen(("daily_cap",), 9, 9, True, 0), None),
    (PAID, Limits(), Seen(waits=True), Hit.NEW),
    (PAID, Limits(parallel=2), Seen(open_calls=2), Hit.PARALLEL), (PAID, Limits(parallel=2), Seen(open_calls=1), None),
    (PAID, Limits(per_minute=2), Seen(last_minute=2), Hit.RATE), (PAID, Limits(per_minute=2), Seen(last_minute=1), None),
    (PAID, Limits(), Seen(room=3 * RUBLE), None), (PAID, Limits(), Seen(room=3 * RUBLE - 1), Hit.CAP),
    (Attempt(None, True, 3 * RUBLE, 2 * RUBLE), Limits(), Seen(room=0), None),  # no money: that is the reason then
    (Attempt(None, True, 3 * RUBLE, None), Limits(), Seen(room=0), Hit.CAP),
    (Attempt(None, True, 0, 0, is_trial=True), Limits(), Seen(room=0), None),  # trial seconds are no money
    (Attempt(None, True, 0, 0, is_trial=True), Limits(per_minute=1), Seen(last_minute=1), Hit.RATE),
])
def test_who_is_refused_for_what(attempt: Attempt, limits: Limits, seen: Seen, expected: Hit | None) -> None:
    assert verdict(attempt, limits, seen) is expected


@pytest.mark.parametrize(("moment", "expected"), [
    ("2026-03-02T05:59", False), ("2026-03-02T06:00", True), ("2026-03-02T14:59", True), ("2026-03-02T15:00", False),
    ("2026-03-01T09:00", False),  # Sunday
])
def test_working_hours_are_the_domains(moment: str, expected: bool) -> None:
    instant = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert Hours().cover(instant, "Europe/Moscow") is expected


@pytest.mark.parametrize(("moment", "expected"), [
    ("2026-03-06T20:00", True), ("2026-03-07T03:00", True), ("2026-03-07T07:00", False), ("2026-03-07T20:00", False),
    ("2026-03-02T03:00", False),  # Monday morning: Sunday's night is none
])
def test_a_night_shift_belongs_to_the_day_it_began(moment: str, expected: bool) -> None:
    instant = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert Hours("12345", time(22), time(9)).cover(instant, "Europe/Moscow") is expected
