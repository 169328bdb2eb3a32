"""Use cases of tariffs: create one, import rates as a draft version, publish, discard.

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
from app.kernel import outbox
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _
from billing.rating.bands import DAY_MINUTES, TimeBand
from billing.rating.rules import RateRow
from billing.tariffs import drafts
from billing.tariffs.plan import Plan
from billing.tariffs.queries import STORED_COLUMNS
from billing.tariffs.rules import Version, VersionState, may_publish


@dataclass(frozen=True, slots=True)
class NewTariff:
    """Header of a tariff and the terms of its first draft."""

    name: str
    timezone: str = "Europe/Moscow"
    plan: Plan = field(default_factory=Plan)


async def create_tariff(tx: PlatformTx, new: NewTariff) -> int:
    """A tariff with its first draft, which has terms and no rates yet.

    Raises:
        InvalidFields: the name is taken.
    """
    try:
        async with tx.savepoint():
            tariff_id = await tx.fetchval(
                "INSERT INTO tariff (name, currency, timezone) VALUES ($1, $2, $3) RETURNING id",
                new.name, new.plan.currency.value, new.timezone)
    except UniqueViolationError as taken:
        text = _("There is a tariff with this name already")
        raise InvalidFields("taken", text, fields={"name": text}) from taken
    await history.record(tx, "tariff_created", "tariff", object_id=tariff_id, object_name=new.name,
                         changes={"timezone": (None, new.timezone)})
    version = await drafts.add_version(tx, tariff_id)
    await drafts.write_plan(tx, version.id, new.plan)
    return tariff_id


async def import_draft(tx: PlatformTx, tariff_id: int, rows: Sequence[RateRow],
                       source_file_id: int | None = None) -> int:
    """A draft that holds exactly these rates, and the terms of the version in force. The newest draft without rates
    takes them in; other drafts stay beside it.

    Raises:
        NotFound: there is no such tariff.
    """
    name = await tx.fetchval("SELECT name FROM tariff WHERE id = $1 FOR UPDATE", tariff_id)
    if name is None:
        raise drafts.no_tariff()
    version = await drafts.without_rates(tx, tariff_id) or await drafts.copy_terms(tx, tariff_id)
    await _fill(tx, version, rows, source_file_id)
    await history.record(tx, "rates_imported", "tariff", object_id=tariff_id, object_name=name,
                         changes={"version": (None, version.number), "rates": (None, len(rows))})
    return version.id


async def import_into(tx: PlatformTx, version_id: int, rows: Sequence[RateRow],
                      source_file_id: int | None = None) -> None:
    """A draft's rates are replaced; its terms stay.

    Raises:
        NotFound: there is no such version.
        Refused: it is published.
    """
    draft = await drafts.locked_draft(tx, version_id)
    await tx.execute("DELETE FROM tariff_rate WHERE version_id = $1", version_id)
    await _fill(tx, draft, rows, source_file_id)
    await history.record(tx, "rates_imported", "tariff", object_id=draft.tariff_id, object_name=draft.tariff,
                         changes={"version": (None, draft.number), "rates": (None, len(rows))})


async def _fill(tx: PlatformTx, draft: drafts.Draft, rows: Sequence[RateRow], source_file_id: int | None) -> None:
    await tx.connection.copy_records_to_table(
        "tariff_rate", columns=("version_id", *STORED_COLUMNS), records=(_record(draft.id, row) for row in rows))
    await tx.execute("UPDATE tariff_version SET source_file_id = $2 WHERE id = $1", draft.id, source_file_id)


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
    draft = await drafts.locked_draft(tx, version_id)
    if not may_publish(Version(version_id, VersionState.DRAFT, valid_from), tx.now, draft.timezone):
        text = _("Rates can come into force today or later: calls already charged keep their price")
        raise InvalidFields("past", text, fields={"valid_from": text})
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM tariff_rate WHERE version_id = $1)", version_id):
        raise Refused("no_rates", _("This version has no rates"))
    begins = datetime.combine(valid_from, time(), ZoneInfo(draft.timezone))
    await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = $2, published_at = $3 WHERE id = $1",
                     version_id, begins, tx.now)
    await history.record(tx, "tariff_published", "tariff", object_id=draft.tariff_id, object_name=draft.tariff,
                         changes={"version": (None, draft.number), "valid_from": (None, valid_from.isoformat())})
    await outbox.publish(tx, "tariff_published", {"tariff_id": draft.tariff_id}, due_at=max(begins, tx.now))
    return begins


async def discard_draft(tx: PlatformTx, version_id: int) -> int:
    """Delete a draft with its terms and rates; returns its tariff.

    Raises:
        Refused: a published version stays for good.
    """
    draft = await drafts.locked_draft(tx, version_id)
    await tx.execute("DELETE FROM tariff_rate WHERE version_id = $1", version_id)
    await tx.execute("DELETE FROM plan_service WHERE version_id = $1", version_id)
    await tx.execute("DELETE FROM tariff_version WHERE id = $1", version_id)
    await history.record(tx, "draft_discarded", "tariff", object_id=draft.tariff_id, object_name=draft.tariff,
                         changes={"version": (draft.number, None)})
    return draft.tariff_id
