"""The role of a contact-centre operator: services counted by operators grow and shrink with it [USR-63, SVC-20]."""

from __future__ import annotations

from collections.abc import Sequence

from app.audit import history
from app.kernel import outbox, provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from app.web.parts import Affected
from billing.services import service as services
from billing.services.rules import Quote
from billing.tariffs.plan import Level

CONTACT_CENTRE = "contact_center"
NAMED = 10  # people named in a dialog


async def quote(tx: DomainTx, added: int = 1) -> Quote:
    """What further operators cost; the first one switches the contact centre on [SVC-22, SVC-D10]."""
    return await services.quote_level(tx, Level.OPERATOR, added, opening=CONTACT_CENTRE)


async def saving(tx: DomainTx) -> Money:
    return await services.saving_of_level(tx, Level.OPERATOR)


async def set_operator(tx: DomainTx, user_id: int, is_operator: bool, *, mark: str | None = None) -> bool:
    """Give or take the role and charge for it.

    Returns:
        False if the user has it, or has it not, already: nothing is charged.

    Raises:
        NotFound: no such user in this domain.
        Refused: funds or a block.
        Forbidden: a plan without the contact centre.
        CostChanged: the amounts shown are out of date.
    """
    await services.scene(tx, lock=True)  # the order of locks is domain, account, user
    user = await tx.fetchrow("SELECT login, display_name, is_operator FROM domain_user WHERE domain_id = $1 "
                             "AND id = $2 FOR NO KEY UPDATE", tx.domain_id, user_id)
    if user is None:
        raise NotFound("user", _("There is no such user"))
    if user["is_operator"] == is_operator:
        return False
    ref = f"user:{user['login']}"
    if is_operator:
        await services.add_level(tx, Level.OPERATOR, 1, ref, opening=CONTACT_CENTRE, mark=mark)
    else:
        await services.remove_level(tx, Level.OPERATOR, 1, ref)
    await tx.execute("UPDATE domain_user SET is_operator = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, user_id,
                     is_operator)
    await history.record(tx, "user_changed", "user", object_id=user_id, object_name=user["display_name"],
                         changes={"is_operator": (user["is_operator"], is_operator)})
    await _tell(tx, [user_id])
    return True


async def make_operators(tx: DomainTx, user_ids: Sequence[int], *, mark: str | None = None) -> int:
    """Give the role to several users, all or none; how many had it not yet: only they are charged for [GRP-53, GRP-74].

    Raises:
        Refused: funds or a block.
        Forbidden: a plan without the contact centre.
        CostChanged: the amounts shown are out of date.
    """
    await services.scene(tx, lock=True)
    rows = await tx.fetch("SELECT id, login, display_name FROM domain_user WHERE domain_id = $1 "
                          "AND id = ANY($2::bigint[]) AND NOT is_operator ORDER BY id FOR NO KEY UPDATE", tx.domain_id,
                          list(user_ids))
    if not rows:
        return 0
    ref = f"user:{rows[0]['login']}" if len(rows) == 1 else "users"
    await services.add_level(tx, Level.OPERATOR, len(rows), ref, opening=CONTACT_CENTRE, mark=mark)
    await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1 AND id = ANY($2::bigint[])",
                     tx.domain_id, [row["id"] for row in rows])
    await history.record_many(tx, "user_changed", "user", [
        history.Item(row["id"], row["display_name"], {"is_operator": (False, True)}) for row in rows])
    await _tell(tx, [row["id"] for row in rows])
    return len(rows)


async def _tell(tx: DomainTx, user_ids: Sequence[int]) -> None:
    """Sessions and the PBX: a group without operators ends its calls [GRP-25]."""
    for user_id in user_ids:
        await outbox.publish(tx, "user_role_changed", {"user_id": user_id})
    await provisioning.want_new_generation(tx, "user_role_changed")


async def affected(tx: DomainTx) -> list[Affected]:
    """Whose role ends with the contact centre [SVC-D5]."""
    rows = await tx.fetch("SELECT display_name FROM domain_user WHERE domain_id = $1 AND is_operator "
                          "ORDER BY lower(display_name), id", tx.domain_id)
    names = [row["display_name"] for row in rows]
    return [Affected(lazy("The operator role is taken from"), names[:NAMED], len(names))] if names else []


async def end_all(tx: DomainTx) -> None:
    """The contact centre is switched off: nobody is an operator any more [SVC-D5]."""
    rows = await tx.fetch("SELECT id, display_name FROM domain_user WHERE domain_id = $1 AND is_operator ORDER BY id "
                          "FOR NO KEY UPDATE", tx.domain_id)
    if not rows:
        return
    await services.remove_level(tx, Level.OPERATOR, len(rows), f"service:{CONTACT_CENTRE}")
    await tx.execute("UPDATE domain_user SET is_operator = false WHERE domain_id = $1 AND is_operator", tx.domain_id)
    await history.record_many(tx, "user_changed", "user", [
        history.Item(row["id"], row["display_name"], {"is_operator": (True, False)}) for row in rows])
    await _tell(tx, [row["id"] for row in rows])
