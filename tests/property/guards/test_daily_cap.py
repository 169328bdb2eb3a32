"""Whatever calls do, what is charged on a day does not exceed the day's cap by anything."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from billing.guards.destinations import Policy, Preset, longest
from billing.guards.rules import Attempt, Day, Hit, Limits, Seen, is_used_up, room, tighter, verdict
from billing.holds.rules import Hold, extension, first_slice
from billing.rating.rules import CallPrice
from tests.property.billing.strategies import rate_rows

KOPECK = 10_000


class OneDay(RuleBasedStateMachine):
    """Calls of one domain over several days; the account's lock makes the steps one after the other."""

    calls = Bundle("calls")

    @initialize(cap=st.integers(1, 20_000), wall=st.none() | st.integers(1, 20_000),
                balance=st.none() | st.integers(0, 50_000))
    def opened(self, cap, wall, balance):
        self.limits = Limits(cap=cap * KOPECK, wall=None if wall is None else wall * KOPECK)
        self.balance = None if balance is None else balance * KOPECK
        self.day = Day()
        self.holds: dict[int, tuple[CallPrice, Hold]] = {}
        self.number = 0

    @property
    def held(self):
        return sum(hold.amount for _, hold in self.holds.values())

    @property
    def free(self):
        return None if self.balance is None else self.balance - self.held

    @rule(target=calls, row=rate_rows().filter(lambda row: row.price > 0), package=st.sampled_from([0, 0, 90]))
    def ask(self, row, package):
        price = CallPrice(row, (), package)
        left, entry = room(self.limits, self.day, self.held), price.amount(price.entry_seconds)
        hit = verdict(Attempt(None, True, entry, self.free), self.limits, Seen(room=left))
        if hit is Hit.CAP:
            assert left is not None
            assert left < entry
            return multiple()
        hold = first_slice(price, tighter(self.free, left), len(self.holds))
        if hold is None:
            assert self.free is not None
            assert self.free < entry
            return multiple()
        self.number += 1
        self.holds[self.number] = price, hold
        return self.number

    @rule(call=calls, talked=st.integers(0, 4_000))
    def want_more(self, call, talked):
        price, hold = self.holds[call]
        left = room(self.limits, self.day, self.held)
        longer = extension(price, hold, min(talked, hold.max_seconds), tighter(self.free, left), len(self.holds) - 1)
        self.holds[call] = price, longer

    @rule(call=consumes(calls), share=st.integers(0, 100))
    def end(self, call, share):
        price, hold = self.holds.pop(call)
        cost = price.amount(hold.max_seconds * share // 100)
        self.day = Day(self.day.spent + cost, self.day.own_base, self.day.wall_base)
        if self.balance is not None:
            self.balance -= cost

    @rule()
    def midnight(self):
        self.day = Day()

    @rule()
    def administrator_lifts(self):
        assume(self.limits.wall is not None)
        self.day = Day(self.day.spent, self.day.spent, self.day.wall_base)

    @invariant()
    def the_caps_hold(self):
        if not hasattr(self, "limits"):
            return
        assert self.day.spent - self.day.own_base + self.held <= max(self.limits.cap, self.carried)
        if self.limits.wall is not None:
            assert self.day.spent - self.day.wall_base + self.held <= self.limits.wall
        if is_used_up(self.limits, self.day, 1):
            assert room(self.limits, self.day, 0) == 0

    @property
    def carried(self):
        """After the administrator counted anew, what runs already may be more than the cap leaves."""
        return self.held if self.day.own_base else 0


TestOneDay = OneDay.TestCase
TestOneDay.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

digits = st.text("0123456789", min_size=1, max_size=4)


@given(number=st.text("0123456789", min_size=7, max_size=15), forbidden=st.frozensets(digits), more=st.frozensets(digits),
       allowed=st.frozensets(digits))
def test_a_longer_forbidden_list_forbids_no_less(number, forbidden, more, allowed):
    little, much = (Policy(frozenset(), one, allowed) for one in (forbidden, forbidden | more))
    if little.forbids(number, is_international=True):
        assert much.forbids(number, is_international=True)
    every = Policy(frozenset(Preset), much.forbidden, allowed)
    if much.forbids(number, is_international=True):
        assert every.forbids(number, is_international=True)
    assert (little.forbids(number, is_international=True) is not None) == (
        longest(number, forbidden) > max(longest(number, allowed), 0))
