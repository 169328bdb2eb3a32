"""What the end of the contact centre, or of a group, means for campaigns [SVC-D5, CMP-D4]."""

from __future__ import annotations

from dataclasses import replace

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.modules import catalogue as _seed  # noqa: F401  (both register the contact centre, widened here)
from app.modules.campaigns import service
from app.modules.contact_center import services as _contact_center  # noqa: F401
from app.web.parts import Affected
from billing.services.catalogue import Deletes, Descriptor, Hook, find, register
from tenants.destinations.registry import on_pointers
from tenants.users.operators import CONTACT_CENTRE

NAMED = 10  # campaigns named in a dialog


async def affected(tx: DomainTx) -> list[Affected]:
    """Campaigns that are switched off with the contact centre [SVC-35]."""
    rows = await tx.fetch("SELECT name FROM campaign WHERE domain_id = $1 AND is_active ORDER BY lower(name), id",
                          tx.domain_id)
    names = [row["name"] for row in rows]
    return [Affected(lazy("Outgoing campaigns are switched off"), names[:NAMED], len(names))] if names else []


def _with_campaigns(known: Descriptor) -> Descriptor:
    """The contact centre as others have registered it, and what it means here."""
    tell, end = known.deletes, known.on_disconnect
    return replace(known, deletes=_also_tell(tell), on_disconnect=_also_end(end))


def _also_tell(tell: Deletes | None) -> Deletes:
    async def both(tx: DomainTx) -> list[Affected]:
        return [*(await tell(tx) if tell else ()), *await affected(tx)]
    return both


def _also_end(end: Hook | None) -> Hook:
    async def both(tx: DomainTx) -> None:
        await service.deactivate_all(tx)
        if end:
            await end(tx)
    return both


async def of_group(tx: DomainTx, code: str, object_id: int) -> list[Affected]:
    """Campaigns of a group that is to be deleted [CMP-D4]."""
    if code != "group":
        return []
    rows = await tx.fetch("SELECT name FROM campaign WHERE domain_id = $1 AND group_id = $2 ORDER BY lower(name), id",
                          tx.domain_id, object_id)
    names = [row["name"] for row in rows]
    return [Affected(lazy("Campaigns lose their group and are switched off"), names[:NAMED], len(names))] \
        if names else []


async def group_gone(tx: DomainTx, code: str, object_id: int) -> None:
    if code == "group":
        await service.deactivate_of_group(tx, object_id)


on_pointers(of_group, group_gone)
register(_with_campaigns(find(CONTACT_CENTRE)))
