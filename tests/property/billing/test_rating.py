"""The rating kernel against the slow oracle, and the inverse of the price."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating.prefixes import PrefixTable
from billing.rating.rules import affordable_seconds, rate_call
from tests.property.billing import oracle
from tests.property.billing.strategies import moments, rate_rows, tariffs, zones

NUMBERS = st.sampled_from(["74951234567", "74121234567", "78121234567", "4930123456", "33123456789"])
TALK = st.one_of(st.integers(0, 700), st.sampled_from([0, 1, 59, 60, 61, 2700]))
CALLS = st.lists(st.tuples(NUMBERS, moments, TALK, st.integers(0, 900)), min_size=5, max_size=15)


@pytest.mark.req("FIN-57", "FIN-58", "FIN-59", "FIN-60", "FIN-61")
@settings(max_examples=400, deadline=None)
@given(rows=tariffs(), calls=CALLS, zone=zones)
def test_kernel_agrees_with_the_oracle(rows, calls, zone):
    table = PrefixTable(rows, zone)
    for number, at, talk, package in calls:
        expected = oracle.exact_total(rows, number, at, talk, zone, package)
        charge = table.rate(number, at, talk, package_seconds=package)
        if expected is None:
            assert charge is None
            continue
        total, used = expected
        assert charge is not None
        assert charge.exact == total * 1_000_000
        assert Fraction(charge.posted, 1_000_000) == oracle.posted(total)
        assert charge.package_seconds == used


@given(row=rate_rows(), talk=st.integers(0, 700), package=st.integers(0, 900))
def test_a_charge_explains_its_own_total(row, talk, package):
    charge = rate_call(row, talk, package_seconds=package)
    told = charge.explain()
    lines = sum(Fraction(price * count * length, unit)
                for _, count, length, price, unit, _, packed in told["lines"] if not packed)
    if charge.minimum_applied:
        assert charge.exact == row.minimum_charge
    elif charge.lines or charge.posted:
        assert charge.exact == lines + told["connection_fee"]
    packed = [line for line in charge.lines if line.from_package]
    assert charge.package_seconds == sum(line.count * line.seconds for line in packed)


@given(row=rate_rows(), talk=st.integers(0, 1200), package=st.integers(0, 900))
def test_a_longer_call_never_costs_less(row, talk, package):
    assert rate_call(row, talk, package_seconds=package).posted <= rate_call(
        row, talk + 1, package_seconds=package).posted


@settings(max_examples=600, deadline=None)
@given(row=rate_rows(), kopecks=st.integers(0, 5_000), package=st.integers(0, 300), cap=st.integers(1, 4_000))
def test_affordable_seconds_is_the_exact_inverse(row, kopecks, package, cap):
    available = kopecks * 10_000
    found = affordable_seconds(row, available, package_seconds=package, cap=cap)
    assert 0 <= found <= cap
    assert rate_call(row, found, package_seconds=package).posted <= available
    assert found == cap or rate_call(row, found + 1, package_seconds=package).posted > available


@settings(max_examples=300, deadline=None)
@given(rows=tariffs(), at=moments, zone=zones, kopecks=st.integers(0, 5_000))
def test_inverse_holds_across_band_borders(rows, at, zone, kopecks):
    price = PrefixTable(rows, zone).price("74951234567", at, cap=4_000)
    if price is None:
        return
    found = price.seconds(kopecks * 10_000, cap=4_000)
    assert price.amount(found) <= kopecks * 10_000
    assert found == 4_000 or price.amount(found + 1) > kopecks * 10_000
