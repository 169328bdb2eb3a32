"""Widgets point at the groups and users that handle their requests; here is what a deletion of those means [WGT-D3]."""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import _
from app.web.parts import Affected
from widgets import letters, queries, service


async def _pointing(tx: DomainTx, code: str, object_id: int) -> list[tuple[int, str]]:
    if code not in ("group", "user"):
        return []
    rows = await tx.fetch(f"SELECT id, name FROM widget WHERE domain_id = $1 AND {code}_id = $2 ORDER BY name, id",
                          tx.domain_id, object_id)
    return [(row["id"], row["name"]) for row in rows]


async def tell_pointers(tx: DomainTx, code: str, object_id: int) -> list[Affected]:
    names = [name for _id, name in await _pointing(tx, code, object_id)]
    return [Affected(_("Site widgets that are switched off"), names[:10], len(names), "/widgets")] if names else []


async def object_gone(tx: DomainTx, code: str, object_id: int) -> None:
    """Off, without an object, and the domain is told [WGT-D3]."""
    for widget_id, name in await _pointing(tx, code, object_id):
        found = await queries.widget(tx, widget_id, lock=True)
        who = await queries.object_name(tx, found)
        await tx.execute("UPDATE widget SET is_on = false, group_id = NULL, user_id = NULL WHERE domain_id = $1 "
                         "AND id = $2", tx.domain_id, widget_id)
        await service.note(tx, found, {"widget_on": (found.is_on, False),
                                       "widget_object": (who.name if who else "", "")})
        if found.is_on:
            await letters.send(tx, "widget_off", widget=name, link=letters.address(widget_id))
