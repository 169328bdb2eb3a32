"""Generated tariff rows, small enough that every rule meets every other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from billing.rating.bands import TimeBand
from billing.rating.rules import FreeMode, PriceStep, RateRow

money = st.one_of(st.just(0), st.integers(0, 12_000_000),
                  st.sampled_from([1, 4_999, 5_000, 1_500_000, 16_666]))
seconds = st.one_of(st.sampled_from([1, 6, 7, 30, 60]), st.integers(1, 200))
zones = st.sampled_from(["Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])


@st.composite
def steps(draw):
    starts = sorted(draw(st.sets(st.integers(1, 400), max_size=3)))
    return tuple(PriceStep(start, draw(money)) for start in starts)


@st.composite
def bands(draw):
    start = draw(st.integers(0, 1439))
    first = draw(st.none() | st.dates(date(2025, 3, 25), date(2025, 4, 5)))
    last = draw(st.none() | st.dates(first or date(2025, 3, 25), date(2025, 4, 6)))
    return TimeBand(start, draw(st.integers(start + 1, 1440)),
                    frozenset(draw(st.sets(st.integers(0, 6), min_size=1))), first, last)


@st.composite
def rate_rows(draw, prefix=st.just("7"), band=st.none(), row_id=0):
    return RateRow(
        prefix=draw(prefix), price=draw(money), unit_seconds=draw(seconds), connection_fee=draw(money),
        first_increment=draw(seconds), next_increment=draw(seconds), minimum_charge=draw(money),
        free_seconds=draw(st.just(0) | st.integers(0, 120)), free_mode=draw(st.sampled_from(FreeMode)),
        steps=draw(steps()), package_applies=draw(st.booleans()), band=draw(band),
        weight=draw(st.integers(0, 2)), row_id=row_id, version_id=1)


@st.composite
def tariffs(draw):
    """Rows of a few nested prefixes, with and without bands."""
    count = draw(st.integers(1, 6))
    return [draw(rate_rows(st.sampled_from(["7", "74", "7495", "49"]), st.none() | bands(), number))
            for number in range(1, count + 1)]


# around the spring change of clocks in Berlin (30 March 2025, 01:00 UTC) and before midnight
moments = st.one_of(
    st.integers(0, 10 * 86_400), st.integers(86_400 + 82_000, 86_400 + 91_000),
).map(lambda s: datetime(2025, 3, 28, tzinfo=UTC) + timedelta(seconds=s)) | st.integers(
    86_400_000_000, 3 * 86_400_000_000).map(  # between two seconds
    lambda us: datetime(2025, 3, 28, tzinfo=UTC) + timedelta(microseconds=us))
