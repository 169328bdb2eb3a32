"""The price of a call, by examples."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.kernel.money import Currency, Money
from billing.rating.bands import TimeBand
from billing.rating.prefixes import PrefixTable
from billing.rating.rules import (
    CALL_CAP_SECONDS,
    FreeMode,
    PriceStep,
    RateRow,
    affordable_seconds,
    billed_seconds,
    rate_call,
)

MINUTE = RateRow("7", 1_500_000, row_id=3, version_id=9)
NOON = datetime(2025, 4, 1, 12, tzinfo=ZoneInfo("Europe/Moscow"))


def posted(row, seconds, **more):
    return rate_call(row, seconds, **more).posted


@pytest.mark.req("FIN-59")
def test_sixty_five_seconds_at_one_fifty_a_started_minute_cost_three():
    charge = rate_call(MINUTE, 65)
    assert charge.money(Currency.RUB) == Money.parse("3.00")
    assert charge.explain() == {
        "version": 9, "row": 3, "prefix": "7", "seconds": 65, "free_seconds": 0, "connection_fee": 0,
        "package_seconds": 0, "minimum_applied": False, "exact": [180_000_000, 60], "posted": 3_000_000,
        "lines": [[0, 1, 60, 1_500_000, 60, 3, False], [60, 1, 60, 1_500_000, 60, 3, False]],
    }


@pytest.mark.req("FIN-59")
def test_zero_seconds_cost_nothing_not_even_the_connection():
    row = RateRow("7", 1_500_000, connection_fee=5_000_000, minimum_charge=9_000_000)
    assert posted(row, 0) == 0
    assert posted(row, 1) == 9_000_000


@pytest.mark.req("FIN-61")
def test_the_total_is_rounded_once_half_up():
    per_second = RateRow("7", 1_000_000, first_increment=1, next_increment=1)
    assert posted(per_second, 7) == 120_000  # 0.11666…
    tie = RateRow("7", 5_000, unit_seconds=1, first_increment=1, next_increment=1)
    assert [posted(tie, s) for s in (1, 2, 3)] == [10_000, 10_000, 20_000]  # 0.005, 0.010, 0.015
    assert posted(RateRow("81", 1_500_000), 60, minor_digits=0) == 2_000_000  # yen have no minor unit


@pytest.mark.req("FIN-58")
def test_free_seconds_in_both_modes():
    threshold = RateRow("7", 6_000_000, connection_fee=1_000_000, free_seconds=5)
    assert [posted(threshold, s) for s in (5, 6)] == [0, 7_000_000]
    included = RateRow("7", 6_000_000, free_seconds=5, free_mode=FreeMode.INCLUDED, connection_fee=1_000_000,
                       first_increment=1, next_increment=1, minimum_charge=1_050_000)
    assert [posted(included, s) for s in (5, 6, 15)] == [1_000_000, 1_100_000, 2_000_000]


@pytest.mark.req("FIN-61")
def test_minimum_applies_as_soon_as_a_second_is_paid():
    row = RateRow("7", 600_000, minimum_charge=2_000_000, package_applies=True)
    assert posted(row, 30) == 2_000_000
    assert posted(row, 30, package_seconds=60) == 0
    assert rate_call(row, 300).minimum_applied is False


@pytest.mark.req("FIN-60")
def test_package_covers_whole_increments_from_the_start_connection_fee_stays():
    row = RateRow("7", 1_500_000, connection_fee=500_000, package_applies=True)
    charge = rate_call(row, 200, package_seconds=150)
    assert (charge.package_seconds, charge.posted) == (120, 3_500_000)
    assert rate_call(RateRow("7", 1_500_000), 200, package_seconds=150).package_seconds == 0


@pytest.mark.req("FIN-58")
def test_price_steps_by_talk_time():
    row = RateRow("7", 1_000_000, steps=(PriceStep(120, 500_000),))
    assert [posted(row, s) for s in (120, 121, 240)] == [2_000_000, 2_500_000, 3_000_000]


@pytest.mark.req("FIN-57")
def test_longest_prefix_wins_whatever_the_prices():
    table = PrefixTable([RateRow("7", 1_000_000), RateRow("7495", 9_000_000), RateRow("749", 1)])
    assert table.rate("74951234567", NOON, 60).posted == 9_000_000
    assert table.rate("74121234567", NOON, 60).posted == 1_000_000
    assert table.rate("4930123456", NOON, 60) is None


@pytest.mark.req("FIN-57", "FIN-59")
def test_time_bands_and_a_call_over_their_border():
    night = TimeBand(1320, 1440)
    table = PrefixTable([RateRow("7", 3_000_000, row_id=1), RateRow("7", 1_000_000, band=night, row_id=2)])
    late = datetime(2025, 4, 1, 21, 59, 30, tzinfo=ZoneInfo("Europe/Moscow"))
    charge = table.rate("74951234567", late, 150)
    # minutes begin at 21:59:30 (day), 22:00:30 and 22:01:30 (night)
    assert charge.posted == 5_000_000
    assert [line.row_id for line in charge.lines] == [1, 2]
    assert table.rate("74951234567", late.astimezone(UTC), 150) == charge


@pytest.mark.req("FIN-57")
def test_heavier_band_wins_and_a_prefix_with_bands_only_may_have_no_rate():
    bands = [RateRow("7", 1, band=TimeBand(0, 720), row_id=1),
             RateRow("7", 2_000_000, band=TimeBand(600, 720, first_on=date(2025, 4, 1)), weight=5, row_id=2)]
    table = PrefixTable(bands)
    at = NOON.replace(hour=11)
    assert table.rate("74951234567", at, 60).row_id == 2
    assert table.rate("74951234567", at.replace(month=3), 60).row_id == 1
    assert table.rate("74951234567", NOON, 60) is None


def test_a_border_is_met_on_time_when_the_clocks_change_before_it():
    """Berlin, 30.03.2025: 02:00 becomes 03:00, so from 01:50 to 03:30 only 40 minutes pass."""
    rows = [RateRow("49", 3_000_000, row_id=1), RateRow("49", 1_000_000, band=TimeBand(210, 720), row_id=2)]
    before = datetime(2025, 3, 30, 0, 50, tzinfo=UTC)
    charge = PrefixTable(rows, "Europe/Berlin").rate("4930123456", before, 3600)
    assert charge.posted == 40 * 3_000_000 + 20 * 1_000_000
    autumn = datetime(2025, 10, 25, 23, 50, tzinfo=UTC)  # 01:50 in summer time; 03:30 is 160 minutes away
    charge = PrefixTable(rows, "Europe/Berlin").rate("4930123456", autumn, 170 * 60)
    assert charge.posted == 160 * 3_000_000 + 10 * 1_000_000


def test_a_call_that_outlasts_every_band_goes_on_at_the_last_price():
    rows = [RateRow("7", 3_000_000, band=TimeBand(720, 721), row_id=1),
            RateRow("7", 1_000_000, band=TimeBand(721, 722), row_id=2)]
    charge = PrefixTable(rows).rate("74951234567", NOON, 300)
    assert charge.posted == 3_000_000 + 4 * 1_000_000


def test_affordable_seconds_by_the_minute():
    assert [affordable_seconds(MINUTE, a) for a in (-1, 1_499_999, 1_500_000, 2_999_999, 3_000_000)] == [
        0, 0, 60, 60, 120]
    assert affordable_seconds(RateRow("7", 0), 0) == CALL_CAP_SECONDS


def test_talk_is_billed_by_started_seconds():
    assert [billed_seconds(ms) for ms in (-900, 0, 1, 499, 1001, 1_500, 4_990, 60_040)] == [0, 0, 1, 1, 1, 2, 5, 60]


@pytest.mark.parametrize("wrong", [
    {"price": -1}, {"next_increment": 0}, {"first_increment": 0}, {"unit_seconds": 0},
    {"steps": (PriceStep(9, 1), PriceStep(3, 1))},
])
def test_impossible_rows_cannot_be_made(wrong):
    with pytest.raises(ValueError, match=r"at least one|not negative"):
        RateRow(**({"prefix": "7", "price": 1} | wrong))


@pytest.mark.parametrize("band", [(600, 600), (700, 600), (0, 1441), (-1, 5)])
def test_bands_do_not_cross_midnight(band):
    with pytest.raises(ValueError, match="within one day"):
        TimeBand(*band)
