"""Draft versions of a tariff: made from the version in force, their terms edited one by one until published."""

from __future__ import annotations

from dataclasses import dataclass

from app.audit import history
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from billing.tariffs.plan import ADDITIONAL_USER, Level, Plan, PlanService
from billing.tariffs.queries import STORED_COLUMNS
from billing.tariffs.terms import plan

_ADD = """
INSERT INTO tariff_version (tariff_id, number, created_by, created_at)
SELECT $1, COALESCE(max(number), 0) + 1, $2, $3 FROM tariff_version WHERE tariff_id = $1 RETURNING id, number
"""
# what a new draft begins with: the version in force, before the first one is the newest
_BASE = """
SELECT COALESCE(tariff_version_at($1, $2),
                (SELECT id FROM tariff_version WHERE tariff_id = $1 ORDER BY number DESC LIMIT 1))
"""
_SERVICE = """
INSERT INTO plan_service (version_id, service, level, monthly, connection, cycle, included)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (version_id, service) DO UPDATE SET level = EXCLUDED.level, monthly = EXCLUDED.monthly,
    connection = EXCLUDED.connection, cycle = EXCLUDED.cycle, included = EXCLUDED.included
"""
_RATES = ", ".join(STORED_COLUMNS)


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that nothing is charged by yet; `tariff` is the name."""

    id: int
    number: int
    tariff_id: int
    tariff: str
    timezone: str


def no_tariff() -> NotFound:
    return NotFound("tariff", _("There is no such tariff"))


def already_published() -> Refused:
    return Refused("already_published", _("This version is published and is not changed any more"))


async def locked_draft(tx: PlatformTx, version_id: int) -> Draft:
    """Raises NotFound, or Refused when it is published."""
    row = await tx.fetchrow(
        "SELECT v.id, v.number, v.tariff_id, v.state, t.name, t.timezone FROM tariff_version v "
        "JOIN tariff t ON t.id = v.tariff_id WHERE v.id = $1 FOR UPDATE OF v", version_id)
    if row is None:
        raise NotFound("version", _("There is no such tariff version"))
    if row["state"] != "draft":
        raise already_published()
    return Draft(row["id"], row["number"], row["tariff_id"], row["name"], row["timezone"])


async def add_version(tx: PlatformTx, tariff_id: int) -> Draft:
    """An empty draft. The tariff's row is locked here."""
    tariff = await tx.fetchrow("SELECT name, timezone FROM tariff WHERE id = $1 FOR UPDATE", tariff_id)
    if tariff is None:
        raise no_tariff()
    row = await tx.fetchrow(_ADD, tariff_id, tx.actor.login, tx.now)
    assert row is not None
    return Draft(row["id"], row["number"], tariff_id, tariff["name"], tariff["timezone"])


async def without_rates(tx: PlatformTx, tariff_id: int) -> Draft | None:
    """The newest draft into which no rates were imported."""
    version_id = await tx.fetchval(
        "SELECT v.id FROM tariff_version v WHERE v.tariff_id = $1 AND v.state = 'draft' AND NOT EXISTS "
        "(SELECT FROM tariff_rate r WHERE r.version_id = v.id) ORDER BY v.number DESC LIMIT 1", tariff_id)
    return await locked_draft(tx, version_id) if version_id is not None else None


async def copy_terms(tx: PlatformTx, tariff_id: int) -> Draft:
    """A new draft with the terms of the version in force and without rates."""
    base = await plan(tx, await tx.fetchval(_BASE, tariff_id, tx.now))
    draft = await add_version(tx, tariff_id)
    await write_plan(tx, draft.id, base)
    return draft


async def new_draft(tx: PlatformTx, tariff_id: int) -> int:
    """A copy of the version in force, terms and rates.

    Raises:
        NotFound: there is no such tariff.
    """
    base = await tx.fetchval(_BASE, tariff_id, tx.now)
    draft = await copy_terms(tx, tariff_id)
    await tx.execute(f"INSERT INTO tariff_rate (version_id, {_RATES}) SELECT $1, {_RATES} FROM tariff_rate "
                     "WHERE version_id = $2 ORDER BY id", draft.id, base)
    await history.record(tx, "draft_created", "tariff", object_id=tariff_id, object_name=draft.tariff,
                         changes={"version": (None, draft.number)})
    return draft.id


