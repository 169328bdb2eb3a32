"""Parallel calls with a minute package never use more than it holds; package and money together are the oracle's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from billing.holds.rules import Hold, extension, first_slice
from billing.packages.rules import month_seconds, offer
from billing.rating.rules import CallPrice, RateRow
from tests.property.billing import oracle
from tests.property.billing.strategies import rate_rows

KOPECK = 10_000
MOMENT = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)


def package_rows():
    return rate_rows().map(lambda row: replace(row, price=row.price or KOPECK, package_applies=True))


class SharedPackage(RuleBasedStateMachine):
    """One prepaid domain; the account's lock makes the steps one after the other."""

    calls = Bundle("calls")

    @initialize(kopecks=st.integers(0, 20_000), package=st.integers(0, 4_000))
    def opened(self, kopecks, package):
        self.balance, self.left, self.filled = kopecks * KOPECK, package, package
        self.holds, self.used, self.number = {}, 0, count(1)

    def free_money(self):
        return self.balance - sum(hold.amount for _, hold, _, _ in self.holds.values())

    def free_seconds(self):
        return self.left - sum(kept for _, _, kept, _ in self.holds.values())

    @rule(target=calls, row=package_rows())
    def authorise(self, row):
        price = offer(CallPrice(row), self.free_seconds(), 0, len(self.holds))
        hold = first_slice(price, self.free_money(), len(self.holds))
        if hold is None:
            return multiple()
        number = next(self.number)
        self.holds[number] = price.row, hold, price.charge(hold.max_seconds).package_seconds, 0
        return number

    @rule(call=calls, part=st.integers(0, 100))
    def talk_and_extend(self, call, part):
        row, hold, kept, talked = self.holds[call]
        talked = max(talked, hold.max_seconds * part // 100)
        price = offer(CallPrice(row, package_seconds=kept), self.free_seconds(), kept, len(self.holds) - 1)
        longer = extension(price, hold, talked, self.free_money(), len(self.holds) - 1)
        kept = max(kept, price.charge(longer.max_seconds).package_seconds)
        self.holds[call] = row, longer, kept, talked

    @rule(call=consumes(calls), part=st.integers(0, 100))
    def end(self, call, part):
        row, hold, _kept, talked = self.holds.pop(call)
        seconds = max(talked, hold.max_seconds * part // 100)
        free = self.free_seconds()
        charge = CallPrice(row, package_seconds=free).charge(seconds)
        expected = oracle.exact_total([row], "74951234567", MOMENT, seconds, "UTC", free)
        assert expected
        total, used = expected
        assert charge.package_seconds == used
        assert Fraction(charge.posted, 1_000_000) == oracle.posted(total)
        assert charge.posted <= hold.amount  # a hold covers its call, whatever the package gave meanwhile
        self.left -= used
        self.used += used
        self.balance -= charge.posted

    @invariant()
    def nothing_is_used_twice(self):
        if hasattr(self, "holds"):
            assert self.free_seconds() >= 0
            assert self.free_money() >= 0
            assert self.used + self.left == self.filled


TestSharedPackage = pytest.mark.req("FIN-60")(SharedPackage.TestCase)
TestSharedPackage.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@pytest.mark.req("FIN-60")
@settings(max_examples=60, deadline=None)
@given(package=st.integers(0, 3_000), increment=st.sampled_from([1, 6, 60]))
def test_a_lone_call_without_money_can_talk_the_whole_package_away(package, increment):
    row = RateRow("7", 1_500_000, first_increment=increment, next_increment=increment, package_applies=True)
    price = offer(CallPrice(row), package, 0, 0)
    hold = first_slice(price, 0)
    reachable = package // increment * increment
    if hold is None:
        assert reachable == 0
        return
    kept = price.charge(hold.max_seconds).package_seconds
    for _step in range(500):
        if hold.ask_at_seconds is None:
            break
        price = offer(CallPrice(row, package_seconds=kept), package - kept, kept, 0)
        longer: Hold = extension(price, hold, hold.ask_at_seconds, 0)
        kept = max(kept, price.charge(longer.max_seconds).package_seconds)
        if longer.max_seconds == hold.max_seconds:
            break
        hold = longer
    assert hold.max_seconds == reachable


def test_a_share_of_the_month():
    assert month_seconds(300, date(2026, 4, 1)) == 18_000
    assert month_seconds(300, date(2026, 4, 16)) == 9_000
    assert month_seconds(1, date(2026, 2, 28)) == 2  # 60/28 = 2.14
    assert month_seconds(100, date(2026, 5, 31)) == 194  # 6000/31 = 193.55
