"""Switching recording, its term of storage, and the end of both [REC-10…D3, REC-30…D5, SVC-D5]."""

from __future__ import annotations

from collections.abc import Sequence

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.kernel.money import Money
from app.modules.recording import queries
from billing.services import service as services
from billing.tariffs.terms import plan_of
from tenants.users.fees import also_saved, on_leaving_user

CODE = "recording"


async def switch(tx: DomainTx, ids: Sequence[int] | None, to: bool, *, mark: str | None = None) -> int:
    """Switch recording of these users, or of all (None); all of them or none [REC-D3]. New calls follow it.

    Returns:
        How many were changed; only they are charged for, in one pair of lines [SVC-D11].

    Raises:
        Forbidden: the service is off or not in the plan [GEN-D5].
        NotFound: one of the users is not of this domain.
        Refused: funds or a block.
        CostChanged: the amounts shown are out of date.
    """
    await services.scene(tx, lock=True)  # the order of locks is domain, account, user
    await services.require(tx, CODE)
    wanted = None if ids is None else sorted(set(ids))
    if wanted is not None and await queries.unknown(tx, wanted):
        raise NotFound("user", _("There is no such user"))
    rows = await tx.fetch(
        "SELECT id, login, display_name FROM domain_user WHERE domain_id = $1 AND ($2::bigint[] IS NULL "
        "OR id = ANY($2)) AND recording_on <> $3 ORDER BY id FOR NO KEY UPDATE", tx.domain_id, wanted, to)
    if not rows:
        return 0
    ref = f"user:{rows[0]['login']}" if len(rows) == 1 else "users"
    if to:
        await services.add_instances(tx, CODE, len(rows), ref, mark=mark)
    else:
        await services.remove_instances(tx, CODE, len(rows), ref)
    await tx.execute("UPDATE domain_user SET recording_on = $3 WHERE domain_id = $1 AND id = ANY($2::bigint[])",
                     tx.domain_id, [row["id"] for row in rows], to)
    await history.record_many(tx, "recording_switched", "user", [
        history.Item(row["id"], row["display_name"], {"recording_on": (not to, to)}) for row in rows])
    await provisioning.want_new_generation(tx, "recording_switched")
    return len(rows)


async def fee(tx: DomainTx, percent: int) -> Money:
    """The monthly fee of the users recorded now at that share of the plan's price."""
    item = (await plan_of(tx)).services[CODE]
    on = (await queries.counter(tx)).on
    return (item.at_percent(percent).monthly * item.charged(on)).rounded_for_ledger()


async def keep_for(tx: DomainTx, months: int) -> bool:
    """Set the term of storage. Nothing is debited now: the daily run takes the new price, the nightly deletion the new
    term [REC-D4, REC-D5].

    Returns:
        False if it is that already.

    Raises:
        InvalidFields: no such term.
    """
    await services.scene(tx, lock=True)
    await services.require(tx, CODE)
    before = await queries.months(tx)
    if months not in {tier.months for tier in await queries.tiers(tx)}:
        text = _("There is no such term of storage.")
        raise InvalidFields("months", text, fields={"months": text})
    if months == before:
        return False
    await tx.execute("INSERT INTO recording_setting (domain_id, months) VALUES ($1, $2) "
                     "ON CONFLICT (domain_id) DO UPDATE SET months = $2", tx.domain_id, months)
    await history.record(tx, "recording_term_changed", "service", object_name=_("Call recording"),
                         changes={"recording_months": (before, months)})
    return True


@on_leaving_user
async def _end_for(tx: DomainTx, user_id: int, login: str) -> None:
    """Deleting a user removes the instance; the recordings stay [REC-D2]."""
    if await queries.is_on(tx, user_id):
        await services.remove_instances(tx, CODE, 1, f"user:{login}")


@also_saved
async def _saved_by(tx: DomainTx, user_ids: Sequence[int]) -> Money:
    recorded = await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1 AND id = ANY($2::bigint[]) "
                                 "AND recording_on", tx.domain_id, user_ids)
    return await services.saving(tx, CODE, recorded)


async def end_all(tx: DomainTx) -> None:
    """The service is disconnected: nobody is recorded; recordings stay until their time is over [SVC-D5]."""
    rows = await tx.fetch("SELECT id, display_name FROM domain_user WHERE domain_id = $1 AND recording_on "
                          "ORDER BY id FOR NO KEY UPDATE", tx.domain_id)
    if rows:
        await tx.execute("UPDATE domain_user SET recording_on = false WHERE domain_id = $1 AND recording_on",
                         tx.domain_id)
        await history.record_many(tx, "recording_switched", "user", [
            history.Item(row["id"], row["display_name"], {"recording_on": (True, False)}) for row in rows])
