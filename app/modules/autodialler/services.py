"""The auto-informer as a paid service, with its section [SVC-07, SVC-08, SVC-D5]."""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.modules.autodialler import service
from app.web.parts import Affected
from billing.services.catalogue import Descriptor, register

NAMED = 10  # tasks named in a dialog


async def affected(tx: DomainTx) -> list[Affected]:
    """Which tasks end with the service [SVC-35]."""
    rows = await tx.fetch("SELECT name FROM dial_task WHERE domain_id = $1 AND status <> 'deleted' "
                          "ORDER BY lower(name), id", tx.domain_id)
    names = [row["name"] for row in rows]
    return [Affected(lazy("Tasks are stopped and archived, their messages deleted"), names[:NAMED], len(names))] \
        if names else []


register(Descriptor(
    service.CODE, lazy("Auto-informer"), lazy("One voice message for a long list of numbers."),
    lazy("A recorded message is delivered to every number of a list, with repeated attempts and a report of who "
         "heard it."),
    "speakerphone", configure="/autodialler", functions=frozenset({"AUTO_DIAL"}), deletes=affected,
    on_disconnect=service.archive_all))
