"""The integration API as a paid service [API-20, API-25, SVC-07]."""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.modules.integration_api import service
from app.web.parts import Affected
from billing.services.catalogue import Descriptor, register


async def affected(tx: DomainTx) -> list[Affected]:
    """What disconnecting deletes [SVC-35]."""
    found = await service.of_domain(tx, tx.domain_id)
    if found is None:
        return []
    named = [found.client_id] + ([found.external_address] if found.external_address else [])
    return [Affected(lazy("Code, key, addresses, certificate, logs and ordered files are deleted"), named, len(named))]


register(Descriptor(
    service.CODE, lazy("Integration API"), lazy("Call data for your CRM and other systems."),
    lazy("Your system learns of calls while they ring, starts calls and reads the history and the recordings."),
    "plug", is_manual=True, configure="/integration-api", deletes=affected, on_connect=service.begin,
    on_disconnect=service.end))
