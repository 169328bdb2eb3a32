"""Schemes, funds, blocks and fees with the numbers of the specification."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.kernel.money import Currency, Money
from billing.accounts.posting import (
    CounterAccount,
    Operation,
    Posting,
    connection_postings,
    disconnection_posting,
)
from billing.accounts.rules import (
    Cycle,
    FeeDecision,
    RecurringFee,
    Scheme,
    Terms,
    Unblocking,
    available,
    blocks_after_debit,
    connection_cost,
    day_fee,
    decide_fee,
    decide_unblocking,
    due_for_unblocking,
    floor,
    missing_funds,
    month_state,
    prorated_fee,
    unblocks_after_credit,
)

PREPAID, UNLIMITED = Terms(Scheme.PREPAID), Terms(Scheme.UNLIMITED)
AT = datetime(2020, 12, 1, 17, 20, tzinfo=UTC)


def rub(text):
    return Money.parse(text)


def credit(limit=None, default=None):
    return Terms(Scheme.CREDIT, limit and rub(limit), default and rub(default))


def test_floor_by_scheme():
    assert floor(PREPAID) == rub("0")
    assert floor(credit("1000")) == rub("-1000")
    assert floor(credit(default="300")) == rub("-300")
    assert floor(credit()) == rub("0")
    assert floor(UNLIMITED) is None
    assert available(rub("50"), credit("1000"), rub("20")) == rub("1030")
    assert available(rub("50"), UNLIMITED) is None


def test_funds_check_by_scheme():
    assert not missing_funds(rub("10.00"), rub("10.00"), PREPAID)
    assert missing_funds(rub("10.01"), rub("10.00"), PREPAID) == rub("0.01")
    assert missing_funds(rub("5"), rub("10"), PREPAID, held=rub("6")) == rub("1")
    assert not missing_funds(rub("999.99"), rub("0"), credit("1000"))
    assert missing_funds(rub("1000"), rub("0"), credit("1000")) == rub("0.01")  # reaching the limit blocks
    assert not missing_funds(rub("10"), rub("10"), credit())
    assert not missing_funds(rub("1000000"), rub("-5"), UNLIMITED)
    assert not missing_funds(rub("0"), rub("-1000"), credit("1000"))


def test_prepaid_fee_above_the_money_blocks_and_is_not_posted():
    assert decide_fee(rub("10"), rub("10"), PREPAID) is FeeDecision.POST
    assert decide_fee(rub("10.01"), rub("10"), PREPAID) is FeeDecision.BLOCK
    assert decide_fee(rub("10"), rub("10"), PREPAID, held=rub("1.50")) is FeeDecision.WAIT
    assert decide_fee(rub("0"), rub("-3"), PREPAID) is FeeDecision.POST
    assert decide_fee(rub("10"), rub("-999"), credit("1000")) is FeeDecision.POST


def test_block_after_a_debit():
    """T28: L = 1000; the block comes at the limit itself."""
    balances = ("-899.99", "-900", "-999.99", "-1000.00")
    assert [blocks_after_debit(rub(b), credit("1000")) for b in balances] == [False, False, False, True]
    assert [blocks_after_debit(rub(b), PREPAID) for b in ("0", "-0.01", "-400")] == [False, True, True]
    assert [blocks_after_debit(rub(b), credit()) for b in ("0", "-0.01")] == [False, True]
    assert not blocks_after_debit(rub("-9999999"), UNLIMITED)


@pytest.mark.parametrize(("credited", "lifted"), [("299", False), ("300", True)])
def test_unblocking_needs_the_fees_due(credited, lifted):
    """T29's arithmetic: 600 a month not charged for April, on the 16th 15 of 30 days are left: 300.00."""
    due = due_for_unblocking([RecurringFee("line", rub("600"), cycle=Cycle.MONTHLY)], date(2021, 4, 16))
    assert due == rub("300")
    assert unblocks_after_credit(rub(credited), due, PREPAID) is lifted


def test_unblocking_on_credit_stays_above_the_limit():
    assert not unblocks_after_credit(rub("-990"), rub("10"), credit("1000"))
    assert unblocks_after_credit(rub("-989.99"), rub("10"), credit("1000"))
    assert unblocks_after_credit(rub("0"), rub("0"), credit())
    assert unblocks_after_credit(rub("-5000"), rub("9"), UNLIMITED)


@pytest.mark.parametrize(("balance", "terms", "verdict"), [
    ("9.99", PREPAID, Unblocking.STAY), ("10", PREPAID, Unblocking.WAIT), ("11.49", PREPAID, Unblocking.WAIT),
    ("11.50", PREPAID, Unblocking.LIFT), ("-990", credit("1000"), Unblocking.STAY),
    ("-989.99", credit("1000"), Unblocking.WAIT), ("-988.50", credit("1000"), Unblocking.WAIT),
    ("-988.49", credit("1000"), Unblocking.LIFT), ("11.50", credit(), Unblocking.LIFT),
    ("-9999", UNLIMITED, Unblocking.LIFT)])
