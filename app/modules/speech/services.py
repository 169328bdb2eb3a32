"""Speech analytics as a paid service by users, on top of recording [SPA-01, SVC-07, SVC-08]."""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.modules.recording import queries, service
from app.web.parts import Affected
from billing.services.catalogue import Descriptor, register

NAMED = 10  # people named in a dialog


async def affected(tx: DomainTx) -> list[Affected]:
    """Whose analysis ends with the service [SVC-35]."""
    names = [one.name for one in await queries.people(tx, None) if one.is_analysed]
    return [Affected(lazy("Speech analytics is switched off for"), names[:NAMED], len(names))] if names else []


register(Descriptor(
    service.SPEECH, lazy("Speech analytics"), lazy("Recorded calls as text, with what was said and how."),
    lazy("Recordings of the chosen users are recognised and analysed: silence, interruptions, key words. The "
         "results are kept together with the recording."),
    "message", is_manual=True, configure="/speech",
    count="SELECT domain_id, count(*)::int FROM domain_user WHERE domain_id = ANY($1::bigint[]) AND analytics_on "
          "GROUP BY domain_id",
    deletes=affected, on_disconnect=service.end_analysis))
