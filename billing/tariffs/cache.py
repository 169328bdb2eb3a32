"""Rates of published versions in memory. A published version never changes, so nothing is ever stale."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kernel.db import DomainTx, PlatformTx
from billing.rating.bands import TimeBand
from billing.rating.prefixes import PrefixTable
from billing.rating.rules import CallPrice, FreeMode, PriceStep, RateRow
from billing.tariffs.queries import RATE_COLUMNS, Rate

KEPT_VERSIONS = 64
_TYPICAL_SECONDS = 900
_NO_PRICE = CallPrice(RateRow(prefix="", price=0))  # of a version without rates, by which nobody can call


@dataclass(frozen=True, slots=True)
class Rates:
    """A version ready for rating. `dearest` prices a call when its number is not known yet."""

    version_id: int
    table: PrefixTable
    destinations: dict[str, str]
    dearest: CallPrice

    def destination(self, prefix: str) -> str:
        return self.destinations.get(prefix) or prefix


_kept: OrderedDict[int, Rates] = OrderedDict()


async def rates(tx: DomainTx | PlatformTx, version_id: int) -> Rates:
    """Raises LookupError: not a published version."""
    found = _kept.get(version_id)
    if found is not None:
        _kept.move_to_end(version_id)
        return found
    zone = await tx.fetchval("SELECT t.timezone FROM tariff_version v JOIN tariff t ON t.id = v.tariff_id "
                             "WHERE v.id = $1 AND v.state = 'published'", version_id)
    if zone is None:
        raise LookupError(f"tariff version {version_id} is not published")
    found = await read_rates(tx, version_id, zone)
    _kept[version_id] = found
    while len(_kept) > KEPT_VERSIONS:
        _kept.popitem(last=False)
    return found


async def read_rates(tx: DomainTx | PlatformTx, version_id: int, zone: str) -> Rates:
    """Rates of any version, not kept."""
    rows = await tx.fetch(f"SELECT {', '.join(RATE_COLUMNS)} FROM tariff_rate WHERE version_id = $1 "
                          "ORDER BY prefix, id", version_id)
    return _ready(version_id, [rate_row(Rate(*row.values()), version_id) for row in rows], zone)


def rate_row(rate: Rate, version_id: int) -> RateRow:
    """A stored rate as the rating kernel takes it."""
    return RateRow(
        prefix=rate.prefix, price=_millionths(rate.price), unit_seconds=rate.unit_seconds,
        connection_fee=_millionths(rate.connection_fee), first_increment=rate.first_increment,
        next_increment=rate.next_increment, minimum_charge=_millionths(rate.minimum_charge),
        free_seconds=rate.free_seconds, free_mode=FreeMode(rate.free_mode), destination=rate.destination,
        version_id=version_id, row_id=rate.id, weight=rate.weight, band=_band(rate),
        steps=tuple(PriceStep(second, _millionths(price)) for second, price in rate.price_list),
        package_applies=rate.package_applies)


def _band(rate: Rate) -> TimeBand | None:
    if rate.weekdays is None:
        return None
    return TimeBand(rate.start_minute, rate.end_minute, frozenset(int(day) - 1 for day in rate.weekdays),
                    rate.first_on, rate.last_on)


def _millionths(amount: Decimal) -> int:
    return int(amount.scaleb(6))


def _ready(version_id: int, rows: list[RateRow], zone: str) -> Rates:
    dearest = max((CallPrice(row) for row in rows), key=lambda price: price.amount(_TYPICAL_SECONDS),
                  default=_NO_PRICE)
    return Rates(version_id, PrefixTable(rows, zone), {row.prefix: row.destination for row in rows}, dearest)


def forget() -> None:
    """Drop what is kept (tests that make a database anew)."""
    _kept.clear()


@dataclass(frozen=True, slots=True)
class Versions:
    """Published versions of some tariffs with their beginnings."""

    begun: dict[int, list[tuple[datetime, int]]]

    def at(self, tariff_id: int, moment: datetime) -> int | None:
        """The version in force at `moment`; of one beginning the newest."""
        found = [one for one in self.begun.get(tariff_id, ()) if one[0] <= moment]
        return max(found)[1] if found else None


async def versions(tx: DomainTx | PlatformTx, tariff_ids: Iterable[int]) -> Versions:
    rows = await tx.fetch(
        "SELECT tariff_id, valid_from, id FROM tariff_version WHERE state = 'published' "
        "AND tariff_id = ANY($1::bigint[])",
        list(tariff_ids))
    begun: dict[int, list[tuple[datetime, int]]] = {}
    for row in rows:
        begun.setdefault(row["tariff_id"], []).append((row["valid_from"], row["id"]))
    return Versions(begun)
