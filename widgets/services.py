"""Callback widgets as a paid service, one instance each [SVC-07, SVC-08, SVC-D5]."""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.web.parts import Affected
from billing.services.catalogue import Descriptor, register
from tenants.destinations import registry
from widgets import pointers, service

NAMED = 10  # widgets named in a dialog

registry.on_pointers(pointers.tell_pointers, pointers.object_gone)


async def affected(tx: DomainTx) -> list[Affected]:
    rows = await tx.fetch("SELECT name FROM widget WHERE domain_id = $1 ORDER BY name, id", tx.domain_id)
    names = [row["name"] for row in rows]
    return [Affected(lazy("Site widgets are deleted"), names[:NAMED], len(names))] if names else []


register(Descriptor(
    service.CODE, lazy("Callback widget"), lazy("Visitors of your site leave a request to be called back."),
    lazy("A button on your site connects a visitor with your employees at once or takes a message at any time of "
         "the day."),
    "phone-call", configure="/widgets", functions=frozenset({"CALL_ME"}),
    count="SELECT domain_id, count(*)::int FROM widget WHERE domain_id = ANY($1::bigint[]) GROUP BY domain_id",
    deletes=affected, on_disconnect=service.end_all))
