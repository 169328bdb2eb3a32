"""Rows of a tariff with time bands, price steps and package minutes: file, table, kernel, preview."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.kernel.db import platform_transaction
from app.web.exports import ExportColumn, write_csv
from billing.rating.bands import TimeBand
from billing.rating.rules import PriceStep, RateRow
from billing.tariffs import queries, service
from billing.tariffs.cache import rates
from billing.tariffs.csvfile import COLUMNS, parse_rates
from tests.db.factories import STAFF
from tests.property.billing import oracle
from tests.property.billing.strategies import moments, tariffs, zones
from tests.property.billing.test_rating import NUMBERS, TALK

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

_count = count(1)
FILE = """prefix;destination;price;weekdays;time_from;time_to;date_from;date_to;weight;price_steps;package_minutes
7495;Moscow;2;;;;;;;60:1.5 120:1,2;yes
7495;Moscow;1;1-5;20:00;24:00;;;;;
7495;Moscow;0.5;67;;;;;10;;
7495;Moscow;0;;;;2027-01-01;2027-01-08;20;;
"""


async def a_version(rows: list[RateRow] | tuple[RateRow, ...], zone: str = "Europe/Moscow") -> tuple[int, int]:
    """(tariff, draft version)."""
    async with platform_transaction(STAFF) as tx:
        tariff_id = await service.create_tariff(tx, service.NewTariff(f"Rows {os.getpid()}-{next(_count)}", zone))
        return tariff_id, await service.import_draft(tx, tariff_id, rows)


async def published(rows: list[RateRow] | tuple[RateRow, ...], zone: str = "Europe/Moscow") -> int:
    _tariff_id, version_id = await a_version(rows, zone)
    async with platform_transaction(STAFF) as tx:
        await service.publish(tx, version_id, tx.now.date() + timedelta(days=1))
    return version_id


@pytest.mark.req("FIN-57", "FIN-58", "FIN-59", "FIN-60", "FIN-61")
async def test_rates_from_the_table_agree_with_the_oracle() -> None:
    cases = []
    calls = st.lists(st.tuples(NUMBERS, moments, TALK, st.integers(0, 900)), min_size=5, max_size=10)

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(rows=tariffs(), calls=calls, zone=zones)
    def collect(rows, calls, zone):
        cases.append((rows, calls, zone))

    collect()
    for rows, calls, zone in cases:
        distinct = {(row.prefix, row.band, row.weight if row.band else 0): row for row in rows}
        kept = [replace(row, weight=row.weight if row.band else 0, destination=f"to {row.prefix}")
                for row in sorted(distinct.values(), key=lambda row: row.row_id)]
        version_id = await published(kept, zone)
        async with platform_transaction(STAFF) as tx:
            known = await rates(tx, version_id)
            listed = await queries.all_rates(tx, version_id)
        again = parse_rates(write_csv([ExportColumn(name) for name in COLUMNS], (
            [getattr(row, name) for name in COLUMNS] for row in listed)))
        assert again.errors == ()
        by_number = {replace(row, row_id=0, version_id=0) for row in kept}
        assert {replace(row, row_id=0, version_id=0) for row in again.rows} == by_number
        for number, at, talk, package in calls:
            expected = oracle.exact_total(kept, number, at, talk, zone, package)
            charge = known.table.rate(number, at, talk, package_seconds=package)
            assert (charge is None) is (expected is None)
            if expected and charge:
                assert (charge.exact, charge.package_seconds) == (expected[0] * 1_000_000, expected[1])
                assert Fraction(charge.posted, 1_000_000) == oracle.posted(expected[0])


@pytest.mark.req("FIN-57", "FIN-58", "FIN-59")
async def test_bands_steps_and_the_fallback_in_numbers() -> None:
    found = parse_rates(FILE.encode())
    assert found.errors == ()
    assert found.rows[0].steps == (PriceStep(60, 1_500_000), PriceStep(120, 1_200_000))
    assert found.rows[1].band == TimeBand(1200, 1440, frozenset(range(5)))
    version_id = await published(found.rows)
    async with platform_transaction(STAFF) as tx:
        table = (await rates(tx, version_id)).table

    def cost(moment: datetime, seconds: int) -> int:
        charge = table.rate("74951234567", moment, seconds)
        assert charge is not None
        assert charge.row_id
        return charge.posted

    noon = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)  # a Tuesday, 12:00 in Moscow
    assert cost(noon, 180) == 4_700_000  # 2.00 + 1.50 + 1.20
    assert cost(noon.replace(hour=17), 180) == 3_000_000  # 20:00: 1.00 a minute
    assert cost(noon.replace(hour=16, minute=59), 180) == 4_000_000  # 19:59: 2.00, then 1.00 twice
    assert cost(noon + timedelta(days=4), 180) == 1_500_000  # Saturday: 0.50
    assert cost(datetime(2027, 1, 2, 9, 0, tzinfo=UTC), 180) == 0  # a Saturday too; the greater weight wins


@pytest.mark.parametrize(("cells", "column"), [
    ("8;;;;;;;", "weekdays"), ("11;;;;;;;", "weekdays"), ("5-1;;;;;;;", "weekdays"), ("7-;;;;;;;", "weekdays"),
    (";25:00;;;;;;", "time_from"), (";24:01;;;;;;", "time_from"), (";;24:30;;;;;", "time_to"),
    (";22:00;06:00;;;;;", "time_to"), (";;;31.12.2026;;;;", "date_from"), (";;;2027-01-02;2027-01-01;;;", "date_to"),
    ("1;;;;;1001;;", "weight"), (";;;;;5;;", "weight"), ("1;;;;;-1;;", "weight"),
    (";;;;;;60;", "price_steps"), (";;;;;;60:-1;", "price_steps"), (";;;;;;60:1 60:2;", "price_steps"),
    (";;;;;;0:1;", "price_steps"), (";;;;;;;maybe", "package_minutes"), (";;;;;;" + "1:1 " * 21 + ";", "price_steps"),
])
def test_wrong_cells_are_named(cells: str, column: str) -> None:
    head = FILE.partition("\n")[0]
    found = parse_rates(f"{head}\n7;Russia;1;{cells}\n".encode())
    assert [(one.line, one.column) for one in found.errors] == [(2, column)]
    assert not found.rows


async def test_the_preview_compares_rows_by_prefix_and_band() -> None:
    tariff_id, first = await a_version(parse_rates(FILE.encode()).rows)
    changed = FILE.replace("Moscow;1;1-5", "Moscow;1.1;1-5").replace("60:1.5 120:1,2;yes", "60:1.5;yes").replace(
        "67;;;;;10", "6;;;;;10")
    async with platform_transaction(STAFF) as tx:
        second = await service.import_draft(tx, tariff_id, parse_rates(changed.encode()).rows)
        found = await queries.compare(tx, second, first)
    assert (found.added, found.changed, found.removed, found.unchanged) == (1, 2, 1, 1)
    told = {(row.kind, row.weekdays, row.other_fields) for row in found.rows}
    assert told == {("added", "6", False), ("removed", "67", False), ("changed", "12345", False),
                    ("changed", None, True)}
    holidays = parse_rates(FILE.encode()).rows[3].band
    assert holidays
    assert holidays.first_on == date(2027, 1, 1)
