"""Quantities, line totals, quotes: the worked examples of the manual."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.kernel.i18n import speaking
from app.kernel.money import Money
from billing.accounts.posting import connection_postings, disconnection_posting
from billing.accounts.rules import Cycle, Scheme, Terms, missing_funds
from billing.services.catalogue import Descriptor
from billing.services.present import cost_of, line_text
from billing.services.queries import ServiceRow
from billing.services.rules import Line, grand_total, growth, quote_of
from billing.tariffs.plan import Level, PlanService
from tests.unit.services.moments import DECEMBER_1, NOON

APRIL_16 = date(2020, 4, 16)


def rub(text: str) -> Money:
    return Money(Decimal(text))


def a_line(monthly: str, instances: int, *, level: Level = Level.SPECIAL, is_on: bool = True, included: int = 0,
           connection: str = "0", cycle: Cycle = Cycle.DAILY) -> Line:
    return Line(PlanService("crm", level, rub(monthly), rub(connection), cycle, included), is_on, instances)


def a_row(monthly: str, instances: int) -> ServiceRow:
    return ServiceRow(Descriptor("crm", "CRM"), a_line(monthly, instances))


@pytest.mark.req("SVC-04", "SVC-05", "SVC-10")
def test_line_totals_and_their_sum() -> None:
    """TC-01."""
    lines = [a_line(price, number) for price, number in (
        ("83.33", 0), ("0", 16), ("416.67", 1), ("416.67", 1), ("125", 9), ("0", 1), ("208.33", 1), ("416.67", 0))]
    totals = [line.total.amount for line in lines]
    assert totals == [Decimal(one) for one in ("0", "0", "416.67", "416.67", "1125", "0", "208.33", "0")]
    assert grand_total(lines) == rub("2166.67")


@pytest.mark.req("SVC-03", "SVC-04", "SVC-10")
@pytest.mark.parametrize(("monthly", "number", "text"), [
    ("416.67", 1, "416,67 (416,67 x 1)"), ("83.33", 0, "0 (83,33 x 0)"), ("125", 9, "1125 (125 x 9)"),
    ("0", 16, "0 (0 x 16)"), ("0.50", 3, "1,5 (0,5 x 3)"), ("100", 10, "1000 (100 x 10)")])
def test_the_price_as_it_is_written(monthly: str, number: int, text: str) -> None:
    """TC-02: 125 for nine numbers; decimal comma, no trailing zeros."""
    with speaking("ru"):
        assert line_text(a_row(monthly, number)) == f"{text}\N{NO-BREAK SPACE}₽"


@pytest.mark.req("SVC-05")
def test_what_is_off_is_not_in_the_total() -> None:
    assert grand_total([a_line("10", 3), a_line("100", 3, is_on=False)]) == rub("30")


@pytest.mark.req("SVC-20")
def test_included_instances_cost_nothing() -> None:
    line = a_line("10", 7, included=5)
    assert line.quantity == 2
    assert line.growing(1).quantity == 1
    assert a_line("10", 4, included=5).growing(3).quantity == 2
    assert a_line("10", 4, included=5).growing(1).quantity == 0
    assert line.shrinking(3).quantity == 2
    assert a_line("10", 3, is_on=False).shrinking(1).quantity == 0


@pytest.mark.req("SVC-D10", "SVC-20")
def test_a_service_is_connected_with_what_there_is_of_it() -> None:
    assert a_line("10", 0, is_on=False, level=Level.DOMAIN).connecting().quantity == 1
    assert a_line("10", 4, is_on=False, level=Level.OPERATOR).connecting().quantity == 4
    assert a_line("10", 0, is_on=False).connecting().quantity == 0
    assert a_line("10", 4, is_on=False).growing(1).quantity == 5


@pytest.mark.req("FIN-46", "SVC-31", "SVC-36", "SVC-D7")
def test_a_connection_is_two_entries() -> None:
    """TC-03, T17: 1.00 and 0.03 in a month of 31 days."""
    fee = a_line("1.00", 0, connection="1.00").growing(1)
    first, second = connection_postings(fee, DECEMBER_1, NOON, key="k", ref="r")
    assert (first.operation.value, first.quantity, first.ledger_amount) == ("connection", 1, rub("-1.00"))
    assert (second.operation.value, second.quantity, second.ledger_amount) == ("subscription_fee", 1, rub("-0.03"))
    assert first.at == second.at
    gone = disconnection_posting("crm", 1, NOON, key="k", ref="r")
    assert (gone.quantity, gone.ledger_amount) == (-1, rub("0.00"))


@pytest.mark.req("SVC-D7", "SVC-D11")
def test_several_instances_are_one_pair_of_entries() -> None:
    """TC-04 and TC-39: 2.26 for one, 4.52 for two."""
    assert a_line("70.00", 0).growing(1).first_charge(DECEMBER_1) == rub("2.26")
    fee = a_line("70.00", 1).growing(2)
    rows = connection_postings(fee, DECEMBER_1, NOON, key="k", ref="r")
    assert [(row.quantity, row.ledger_amount) for row in rows] == [(2, rub("0.00")), (2, rub("-4.52"))]


@pytest.mark.req("SVC-D7", "SVC-33")
def test_a_daily_price_takes_a_day_and_a_monthly_one_the_rest_of_the_month() -> None:
    """T35: 30.00 a month from the 16th of April."""
    daily = quote_of([a_line("30", 0).growing(1)], APRIL_16, rub("100"), is_trial=False)
    monthly = quote_of([a_line("30", 0, cycle=Cycle.MONTHLY).growing(1)], APRIL_16, rub("100"), is_trial=False)
    assert (daily.cost.first_day, monthly.cost.first_day) == (rub("1.00"), rub("15.00"))
    both = quote_of([*daily.fees, *monthly.fees], APRIL_16, rub("100"), is_trial=False)
    with speaking("en"):
        assert [cost_of(one).first_label for one in (daily, monthly, both)] == ["", "Rest of the month", "First fees"]
    assert daily.mark == "30/0/1" != monthly.mark


@pytest.mark.req("SVC-D3")
def test_everything_is_free_in_trial() -> None:
    quote = quote_of([a_line("30", 0, connection="5").growing(2)], APRIL_16, rub("0"), is_trial=True)
    assert not quote.cost.monthly
    assert not quote.cost.charged
    assert [fee.quantity for fee in quote.fees] == [2]


@pytest.mark.req("SVC-D3", "SVC-30")
def test_what_money_suffices() -> None:
    cost, limit = rub("100"), rub("50")
    assert missing_funds(cost, rub("99.99"), Terms(Scheme.PREPAID)) == rub("0.01")
    assert not missing_funds(cost, rub("100"), Terms(Scheme.PREPAID))
    assert missing_funds(cost, rub("50"), Terms(Scheme.CREDIT, limit)) == rub("0.01")
    assert not missing_funds(cost, rub("50.01"), Terms(Scheme.CREDIT, limit))
    assert not missing_funds(cost, rub("-9999"), Terms(Scheme.UNLIMITED))


@pytest.mark.req("SVC-D11")
def test_services_are_charged_in_the_order_named() -> None:
    lines = {"speech": a_line("10", 0), "recording": a_line("70", 1)}
    fees = growth(lines, {"recording": 1, "speech": 2, "unknown": 1})
    assert [(fee.monthly.amount, fee.quantity) for fee in fees] == [(70, 1), (10, 2)]
