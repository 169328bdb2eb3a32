"""Use cases of tariffs: create one, import rates as a draft version, compare, publish, discard.

Rates enter as a whole file; a draft is compared with the version in force before it is published. A published
version is never changed [FIN-62].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.kernel.money import Money
from billing.accounts.rules import Cycle
from billing.rating.bands import DAY_MINUTES, TimeBand
from billing.rating.rules import RateRow
from billing.tariffs.rules import Version, VersionState, may_publish

RATE_COLUMNS = ("version_id", "prefix", "destination", "price", "unit_seconds", "connection_fee", "first_increment",
                "next_increment", "minimum_charge", "free_seconds", "free_mode", "weekdays", "start_minute",
                "end_minute", "first_on", "last_on", "weight", "steps", "package_applies")


@dataclass(frozen=True, slots=True)
class NewTariff:
    """Header of a tariff; its rates come as versions."""

    name: str
    timezone: str = "Europe/Moscow"
    included_users: int = 0
    user_monthly: Money = field(default_factory=Money.zero)
    user_connection: Money = field(default_factory=Money.zero)
    cycle: Cycle = Cycle.DAILY
    included_minutes: int = 0


async def create_tariff(tx: PlatformTx, new: NewTariff) -> int:
    """Raises InvalidFields when the name is taken."""
    try:
        async with tx.savepoint():
            tariff_id = await tx.fetchval(
                "INSERT INTO tariff (name, currency, timezone, included_users, user_monthly, user_connection, "
                "fee_cycle, included_minutes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
                new.name, new.user_monthly.currency.value, new.timezone, new.included_users,
                new.user_monthly.amount, new.user_connection.amount, new.cycle.value, new.included_minutes)
    except UniqueViolationError as taken:
        text = _("There is a tariff with this name already")
        raise InvalidFields("taken", text, fields={"name": text}) from taken
    await history.record(tx, "tariff_created", "tariff", object_id=tariff_id, object_name=new.name, changes={
        "included_users": (None, new.included_users), "user_monthly": (None, new.user_monthly.amount),
        "user_connection": (None, new.user_connection.amount), "fee_cycle": (None, new.cycle.value),
        "included_minutes": (None, new.included_minutes)})
    return tariff_id


async def import_draft(tx: PlatformTx, tariff_id: int, rows: Sequence[RateRow],
                       source_file_id: int | None = None) -> int:
    """A new draft version that holds exactly these rates; an earlier draft stays beside it.

    Raises:
        NotFound: there is no such tariff.
    """
    name = await tx.fetchval("SELECT name FROM tariff WHERE id = $1 FOR UPDATE", tariff_id)
    if name is None:
        raise _no_tariff()
    version = await tx.fetchrow(
        "INSERT INTO tariff_version (tariff_id, number, created_by, created_at, source_file_id) SELECT $1, "
        "COALESCE(max(number), 0) + 1, $2, $3, $4 FROM tariff_version WHERE tariff_id = $1 RETURNING id, number",
        tariff_id, tx.actor.login, tx.now, source_file_id)
    assert version is not None
    await tx.connection.copy_records_to_table(
        "tariff_rate", columns=RATE_COLUMNS, records=(_record(version["id"], row) for row in rows))
    await history.record(tx, "rates_imported", "tariff", object_id=tariff_id, object_name=name,
                         changes={"version": (None, version["number"]), "rates": (None, len(rows))})
    return version["id"]


def _record(version_id: int, row: RateRow) -> tuple[object, ...]:
    return (version_id, row.prefix, row.destination, _amount(row.price), row.unit_seconds,
            _amount(row.connection_fee), row.first_increment, row.next_increment, _amount(row.minimum_charge),
            row.free_seconds, row.free_mode.value, *_band(row.band), row.weight if row.band else 0,
            " ".join(f"{second}:{_amount(price):f}" for second, price in row.steps), row.package_applies)


def _band(band: TimeBand | None) -> tuple[object, ...]:
    if band is None:
        return None, 0, DAY_MINUTES, None, None
    days = "".join(str(day + 1) for day in sorted(band.weekdays))
    return days, band.start_minute, band.end_minute, band.first_on, band.last_on


def _amount(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-6)


async def publish(tx: PlatformTx, version_id: int, valid_from: date) -> datetime:
    """Put a draft in force from 00:00 of a day in the tariff's zone; returns that instant.

    Raises:
        InvalidFields: the day is past.
        Refused: published already, or without rates.
    """
    row = await _locked_version(tx, version_id)
    version = Version(version_id, VersionState(row["state"]), valid_from)
    if version.state is not VersionState.DRAFT:
        raise Refused("already_published", _("This version is published already"))
    if not may_publish(version, tx.now, row["timezone"]):
        text = _("Rates can come into force today or later: calls already charged keep their price")
        raise InvalidFields("past", text, fields={"valid_from": text})
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM tariff_rate WHERE version_id = $1)", version_id):
        raise Refused("no_rates", _("This version has no rates"))
    begins = datetime.combine(valid_from, time(), ZoneInfo(row["timezone"]))
    await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = $2 WHERE id = $1",
                     version_id, begins)
    await history.record(tx, "tariff_published", "tariff", object_id=row["tariff_id"], object_name=row["name"],
                         changes={"version": (None, row["number"]), "valid_from": (None, valid_from.isoformat())})
    return begins


async def discard_draft(tx: PlatformTx, version_id: int) -> int:
    """Delete a draft with its rates; returns its tariff.

    Raises:
        Refused: a published version stays for good.
    """
    row = await _locked_version(tx, version_id)
    if row["state"] != VersionState.DRAFT.value:
        raise Refused("already_published", _("A published version cannot be deleted"))
    await tx.execute("DELETE FROM tariff_rate WHERE version_id = $1", version_id)
    await tx.execute("DELETE FROM tariff_version WHERE id = $1", version_id)
    await history.record(tx, "draft_discarded", "tariff", object_id=row["tariff_id"], object_name=row["name"],
                         changes={"version": (row["number"], None)})
    return row["tariff_id"]


async def _locked_version(tx: PlatformTx, version_id: int):
    row = await tx.fetchrow(
        "SELECT v.tariff_id, v.number, v.state, t.name, t.timezone FROM tariff_version v "
        "JOIN tariff t ON t.id = v.tariff_id WHERE v.id = $1 FOR UPDATE OF v", version_id)
    if row is None:
        raise NotFound("version", _("There is no such tariff version"))
    return row


def _no_tariff() -> NotFound:
    return NotFound("tariff", _("There is no such tariff"))
