"""Holds of parallel calls never let a domain spend what it has not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from app.kernel.money import Money
from billing.accounts.rules import FeeDecision, Scheme, Terms, available, decide_fee
from billing.holds.rules import Hold, extension, first_slice, settle
from billing.rating.rules import CallPrice, RateRow
from tests.property.billing.strategies import rate_rows

KOPECK = 10_000


def cheap_and_dear():
    """Rows whose calls cost something: a free call holds nothing."""
    return rate_rows().filter(lambda row: row.price > 0)


class SharedBalance(RuleBasedStateMachine):
    """One domain, up to 30 calls; the database's row lock makes the steps one after the other."""

    calls = Bundle("calls")

    @initialize(kopecks=st.integers(0, 30_000), limit=st.sampled_from([None, 1_000]))
    def opened(self, kopecks, limit):
        self.terms = Terms(Scheme.PREPAID) if limit is None else Terms(
            Scheme.CREDIT, Money.parse(str(limit)))
        self.floor = 0 if limit is None else -limit * 1_000_000
        self.balance = kopecks * KOPECK
        self.holds = {}
        self.talked = {}
        self.number = 0

    def free_money(self):
        held = sum(hold.amount for _, hold in self.holds.values())
        room = available(Money.from_millionths(self.balance), self.terms, Money.from_millionths(held))
        assert room is not None
        return room.millionths()

    @rule(target=calls, row=cheap_and_dear(), package=st.sampled_from([0, 0, 90]))
    def authorise(self, row, package):
        if len(self.holds) >= 30:
            return multiple()
        price = CallPrice(row, (), package)
        hold = first_slice(price, self.free_money(), len(self.holds))
        if hold is None:
            assert self.free_money() < price.amount(price.entry_seconds)
            return multiple()
        assert hold.max_seconds >= price.entry_seconds
        assert hold.amount == price.amount(hold.max_seconds)
        self.number += 1
        self.holds[self.number], self.talked[self.number] = (price, hold), 0
        return self.number

    @rule(call=calls, part=st.integers(0, 100))
    def talk_and_extend(self, call, part):
        price, hold = self.holds[call]
        talked = max(self.talked[call], hold.max_seconds * part // 100)
        longer = extension(price, hold, talked, self.free_money(), len(self.holds) - 1)
        assert longer.max_seconds >= hold.max_seconds
        assert longer.amount >= hold.amount
        assert longer.ask_at_seconds is None or longer.ask_at_seconds > talked
        self.holds[call], self.talked[call] = (price, longer), talked

    @rule(call=consumes(calls), part=st.integers(0, 100))
    def end(self, call, part):
        price, hold = self.holds.pop(call)
        seconds = max(self.talked.pop(call), hold.max_seconds * part // 100)
        ended = settle(hold, price.amount(seconds))
        assert ended.beyond_hold == 0
        assert ended.posted + ended.released == hold.amount
        self.balance -= ended.posted

    @rule(kopecks=st.integers(1, 10_000))
    def top_up(self, kopecks):
        self.balance += kopecks * KOPECK

    @rule(kopecks=st.integers(0, 10_000))
    def fee(self, kopecks):
        held = Money.from_millionths(sum(hold.amount for _, hold in self.holds.values()))
        fee, balance = Money.from_millionths(kopecks * KOPECK), Money.from_millionths(self.balance)
        decision = decide_fee(fee, balance, self.terms, held)
        if self.terms.scheme is Scheme.PREPAID and decision is FeeDecision.POST:
            self.balance -= kopecks * KOPECK

    @invariant()
    def nothing_is_overspent(self):
        if hasattr(self, "holds"):
            assert self.balance - sum(hold.amount for _, hold in self.holds.values()) >= self.floor


TestSharedBalance = SharedBalance.TestCase
TestSharedBalance.settings = settings(max_examples=120, stateful_step_count=60, deadline=None)


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
    assert first_slice(paid, None) == first_slice(free, 0)
    assert first_slice(free, 0).amount == 0
