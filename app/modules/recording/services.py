"""Call recording as a paid service [SVC-07, SVC-08]."""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.modules.recording import queries, service
from app.web.parts import Affected
from billing.services.catalogue import Descriptor, register

NAMED = 10  # people named in a dialog


async def affected(tx: DomainTx) -> list[Affected]:
    """Whose recording ends with the service [SVC-35]."""
    names = [one.name for one in await queries.people(tx, None) if one.is_recorded]
    return [Affected(lazy("Recording is switched off for"), names[:NAMED], len(names))] if names else []


register(Descriptor(
    service.CODE, lazy("Call recording"), lazy("Calls of the chosen users are recorded."),
    lazy("Recordings can be listened to and downloaded from the call history until their storage time ends."),
    "microphone", configure="/recording", functions=frozenset({"RECORDING"}), order=50,
    count="SELECT domain_id, count(*)::int FROM domain_user WHERE domain_id = ANY($1::bigint[]) AND recording_on "
          "GROUP BY domain_id",
    percent="SELECT s.domain_id, t.percent FROM recording_setting s JOIN recording_tier t ON t.months = s.months "
            "WHERE s.domain_id = ANY($1::bigint[])",
    deletes=affected, on_disconnect=service.end_all))
