"""Random tariffs and calls by the thousand, without the cost of shrinking; a seed names them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

from billing.rating.bands import TimeBand
from billing.rating.prefixes import PrefixTable
from billing.rating.rules import FreeMode, PriceStep, RateRow
from tests.property.billing import oracle

CALLS_PER_TARIFF = 20
ZONES = ("Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
NUMBERS = ("74951234567", "74951234567", "74121234567", "78121234567", "4930123456", "33123456789")
PREFIXES = ("7", "7", "74", "7495", "7495", "49")
CLOSE = (1200, 1201, 1203, 1206, 120, 150, 181)  # a call meets several of these bands, and gaps between them
# clocks are changed on 30 March 2025 and 26 October 2025 in Berlin
BEGINNINGS = (datetime(2025, 3, 28, tzinfo=UTC), datetime(2025, 10, 24, tzinfo=UTC))
CHANGES = (datetime(2025, 3, 30, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Case:
    """A call by a tariff; `package`: seconds that are left."""

    rows: tuple[RateRow, ...]
    zone: str
    number: str
    answered_at: datetime
    seconds: int
    package: int


def _money(chance: Random) -> int:
    return chance.choice((0, 1, 4_999, 5_000, 16_666, 1_500_000, chance.randrange(12_000_001)))


def _seconds(chance: Random) -> int:
    return chance.choice((1, 6, 7, 30, 60, 60, chance.randrange(1, 200)))


def _band(chance: Random) -> TimeBand | None:
    if chance.random() < 0.4:
        return None
    start = chance.choice((0, chance.randrange(1440), *CLOSE))
    first = date(2025, 3, 25) + timedelta(days=chance.randrange(12)) if chance.random() < 0.3 else None
    last = (first or date(2025, 3, 29)) + timedelta(days=chance.randrange(9)) if chance.random() < 0.3 else None
    days = [day for day in range(7) if chance.random() < 0.7] or [chance.randrange(7)]
    end = min(start + chance.randrange(1, 5), 1440) if start in CLOSE else chance.randrange(start + 1, 1441)
    return TimeBand(start, chance.choice((end, end, 1440)), frozenset(days), first, last)


def _row(chance: Random, row_id: int) -> RateRow:
    steps = sorted({chance.randrange(1, 400) for _ in range(chance.choice((0, 0, 1, 3)))})
    return RateRow(
        prefix=chance.choice(PREFIXES), price=_money(chance), unit_seconds=_seconds(chance),
        connection_fee=_money(chance), first_increment=_seconds(chance), next_increment=_seconds(chance),
        minimum_charge=_money(chance), free_seconds=chance.choice((0, 0, 5, chance.randrange(121))),
        free_mode=chance.choice(tuple(FreeMode)), steps=tuple(PriceStep(second, _money(chance)) for second in steps),
        package_applies=chance.random() < 0.5, band=_band(chance), weight=chance.randrange(3), row_id=row_id,
        version_id=1)


def _moment(chance: Random, rows: tuple[RateRow, ...], zone: str) -> datetime:
    """Any, or some minutes before a change of clocks, or before a band's beginning or end."""
    if zone == "Europe/Berlin" and chance.random() < 0.3:
        return chance.choice(CHANGES) - timedelta(seconds=chance.randrange(700))
    day = chance.choice(BEGINNINGS) + timedelta(days=chance.randrange(8))
    bands = [row.band for row in rows if row.band]
    if not bands or chance.random() < 0.4:
        return day + timedelta(microseconds=chance.randrange(86_400_000_000))
    band = chance.choice(bands)
    border = chance.choice((band.start_minute, band.end_minute))
    local = day.replace(tzinfo=ZoneInfo(zone)) + timedelta(minutes=border)
    early = chance.choice((chance.randrange(600), chance.randrange(60)))
    return (local - timedelta(seconds=early, microseconds=chance.choice((0, 1, 500_000)))).astimezone(UTC)


def cases(seed: int, calls: int) -> Iterator[tuple[PrefixTable, Case]]:
    """So many calls, some of each tariff."""
    chance = Random(seed)
    for number in range(calls):
        if number % CALLS_PER_TARIFF == 0:
            rows = tuple(_row(chance, row_id) for row_id in range(1, chance.randrange(2, 9)))
            zone = chance.choice(ZONES)
            table = PrefixTable(rows, zone)
        yield table, Case(rows, zone, chance.choice(NUMBERS), _moment(chance, rows, zone),
                          chance.choice((0, 1, 59, 60, 61, chance.randrange(701), chance.randrange(701))),
                          chance.choice((0, 0, 60, chance.randrange(901))))


def difference(table: PrefixTable, case: Case) -> str:
    """What kernel and oracle do not agree on; "" when they do."""
    expected = oracle.exact_total(case.rows, case.number, case.answered_at, case.seconds, case.zone, case.package)
    charge = table.rate(case.number, case.answered_at, case.seconds, package_seconds=case.package)
    if expected is None or charge is None:
        return "" if expected is None and charge is None else f"{case}: {charge} instead of {expected}"
    total, used = expected
    found = (charge.exact, Fraction(charge.posted, 1_000_000), charge.package_seconds)
    wanted = (total * 1_000_000, oracle.posted(total), used)
    return "" if found == wanted else f"{case}: {found} instead of {wanted}"
