"""Holds of parallel calls never let a domain spend what it has not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from app.kernel.money import Money
from billing.accounts.rules import FeeDecision, Scheme, Terms, available, decide_fee
from billing.holds.rules import Hold, extension, first_slice, settle
from billing.packages.bucket import Bucket, Held, covering
from billing.packages.spending import Spending
from billing.rating.rules import CallPrice, RateRow
from tests.property.billing.strategies import rate_rows

KOPECK = 10_000
EPOCH, MONTH = datetime(2031, 1, 1, tzinfo=UTC), timedelta(days=30)


def cheap_and_dear():
    """Rows whose calls cost something: a free call holds nothing."""
    return rate_rows().filter(lambda row: row.price > 0)


class SharedBalance(RuleBasedStateMachine):
    """One domain, up to 30 calls; the database's row lock makes the steps one after the other. Months go by, each with
    its guaranteed payment, and the panel dies and comes back."""

    calls = Bundle("calls")

    @initialize(kopecks=st.integers(0, 30_000), limit=st.sampled_from([None, 1_000]), bucket=st.integers(0, 5_000))
    def opened(self, kopecks, limit, bucket):
        self.terms = Terms(Scheme.PREPAID) if limit is None else Terms(
            Scheme.CREDIT, Money.parse(str(limit)))
        self.floor = 0 if limit is None else -limit * 1_000_000
        self.balance = kopecks * KOPECK
        self.holds, self.talked, self.begun = {}, {}, {}
        self.number = 0
        self.now, self.spent, self.paid_in = EPOCH, 0, self.balance
        self.buckets = [Bucket(Money.from_millionths(bucket * KOPECK if limit is None else 0), EPOCH, EPOCH + MONTH)]
        self.paid_in += self.buckets[0].left.millionths()

    def held(self):
        holds = [(self.begun[number], Money.from_millionths(hold.amount))
                 for number, (_, hold) in self.holds.items()]
        return Held.of(sum((amount for _, amount in holds), Money.zero()), self.buckets, holds)

    def free_money(self, begun):
        held = self.held().beyond_buckets(covering(self.buckets, begun))
        room = available(Money.from_millionths(self.balance), self.terms, held)
        assert room is not None
        return room.millionths()

    def charge(self, cost, begun):
        used = Spending(self.buckets).use(Money.from_millionths(cost), begun)
        if used:
            self.buckets = [replace(one, left=one.left - used.amount) if one.since == used.since else one
                            for one in self.buckets]
            cost -= used.amount.millionths()
        self.balance -= cost

    @rule(target=calls, row=cheap_and_dear(), package=st.sampled_from([0, 0, 90]))
    def authorise(self, row, package):
        if len(self.holds) >= 30:
            return multiple()
        price = CallPrice(row, (), package)
        free = self.free_money(self.now)
        hold = first_slice(price, free, len(self.holds))
        if hold is None:
            assert free < price.amount(price.entry_seconds)
            return multiple()
        assert hold.max_seconds >= price.entry_seconds
        assert hold.amount == price.amount(hold.max_seconds)
        self.number += 1
        self.holds[self.number], self.talked[self.number] = (price, hold), 0
        self.begun[self.number] = self.now
        return self.number

    @rule(call=calls, part=st.integers(0, 100))
    def talk_and_extend(self, call, part):
        if call not in self.holds:
            return
        price, hold = self.holds[call]
        talked = max(self.talked[call], hold.max_seconds * part // 100)
        longer = extension(price, hold, talked, self.free_money(self.begun[call]), len(self.holds) - 1)
        assert longer.max_seconds >= hold.max_seconds
        assert longer.amount >= hold.amount
        assert longer.ask_at_seconds is None or longer.ask_at_seconds > talked
        self.holds[call], self.talked[call] = (price, longer), talked

    @rule(call=consumes(calls), part=st.integers(0, 100))
    def end(self, call, part):
        if call not in self.holds:
            return
        price, hold = self.holds.pop(call)
        seconds = max(self.talked.pop(call), hold.max_seconds * part // 100)
        ended = settle(hold, price.amount(seconds))
        assert ended.beyond_hold == 0
        assert ended.posted + ended.released == hold.amount
        self.spent += ended.posted
        self.charge(ended.posted, self.begun.pop(call))

    @rule()
    def restart(self):
        """The exchange went down: its calls are charged until they were last seen."""
        for call in list(self.holds):
            price, _hold = self.holds.pop(call)
            cost = price.amount(self.talked.pop(call))
            self.spent += cost
            self.charge(cost, self.begun.pop(call))

    @rule(kopecks=st.integers(1, 10_000))
    def top_up(self, kopecks):
        self.balance += kopecks * KOPECK
        self.paid_in += kopecks * KOPECK

    def pay_fee(self, amount):
        held, balance = self.held().beyond_buckets(), Money.from_millionths(self.balance)
        decision = decide_fee(Money.from_millionths(amount), balance, self.terms, held)
        if self.terms.scheme is not Scheme.PREPAID or decision is not FeeDecision.POST:
            return False
        self.balance -= amount
        return True

    @rule(kopecks=st.integers(0, 10_000))
    def fee(self, kopecks):
        if self.pay_fee(kopecks * KOPECK):
            self.spent += kopecks * KOPECK

    @rule(kopecks=st.integers(0, 10_000))
    def next_month(self, kopecks):
        """Its payment fills the bucket where the money suffices; of older months only the last one's calls go on."""
        self.now += MONTH
        if any(begun < self.now - MONTH for begun in self.begun.values()) or not self.pay_fee(kopecks * KOPECK):
            return
        self.buckets = [self.buckets[-1], Bucket(Money.from_millionths(kopecks * KOPECK), self.now, self.now + MONTH)]

    def teardown(self):
        """Whoever still talks, talks to the end of what was promised."""
        for call in list(getattr(self, "holds", ())):
            _price, hold = self.holds.pop(call)
            self.spent += hold.amount
            self.charge(hold.amount, self.begun.pop(call))
            self.nothing_is_overspent()

    @invariant()
    def nothing_is_overspent(self):
        if hasattr(self, "holds"):
            assert self.balance >= self.floor
            assert self.balance - self.held().beyond_buckets().millionths() >= self.floor
            assert all(one.left.amount >= 0 for one in self.buckets)
            assert self.spent <= self.paid_in - self.floor


