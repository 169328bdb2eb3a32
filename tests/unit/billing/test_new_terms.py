"""The rest of a month by other terms: what is given back, what is charged, what a guaranteed payment lacks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.kernel.money import Money
from billing.accounts.posting import Operation
from billing.accounts.rules import Cycle
from billing.packages.rules import lacking
from billing.services.renewals import Found, postings
from billing.services.rules import Line
from billing.subscriptions.changes import NewTerms
from billing.tariffs.plan import Level, Plan, PlanService

APRIL_16 = datetime(2031, 4, 16, tzinfo=UTC)
TERMS = NewTerms(Plan(1), Plan(2), APRIL_16, APRIL_16.date(), APRIL_16, "UTC")


def rub(amount: str) -> Money:
    return Money.parse(amount)


def line(monthly: str, number: int, cycle: Cycle = Cycle.MONTHLY, level: Level = Level.USER) -> dict[str, Line]:
    return {"crm": Line(PlanService("crm", level, rub(monthly), rub("5"), cycle), is_on=True, instances=number)}


def lines(found: Found) -> list[tuple[str, int, Decimal]]:
    made = postings(TERMS, found)
    assert all(one.operation is Operation.SUBSCRIPTION_FEE and one.service == "crm" for one in made)
    return [(one.key, one.quantity, one.amount.amount) for one in made]


@pytest.mark.req("FIN-D2")
def test_from_the_month_to_the_day_only_what_was_paid_is_given_back():
    """30.00 a month, 15 of 30 days left; three instances, one of which was connected inside the month."""
    old, new = line("30", 3), line("60", 3, Cycle.DAILY)
    assert lines(Found(old, new, line("30", 2), {"crm": 2})) == [("fee:crm:2031-04:16:back", -3, Decimal(45))]
    assert lines(Found(old, new, line("30", 2), {})) == [("fee:crm:2031-04:16:back", -1, Decimal(15))]
    assert lines(Found(old, new, line("30", 3), {})) == []


@pytest.mark.req("FIN-D2")
def test_from_the_day_to_the_month_the_rest_of_the_month_is_charged_under_a_free_key():
    old, new = line("30", 3, Cycle.DAILY), line("100", 3)
    assert lines(Found(old, new, old, {})) == [("fee:crm:2031-04", 3, Decimal(-150))]
    assert lines(Found(old, new, old, {"crm": 3})) == [("fee:crm:2031-04:16", 3, Decimal(-150))]


@pytest.mark.req("FIN-D2", "SVC-D11")
def test_each_instance_is_rounded():
    assert lines(Found(line("0.15", 2), line("0.17", 2), line("0.15", 2), {"crm": 2})) == [
        ("fee:crm:2031-04:16:back", -2, Decimal("0.16")), ("fee:crm:2031-04:16", 2, Decimal("-0.18"))]


@pytest.mark.req("FIN-D2", "SVC-34")
def test_what_is_no_longer_in_the_plan_is_not_given_back_and_what_is_new_is_charged():
    assert lines(Found(line("30", 3), {}, line("30", 3), {"crm": 3})) == []
    assert lines(Found({}, line("30", 3), {}, {})) == [("fee:crm:2031-04", 3, Decimal(-45))]


@pytest.mark.req("FIN-D2", "SVC-D2")
def test_of_what_a_module_counts_no_more_is_given_back_than_was_paid_on_the_first():
    """Two on the 1st; now nine, or one."""
    new = line("30", 9, Cycle.DAILY, Level.EXTERNAL)
    for number, back in ((9, -2), (1, -1)):
        old = line("30", number, level=Level.EXTERNAL)
        assert lines(Found(old, new, old, {"crm": 2})) == [("fee:crm:2031-04:16:back", back, Decimal(-15 * back))]


@pytest.mark.req("FIN-D4")
@pytest.mark.parametrize(("monthly", "paid", "lack"), [
    ("300", [], "150"), ("300", [(1, "300")], "0"), ("300", [(1, "100")], "100"), ("100", [(1, "300")], "0"),
    ("300", [(16, "150")], "0"), ("300", [(1, "100"), (11, "100")], "25"), ("60", [(1, "30"), (21, "50")], "5"),
    ("0.01", [], "0.005")])
def test_what_a_guaranteed_payment_lacks_from_the_16th_of_30_days(monthly: str, paid: list, lack: str):
    known = [(date(2031, 4, day), rub(amount)) for day, amount in paid]
    assert lacking(rub(monthly), known, date(2031, 4, 16)).amount == Decimal(lack)


@pytest.mark.req("FIN-D4", "FIN-61")
def test_the_rounding_of_payments_is_no_lack():
    """100.01 a month in parts, each rounded: nothing is asked for again on any later day."""
    for first in range(1, 31):
        share = Money(Decimal("100.01") * (31 - first) / 30).rounded_for_ledger()
        for day in range(first, 31):
            assert not lacking(rub("100.01"), [(date(2031, 4, first), share)], date(2031, 4, day))