def test_unblocking_leaves_to_the_calls_what_they_hold(balance, terms, verdict):
    """10.00 are due, 1.50 are held."""
    assert decide_unblocking(rub(balance), rub("10"), terms, rub("1.50")) is verdict


@pytest.mark.req("FIN-04")
def test_thirty_a_month_from_the_sixteenth_of_april():
    """T35: 1.00 and 1.00 each day, or 15.00 at once; April comes to 15.00 both ways."""
    daily = RecurringFee("x", rub("30"), cycle=Cycle.DAILY)
    monthly = RecurringFee("x", rub("30"), cycle=Cycle.MONTHLY)
    assert daily.first_charge(date(2025, 4, 16)) == rub("1")
    assert monthly.first_charge(date(2025, 4, 16)) == rub("15")
    april = [daily.first_charge(date(2025, 4, day)) for day in range(16, 31)]
    assert sum(april, rub("0")) == rub("15")


@pytest.mark.parametrize(("monthly", "fee"), [("70.00", "2.26"), ("1.00", "0.03"), ("83.33", "2.69")])
def test_one_day_in_a_month_of_thirty_one(monthly, fee):
    assert day_fee(rub(monthly), date(2020, 12, 1)).rounded_for_ledger() == rub(fee)


def test_proration_multiplies_before_it_divides():
    assert prorated_fee(rub("0.15"), date(2025, 4, 30)).rounded_for_ledger() == rub("0.01")
    assert prorated_fee(rub("600"), date(2025, 2, 1)) == rub("600")


def test_cost_rounds_each_instance_then_adds():
    """Recording for two users at 70.00 in a month of 31 days: 4.52, not 4.516… rounded."""
    fees = [RecurringFee("recording", rub("70"), 2, connection=rub("0")),
            RecurringFee("user", rub("83.33"), 1, connection=rub("1"))]
    cost = connection_cost(fees, date(2020, 12, 1))
    assert (cost.monthly, cost.connection, cost.first_day) == (rub("223.33"), rub("1"), rub("7.21"))
    assert cost.charged == rub("8.21")
    assert connection_cost(fees, date(2020, 12, 1), trial=True).charged == rub("0")


def test_connecting_call_order_makes_two_entries():
    """T17: 9906159.65 → 9906158.65 → 9906158.62."""
    fee = RecurringFee("call_order", rub("1.00"), connection=rub("1.00"))
    postings = connection_postings(fee, date(2020, 12, 1), AT, key="svc:5", ref="service:5")
    assert [p.operation for p in postings] == [Operation.CONNECTION, Operation.SUBSCRIPTION_FEE]
    balance, after = rub("9906159.65"), []
    for posting in postings:
        balance += posting.ledger_amount
        after.append(balance)
    assert after == [rub("9906158.65"), rub("9906158.62")]
    assert {p.quantity for p in postings} == {1}
    assert len({p.key for p in postings}) == 2


@pytest.mark.req("FIN-45")
def test_disconnection_moves_no_money():
    """T18."""
    posting = disconnection_posting("additional_user", 1, AT, key="user:8", ref="user:8")
    assert (posting.quantity, posting.ledger_amount) == (-1, rub("0"))


def test_a_posting_is_balanced_and_rounded_once():
    posting = Posting("call:1", Operation.CALL, "Moscow", 65, -rub("2.995"), AT, "call:1")
    (own, debit), (counter, revenue) = posting.lines()
    assert (own, debit, counter) == ("domain", rub("-3.00"), "revenue")
    assert debit + revenue == rub("0")
    assert Posting("p", Operation.PAYMENT, "", 1, rub("5"), AT).counter_account is CounterAccount.PAYMENTS


def test_a_posting_needs_a_key_and_a_zone():
    with pytest.raises(ValueError, match="key"):
        Posting("", Operation.CALL, "x", 1, rub("1"), AT)
    with pytest.raises(ValueError, match="zone"):
        Posting("k", Operation.CALL, "x", 1, rub("1"), AT.replace(tzinfo=None))


@pytest.mark.req("FIN-12")
@pytest.mark.parametrize(("start", "debits", "current"), [
    ("10217.54", ["-8000.00", "-45.24"], "2172.30"),  # T15
    ("19328.06", ["-2371.56"], "16956.50"),  # T16
])
def test_month_state(start, debits, current):
    state = month_state(rub(start), [rub(d) for d in debits])
    assert (state.income, state.current) == (rub("0.00"), rub(current))
    assert month_state(rub("1"), [rub("5"), rub("-2")]).income == rub("5")


def test_currencies_are_not_mixed():
    with pytest.raises(ValueError, match="USD"):
        missing_funds(Money.parse("1", Currency.USD), rub("5"), PREPAID)
