"""Money of calls and of fees beside the bucket of the guaranteed payment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.kernel.money import Money
from billing.packages.bucket import Bucket, Held
from billing.packages.spending import Spending, explain

MARCH, APRIL, MAY = (datetime(2031, month, 1, tzinfo=UTC) for month in (3, 4, 5))
LAST_OF_MARCH = APRIL - timedelta(minutes=1)


def rubles(text: str) -> Money:
    return Money.parse(text)


def buckets(march: str, april: str) -> tuple[Bucket, Bucket]:
    return Bucket(rubles(march), MARCH, APRIL), Bucket(rubles(april), APRIL, MAY)


def test_without_a_bucket_the_balance_covers_what_is_held():
    assert Held(rubles("7")).beyond_buckets() == rubles("7")


@pytest.mark.req("FIN-D4")
def test_the_bucket_covers_what_calls_hold_and_leaves_the_balance_free():
    _old, april = buckets("0", "10")
    held = Held.of(rubles("7"), [april], [(APRIL, rubles("4")), (APRIL, rubles("3"))])
    assert held.beyond_buckets() == rubles("0")  # a fee may take the whole balance …
    assert held.beyond_buckets(april) == rubles("-3")  # … and a call the balance and 3 more
    held = Held.of(rubles("12"), [april], [(APRIL, rubles("12"))])
    assert held.beyond_buckets() == held.beyond_buckets(april) == rubles("2")


@pytest.mark.req("FIN-D4")
def test_each_month_covers_its_own_calls():
    march, april = buckets("5", "10")
    held = Held.of(rubles("9"), [march, april], [(LAST_OF_MARCH, rubles("8")), (APRIL, rubles("1"))])
    assert held.beyond_buckets() == rubles("3")
    assert held.beyond_buckets(march) == rubles("3")
    assert held.beyond_buckets(april) == rubles("-6")


@pytest.mark.req("FIN-60", "FIN-62")
def test_a_rounded_cost_is_split_and_the_last_kopeck_of_the_bucket_is_used():
    spending = Spending(buckets("0", "10"))
    first = spending.use(rubles("7.20"), APRIL)
    assert first
    assert (first.amount, explain(first)) == (rubles("7.20"), {"mgp": 7_200_000})
    second = spending.use(rubles("7.20"), APRIL)
    assert second
    assert second.amount == rubles("2.80")
    assert spending.use(rubles("7.20"), APRIL) is None
    assert spending.use(rubles("7.20"), LAST_OF_MARCH) is None
    assert explain(None) == {}


def test_the_day_of_use_is_the_one_on_which_the_call_began():
    used = Spending(buckets("1", "1")).use(rubles("1"), datetime(2031, 3, 31, 20, 59, tzinfo=UTC))
    assert used
    assert used.day("Europe/Moscow").isoformat() == "2031-03-31"
    assert used.day("Asia/Novosibirsk").isoformat() == "2031-04-01"
