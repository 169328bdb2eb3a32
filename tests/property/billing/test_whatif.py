"""What-if against the kernel: the same version changes nothing, and every call is the kernel's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.kernel.money import Money
from billing.rating.prefixes import PrefixTable
from billing.tariffs.plan import Plan
from billing.whatif.rules import Allowance, PastCall, Trial, allowances
from tests.property.billing.strategies import moments, tariffs, zones
from tests.property.billing.test_rating import NUMBERS, TALK

FAR = datetime(2100, 1, 1, tzinfo=UTC)
CALLS = st.lists(st.tuples(NUMBERS, moments, TALK), max_size=25)


def charged(table, calls, package, mgp):
    """The calls as they are charged one after the other: package, guaranteed payment, balance."""
    past = []
    for number, at, talk in sorted(calls, key=lambda call: call[1]):
        charge = table.rate(number, at, talk, package_seconds=package)
        covered = min(charge.posted, mgp) if charge else 0
        package -= charge.package_seconds if charge else 0
        mgp -= covered
        past.append(PastCall(number, at, at, talk, charge.posted - covered if charge else 0, charge is not None))
    return past


@settings(max_examples=150, deadline=None)
@given(rows=tariffs(), calls=CALLS, zone=zones, package=st.integers(0, 3_000), kopecks=st.integers(0, 5_000))
def test_the_same_version_makes_no_difference(rows, calls, zone, package, kopecks):
    table = PrefixTable(rows, zone)
    past = charged(table, calls, package, kopecks * 10_000)
    trial = Trial(table, [Allowance(FAR, package, kopecks * 10_000)])
    trial.take(past)
    assert (trial.sums.calls, trial.sums.after) == (len(past), trial.sums.before)
    assert trial.sums.unrated == trial.sums.unrated_then


@settings(max_examples=150, deadline=None)
@given(old=tariffs(), new=tariffs(), calls=CALLS, zone=zones)
def test_another_version_is_the_sum_of_the_kernels_charges(old, new, calls, zone):
    trial = Trial(PrefixTable(new, zone), [Allowance(FAR, 0, 0)])
    trial.take(charged(PrefixTable(old, zone), calls, 0, 0))
    each = [PrefixTable(new, zone).rate(number, at, talk) for number, at, talk in calls]
    assert trial.sums.after == sum(charge.posted for charge in each if charge)
    assert trial.sums.unrated == sum(charge is None for charge in each)


@given(first=st.dates(date(2024, 1, 1), date(2026, 12, 1)), days=st.integers(1, 31), minutes=st.integers(0, 10_000))
def test_months_follow_each_other_and_a_whole_month_has_it_all(first, days, minutes):
    plan = Plan(included_minutes=minutes, mgp=Money(Decimal("300.01")))
    last = first + timedelta(days=days - 1)
    found = allowances(plan, first, last, "Europe/Moscow", is_prepaid=True)
    assert [one.until for one in found] == sorted({one.until for one in found})
    assert found[-1].until.date() == last + timedelta(days=1)
    whole = allowances(plan, first.replace(day=1), first.replace(day=28), "Europe/Moscow", is_prepaid=True)
    assert whole[0].package_seconds <= minutes * 60
    assert sum(one.package_seconds for one in found) <= 2 * minutes * 60
    assert not any(one.mgp for one in allowances(plan, first, last, "Europe/Moscow", is_prepaid=False))


def test_a_calendar_month_has_the_whole_package_and_parts_their_days():
    plan = Plan(included_minutes=300, mgp=Money.parse("310.00"))
    (january,) = allowances(plan, date(2031, 1, 1), date(2031, 1, 31), "Europe/Moscow", is_prepaid=True)
    assert (january.package_seconds, january.mgp) == (18_000, 310_000_000)
    january, february = allowances(plan, date(2031, 1, 22), date(2031, 2, 14), "Europe/Moscow", is_prepaid=True)
    assert (january.package_seconds, january.mgp) == (5_806, 100_000_000)  # ten days of 31
    assert (february.package_seconds, february.mgp) == (9_000, 155_000_000)  # half
