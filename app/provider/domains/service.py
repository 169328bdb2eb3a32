"""What the console does with a domain beyond one feature's use case."""

from __future__ import annotations

from dataclasses import replace

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.domains import service as domains
from tenants.domains.rules import NewDomain
from tenants.pools import service as pools
from tenants.users import service as users
from tenants.users.rules import NewUser


async def create_with_administrator(tx: PlatformTx, new: NewDomain, administrator: NewUser) -> DomainTx:
    """A domain and the person who will run it, both or neither.

    Raises:
        InvalidFields: the fields of the administrator are told as `admin_…`.
    """
    await _check_references(tx, new)
    bound = await domains.create_domain(tx, replace(new, pool_id=None))
    if new.pool_id is not None:  # told in the pool's history, too
        await pools.add_domain(tx, new.pool_id, bound.domain_id)
    try:
        await users.create_user(bound, administrator)
    except InvalidFields as wrong:
        named = {"display_name": "admin_name"}
        fields = {named.get(name, f"admin_{name}"): text for name, text in wrong.fields.items()}
        raise InvalidFields(wrong.code, wrong.message, fields=fields) from wrong
    return bound


async def _check_references(tx: PlatformTx, new: NewDomain) -> None:
    """A form kept open may name a tariff, node or pool that is gone."""
    wrong: dict[str, str] = {}
    for field, table, value in (("tariff_id", "tariff", new.tariff_id), ("node_id", "pbx_node", new.node_id),
                                ("pool_id", "pool", new.pool_id)):
        if value is not None and not await tx.fetchval(f"SELECT EXISTS (SELECT FROM {table} WHERE id = $1)", value):
            wrong[field] = _("Choose one of the listed values.")
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
