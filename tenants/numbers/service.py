"""Use cases of a domain's numbers: who rings, which one is shown to the called party [NUM-05…09, RTE-03]."""

from __future__ import annotations

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.numbers.outgoing import may_be_outgoing, shown_number


async def set_number(tx: DomainTx, number_id: int, *, target_user_id: int | None, is_default: bool,
                     target_kind: str = "user") -> None:
    """The number's settings window: who rings and whether the domain shows it [NUM-20, NUM-21].

    Without a target the caller hears the busy tone [RTE-03]. Un-ticking the domain's outgoing number
    leaves the domain without one.

    Raises:
        InvalidFields: the target is no user of the domain.
        Refused: an 8-800 number as the outgoing one.
    """
    default_id = await tx.fetchval(  # the order of locks is domain, number
        "SELECT default_number_id FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    row = await tx.fetchrow("SELECT e164, category, target_user_id, target_kind FROM phone_number "
                            "WHERE domain_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.domain_id, number_id)
    if row is None:
        raise NotFound("number", _("There is no such number"))
    if is_default and not may_be_outgoing(row["e164"], row["category"]):
        raise Refused("toll_free_outgoing", _("A toll-free 8-800 number cannot be shown on outgoing calls."))
    changes: dict[str, tuple[object, object]] = {}
    if target_user_id != row["target_user_id"]:
        changes["target"] = (await _user_name(tx, row["target_user_id"]), await _user_name(tx, target_user_id))
        await tx.execute("UPDATE phone_number SET target_user_id = $3 WHERE domain_id = $1 AND id = $2",
                         tx.domain_id, number_id, target_user_id)
    target_kind = target_kind if target_user_id is not None else "user"
    if target_kind != row["target_kind"]:
        changes["target_kind"] = (row["target_kind"], target_kind)
        await tx.execute("UPDATE phone_number SET target_kind = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                         number_id, target_kind)
    was_default = default_id == number_id
    if is_default != was_default:
        changes["is_default"] = (was_default, is_default)
        await tx.execute("UPDATE domain SET default_number_id = $2 WHERE id = $1",
                         tx.domain_id, number_id if is_default else None)
    if changes:
        await history.record(tx, "number_changed", "number", object_id=number_id,
                             object_name=shown_number(row["e164"]), changes=changes)
        await provisioning.want_new_generation(tx, f"number_changed {row['e164']}")


async def _user_name(tx: DomainTx, user_id: int | None) -> str | None:
    """Raises InvalidFields for a user who is not of this domain."""
    if user_id is None:
        return None
    name = await tx.fetchval("SELECT display_name FROM domain_user WHERE domain_id = $1 AND id = $2 FOR KEY SHARE",
                             tx.domain_id, user_id)
    if name is None:
        text = _("Choose a user of the domain.")
        raise InvalidFields("target", text, fields={"target_user_id": text})
    return name