async def write_plan(tx: PlatformTx, version_id: int, terms: Plan) -> None:
    """Terms of a new draft."""
    await _write_terms(tx, version_id, terms)
    await tx.executemany(_SERVICE, [_row(version_id, one) for one in terms.services.values()])


async def change_terms(tx: PlatformTx, version_id: int, terms: Plan) -> None:
    """Minutes, MGP and discount of a draft; the services of `terms` are not looked at.

    Raises:
        NotFound: there is no such version.
        Refused: it is published.
    """
    draft = await locked_draft(tx, version_id)
    before = await plan(tx, version_id)
    await _write_terms(tx, version_id, terms)
    await _record(tx, draft, "draft_changed", {
        "included_minutes": (before.included_minutes, terms.included_minutes),
        "mgp": (before.mgp.amount, terms.mgp.amount),
        "discount_percent": (before.discount_percent, terms.discount_percent)})


async def put_service(tx: PlatformTx, version_id: int, service: PlanService, *, is_new: bool = False) -> None:
    """Add a service to a draft, or change its prices.

    Raises:
        NotFound: there is no such version, or the service to change is not in it.
        InvalidFields: the service to add is there already, or users are to be counted by something else than users.
        Refused: the version is published.
    """
    draft = await locked_draft(tx, version_id)
    before = (await plan(tx, version_id)).services.get(service.service)
    if is_new and before:
        text = _("The plan contains this service already")
        raise InvalidFields("taken", text, fields={"service": text})
    if not is_new and not before:
        raise _no_service()
    if service.service == ADDITIONAL_USER and service.level is not Level.USER:
        text = _("Additional users are counted by users")
        raise InvalidFields("level", text, fields={"level": text})
    await tx.execute(_SERVICE, *_row(version_id, service))
    await _record(tx, draft, "draft_changed", _changes(before, service))


async def remove_service(tx: PlatformTx, version_id: int, code: str) -> None:
    """Raises NotFound, or Refused when the version is published."""
    draft = await locked_draft(tx, version_id)
    before = (await plan(tx, version_id)).services.get(code)
    if before is None:
        raise _no_service()
    await tx.execute("DELETE FROM plan_service WHERE version_id = $1 AND service = $2", version_id, code)
    await _record(tx, draft, "draft_changed", {"service": (code, None)})


def _changes(before: PlanService | None, after: PlanService) -> dict[str, history.Change]:
    old = _row(0, before)[1:] if before else (None,) * 6
    names = ("service", "level", "monthly", "connection", "cycle", "included")
    found = {name: pair for name, *pair in zip(names, old, _row(0, after)[1:], strict=True) if pair[0] != pair[1]}
    if found and before:  # which service's prices these are
        found["service"] = [None, after.service]
    return {name: (pair[0], pair[1]) for name, pair in found.items()}


async def _record(tx: PlatformTx, draft: Draft, action: str, changes: dict[str, history.Change]) -> None:
    if changes:
        await history.record(tx, action, "tariff", object_id=draft.tariff_id, object_name=draft.tariff,
                             changes={"version": (None, draft.number), **changes})


async def _write_terms(tx: PlatformTx, version_id: int, terms: Plan) -> None:
    await tx.execute("UPDATE tariff_version SET included_minutes = $2, mgp = $3, discount_percent = $4 WHERE id = $1",
                     version_id, terms.included_minutes, terms.mgp.amount, terms.discount_percent)


def _row(version_id: int, one: PlanService) -> tuple[object, ...]:
    return (version_id, one.service, one.level.value, one.monthly.amount, one.connection.amount, one.cycle.value,
            one.included)


def _no_service() -> NotFound:
    return NotFound("service", _("The plan does not contain this service"))
