"""Use cases of a domain: create, switch to commercial, block and unblock."""

from __future__ import annotations

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.domains.rules import TRIAL_DAYS, TRIAL_MINUTES, NewDomain, check_domain_name, trial_end


async def create_domain(tx: PlatformTx, new: NewDomain) -> DomainTx:
    """A trial domain with its account, its first free number if the stock has one [ACC-02, ACC-03].

    Returns:
        The same transaction, bound to the new domain.

    Raises:
        InvalidFields: the name is taken or not a domain name.
    """
    name = check_domain_name(new.name)
    try:
        async with tx.savepoint():
            domain_id = await tx.fetchval(
                "INSERT INTO domain (name, display_name, company_name, trial_ends_at, trial_seconds_left, timezone, "
                "country, area_code, locale, notification_email, max_users, pool_id, route_number, pbx_node_id) "
                "VALUES ($1,left($2, 100),$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13) RETURNING id",
                name, new.company_name, trial_end(tx.now, TRIAL_DAYS), TRIAL_MINUTES * 60, new.timezone, new.country,
                new.area_code, new.locale, new.notification_email, new.max_users, new.pool_id, new.route_number,
                new.node_id)
    except UniqueViolationError as taken:
        field = "route_number" if "route" in (taken.constraint_name or "") else "name"
        raise InvalidFields("taken", _("Already taken"), fields={field: _("Already taken")}) from taken
    account = f"{40_000_000 + domain_id}"
    await tx.execute("INSERT INTO account (domain_id, number, scheme, tariff_id) VALUES ($1, $2, $3, $4)",
                     domain_id, account, new.scheme, new.tariff_id)
    await tx.execute("INSERT INTO provisioning_state (domain_id, changed_by, reason) VALUES ($1, $2, $3)",
                     domain_id, tx.actor.login, "domain_created")
    bound = await tx.enter_domain(domain_id)
    await _give_free_number(bound)
    await history.record(bound, "domain_created", "domain", object_id=domain_id, object_name=name,
                         changes={"company_name": (None, new.company_name), "scheme": (None, new.scheme)})
    return bound


async def _give_free_number(tx: DomainTx) -> None:
    """Exactly one free number comes with the trial [ACC-03]; an empty stock is no reason to fail."""
    number_id = await tx.fetchval(
        "UPDATE phone_number SET domain_id = $1, assigned_at = $2 WHERE id = (SELECT id FROM phone_number "
        "WHERE domain_id IS NULL AND category = 'city' ORDER BY e164 LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
        tx.domain_id, tx.now)
    if number_id is not None:
        await tx.execute("UPDATE domain SET default_number_id = $2 WHERE id = $1", tx.domain_id, number_id)


async def switch_to_commercial(tx: DomainTx, *, tariff_id: int, scheme: str) -> None:
    """The customer signed: one way, the rest of the trial minutes is cancelled [ACC-05, ACC-D3].

    Raises:
        Refused: the domain is commercial already.
    """
    row = await tx.fetchrow("SELECT name, mode FROM domain WHERE id = $1 FOR UPDATE", tx.domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    if row["mode"] == "commercial":
        raise Refused("already_commercial", _("The domain is in commercial mode already"))
    before = await tx.fetchrow("SELECT tariff_id, scheme FROM account WHERE domain_id = $1 FOR UPDATE", tx.domain_id)
    assert before is not None
    await tx.execute("UPDATE domain SET mode = 'commercial', trial_ends_at = NULL, trial_seconds_left = 0 "
                     "WHERE id = $1", tx.domain_id)
    await tx.execute("UPDATE account SET tariff_id = $2, scheme = $3, credit_limit = CASE WHEN $3 = 'credit' "
                     "THEN credit_limit END WHERE domain_id = $1", tx.domain_id, tariff_id, scheme)
    await end_block(tx, "trial_expired")
    await history.record(tx, "switched_to_commercial", "domain", object_id=tx.domain_id, object_name=row["name"],
                         changes={"mode": ("trial", "commercial"), "scheme": (before["scheme"], scheme),
                                  "tariff_id": (before["tariff_id"], tariff_id)})


async def start_block(tx: DomainTx, kind: str, reason: str) -> bool:
    """Suspend the service; False if a block of that kind is in force already.

    New calls are refused at once by the authorisation and by the dialplan of the next generation.
    """
    started = await tx.fetchval(
        "INSERT INTO domain_block (domain_id, kind, reason, started_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (domain_id, kind) WHERE ended_at IS NULL DO NOTHING RETURNING id",
        tx.domain_id, kind, reason[:500], tx.now)
    if started is None:
        return False
    await provisioning.want_new_generation(tx, f"block_started {kind}")
    await history.record(tx, "block_started", "domain", object_id=tx.domain_id, changes={
        "block": (None, kind), "reason": (None, reason)})
    return True


async def end_block(tx: DomainTx, kind: str) -> bool:
    """Lift the block of that kind; False if there is none."""
    ended = await tx.fetchval("UPDATE domain_block SET ended_at = $3 WHERE domain_id = $1 AND kind = $2 "
                              "AND ended_at IS NULL RETURNING id", tx.domain_id, kind, tx.now)
    if ended is None:
        return False
    await provisioning.want_new_generation(tx, f"block_ended {kind}")
    await history.record(tx, "block_ended", "domain", object_id=tx.domain_id, changes={"block": (kind, None)})
    return True
