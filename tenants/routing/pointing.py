"""Rules that lead to an object that is deleted [RTE-57]."""

from __future__ import annotations

from collections.abc import Sequence

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.web.parts import Affected
from tenants.destinations import registry
from tenants.numbers.outgoing import shown_number
from tenants.routing import queries

_POINTING = "domain_id = $1 AND coalesce(target_owner, target_kind) = $2 AND target_id = $3"


async def _pointers(tx: DomainTx, code: str, object_id: int) -> Sequence[Affected]:
    rows = await tx.fetch(
        "SELECT DISTINCT n.e164 FROM routing_rule r JOIN phone_number n ON n.domain_id = r.domain_id "
        "AND n.id = r.number_id WHERE r.domain_id = $1 AND coalesce(r.target_owner, r.target_kind) = $2 "
        "AND r.target_id = $3 ORDER BY 1", tx.domain_id, code, object_id)
    numbers = [shown_number(row["e164"]) for row in rows]
    return [Affected(lazy("Numbers whose rules lead there"), numbers[:10], len(numbers), "/routing")] if rows else []


async def _gone(tx: DomainTx, code: str, object_id: int) -> None:
    """Rules that lead there are kept, inactive and without a target."""
    rows = await tx.fetch(f"SELECT DISTINCT number_id FROM routing_rule WHERE {_POINTING}", tx.domain_id, code,
                          object_id)
    if not rows:
        return
    await tx.execute("UPDATE routing_rule SET is_active = false, target_kind = NULL, target_owner = NULL, "
                     f"target_id = NULL WHERE {_POINTING}", tx.domain_id, code, object_id)
    for row in rows:
        number = await queries.number(tx, row["number_id"])
        await history.record(tx, "routing_target_gone", "number", object_id=number.id, object_name=number.shown)
    await provisioning.want_new_generation(tx, "routing target deleted")


registry.on_pointers(_pointers, _gone)