TestSharedBalance = pytest.mark.req("FIN-D4", "FIN-60")(SharedBalance.TestCase)
TestSharedBalance.settings = settings(max_examples=1_000, stateful_step_count=30, deadline=None)


@settings(max_examples=200, deadline=None)
@given(row=cheap_and_dear(), extra=st.integers(0, 50))
def test_thirty_parallel_calls_on_money_for_one(row, extra):
    price = CallPrice(row)
    money = price.amount(price.entry_seconds) + extra
    held, allowed = 0, []
    for _ in range(30):
        hold = first_slice(price, money - held, len(allowed))
        if hold is not None:
            held += hold.amount
            allowed.append(hold)
    assert allowed
    assert held <= money
    assert sum(price.amount(hold.max_seconds) for hold in allowed) <= money


@settings(max_examples=100, deadline=None)
@given(row=cheap_and_dear(), kopecks=st.integers(0, 3_000))
def test_a_lone_call_can_talk_the_whole_balance_away(row, kopecks):
    """Slices shrink near the floor, yet the last increment the money pays for is sold."""
    price, money = CallPrice(row), kopecks * KOPECK
    hold = first_slice(price, money)
    if hold is None:
        return
    reachable = price.seconds(money)
    for _ in range(3_000):
        if hold.ask_at_seconds is None:
            break
        longer = extension(price, hold, hold.ask_at_seconds, money - hold.amount)
        if longer.max_seconds == hold.max_seconds:
            break
        hold = longer
    assert hold.max_seconds == reachable


def test_minute_tariff_slices():
    """1.50 a minute: a quarter of an hour while there is plenty, less and less near the end."""
    price = CallPrice(RateRow("7", 1_500_000))
    assert first_slice(price, 1_000_000_000) == Hold(900, 22_500_000, ask_at_seconds=600)
    assert first_slice(price, 12_000_000) == Hold(120, 3_000_000, ask_at_seconds=80)
    assert first_slice(price, 12_000_000, parallel=9) == Hold(60, 1_500_000, ask_at_seconds=40)
    assert first_slice(price, 1_500_000) == Hold(60, 1_500_000, ask_at_seconds=40)
    assert first_slice(price, 1_490_000) is None


def test_top_up_lengthens_a_call_that_had_no_money_left():
    price = CallPrice(RateRow("7", 1_500_000))
    hold = first_slice(price, 1_500_000)
    assert hold is not None
    stuck = extension(price, hold, 50, 0)
    assert stuck == Hold(60, 1_500_000, ask_at_seconds=55)
    lengthened = extension(price, stuck, 55, 100_000_000)
    assert lengthened.max_seconds == 960  # the minute begun at 955 s is paid for and talked to its end


def test_unlimited_scheme_and_free_calls_hold_nothing():
    paid, free = CallPrice(RateRow("7", 1_500_000)), CallPrice(RateRow("7", 0))
    found = first_slice(free, 0)
    assert found == first_slice(paid, None)
    assert found
    assert found.amount == 0
