"""How long a balance lasts, with numbers that can be reckoned by hand. 1 June 2026 is a Monday."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.kernel.money import Money
from billing.accounts.rules import Cycle, RecurringFee, Scheme, Terms
from billing.forecast.rules import Forecast, Outcome, Situation, forecast, mean_spend

ZERO = Money.zero()
TODAY = date(2026, 6, 1)


def money(text: str) -> Money:
    return Money.parse(text)


def every_day(amount: str) -> list[Money]:
    return [money(amount)] * 7


def daily(monthly: str, quantity: int = 1) -> RecurringFee:
    return RecurringFee("user", money(monthly), quantity, Cycle.DAILY)


def known(balance: str, **changes: object) -> Situation:
    return replace(Situation(TODAY, money(balance), Terms(Scheme.PREPAID), (), every_day("0"), ZERO), **changes)


def until(day: date) -> Forecast:
    return Forecast(Outcome.UNTIL, day + timedelta(days=1))


def test_daily_fees_are_paid_in_the_morning() -> None:
    """30 a month is 1.00 a day in June: 10.00 covers the 2nd to the 11th, today's is charged already."""
    assert forecast(known("10.00", fees=[daily("30")])) == until(date(2026, 6, 11))
    assert forecast(known("9.99", fees=[daily("30")])) == until(date(2026, 6, 10))
    assert forecast(known("0.99", fees=[daily("30")])).last_day == TODAY
    waiting = known("9.99", fees=[daily("30")], is_today_charged=False)  # the run of today is still to come
    assert forecast(waiting) == until(date(2026, 6, 9))
    two = [daily("30", 2), daily("15")]  # 2.50 a day
    assert forecast(known("10.00", fees=two)) == until(date(2026, 6, 5))


def test_a_longer_month_has_cheaper_days() -> None:
    """31.00 a month: 1.03 in June (29 days: 29.87), 1.00 in July."""
    assert forecast(known("39.87", fees=[daily("31")])) == until(date(2026, 7, 10))
    assert forecast(known("39.86", fees=[daily("31")])) == until(date(2026, 7, 9))


def test_monthly_fees_and_the_guaranteed_payment_fall_on_the_first() -> None:
    fee = RecurringFee("recording", money("100"), 1, Cycle.MONTHLY)
    assert forecast(known("199.99", fees=[fee])) == until(date(2026, 7, 31))
    assert forecast(known("200.00", fees=[fee])) == until(date(2026, 8, 31))
    assert forecast(known("250", fees=[fee], guaranteed=money("50"))) == until(date(2026, 7, 31))
    assert forecast(known("300", fees=[fee], guaranteed=money("50"))) == until(date(2026, 8, 31))


def test_calls_of_the_weekdays() -> None:
    """5.00 on working days, nothing at the weekend; of today's 5.00 three are spent."""
    week = [*[money("5")] * 5, ZERO, ZERO]
    assert forecast(known("22.00", calls=week, spent_today=money("3"))) == until(date(2026, 6, 7))
    assert forecast(known("21.99", calls=week, spent_today=money("3"))) == until(date(2026, 6, 4))
    assert forecast(known("2.00", calls=week, spent_today=money("9"))) == until(TODAY)
    assert forecast(known("1.00", calls=week)) == Forecast(Outcome.UNTIL, TODAY, is_short_today=True)


def test_fee_and_calls_share_the_balance() -> None:
    """1.00 in the morning and 2.00 of calls: today 2.00, then 3.00 a day."""
    assert forecast(known("11.00", fees=[daily("30")], calls=every_day("2"))) == until(date(2026, 6, 4))
    assert forecast(known("12.00", fees=[daily("30")], calls=every_day("2"))) == until(date(2026, 6, 4))


def test_a_promised_payment_is_taken_back() -> None:
    """100 of the 120 are promised until the 4th: after the debit 17 are left, which pay 17 days more."""
    promised = [(date(2026, 6, 4), money("100"))]
    assert forecast(known("120", fees=[daily("30")], write_offs=promised)) == until(date(2026, 6, 21))
    short = forecast(known("103.99", fees=[daily("30")], write_offs=promised))
    assert short == until(date(2026, 6, 3))  # 0.99 is less than the next fee: blocked at the debit [FIN-27]
    assert forecast(known("99", write_offs=promised)) == until(date(2026, 6, 3))


def test_credit_reaches_its_limit() -> None:
    """At −1000 the block comes; the fee itself is posted [FIN-D1]."""
    terms = Terms(Scheme.CREDIT, money("1000"))
    assert forecast(known("-990", terms=terms, fees=[daily("30")])) == until(date(2026, 6, 10))
    assert forecast(known("-990", terms=terms, fees=[daily("30")], guaranteed=money("500"))) == until(date(2026, 6, 10))
    assert forecast(known("5", terms=Terms(Scheme.CREDIT), fees=[daily("30")])) == until(date(2026, 6, 6))


@pytest.mark.parametrize(("changes", "outcome"), [
    ({"terms": Terms(Scheme.UNLIMITED)}, Outcome.NONE), ({"is_trial": True}, Outcome.NONE),
    ({"is_blocked": True}, Outcome.BLOCKED), ({"fees": []}, Outcome.NONE),
])
def test_where_there_is_nothing_to_reckon(changes: dict, outcome: Outcome) -> None:
    assert forecast(known("10", **{"fees": [daily("30")]} | changes)).outcome is outcome


def test_more_than_a_year_is_not_told_to_the_day() -> None:
    """Some 365.00 a year."""
    fees = [RecurringFee("user", money("30.4167"), 1, Cycle.DAILY)]
    assert forecast(known("1000", fees=fees)).outcome is Outcome.LONG
    assert forecast(known("300", fees=fees)).outcome is Outcome.UNTIL
    assert forecast(known("100000", calls=every_day("1"))).outcome is Outcome.LONG


def test_mean_by_weekday_over_four_weeks() -> None:
    """Four Mondays of 10, 20, 30 and 40: 25; the fifth before them does not count."""
    spent = {TODAY - timedelta(days=7 * n): money(str(10 * n)) for n in range(1, 6)}
    found = mean_spend(spent, date(2020, 1, 1), TODAY, ZERO)
    assert found == [money("25"), *[ZERO] * 6]


def test_a_young_account_has_a_mean_of_its_days() -> None:
    spent = {TODAY - timedelta(days=1): money("9")}
    assert mean_spend(spent, TODAY - timedelta(days=3), TODAY, ZERO) == every_day("3")
    assert mean_spend(spent, TODAY, TODAY, ZERO) == every_day("0")
    ten = {TODAY - timedelta(days=n): money("7") for n in range(1, 11)}
    assert mean_spend(ten, TODAY - timedelta(days=10), TODAY, ZERO) == every_day("7")
